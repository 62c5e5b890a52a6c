"""parcels are found by the beginning of a number, and listed by what needs somebody

Revision: 0024, after 0023
"""

import sqlalchemy as sa
from alembic import op

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None

UNENDED = "milestone NOT IN ('cancelled', 'delivered', 'expired', 'return_received', 'returned')"


def upgrade() -> None:
    op.create_index('ix_orders_number', 'orders', ['brand_id', 'number'], postgresql_ops={'number': 'text_pattern_ops'})
    op.drop_index('ix_shipments_tracking_number', table_name='shipments')
    op.create_index(
        'ix_shipments_tracking_number', 'shipments', ['tracking_number'],
        postgresql_ops={'tracking_number': 'text_pattern_ops'},
    )
    op.create_index('ix_shipments_brand_id_id', 'shipments', ['brand_id', 'id'])
    op.create_index(
        'ix_shipments_unended', 'shipments', ['brand_id', 'milestone', 'milestone_at', 'id'],
        postgresql_where=sa.text(UNENDED),
    )
    op.create_index(
        'ix_shipments_late', 'shipments', ['brand_id', 'id'], postgresql_where=sa.text('late_since IS NOT NULL')
    )
    op.create_index(
        'ix_shipments_delivered', 'shipments', ['brand_id', 'delivered_at'],
        postgresql_where=sa.text('delivered_at IS NOT NULL'),
    )
    op.create_index(
        'ix_messages_planned', 'messages', ['brand_id', 'planned_at'],
        postgresql_where=sa.text("planned_at > '-infinity'"),
    )
    op.create_index(
        'ix_receipts_opened', 'receipts', ['received_at'],
        postgresql_where=sa.text("kind IN ('opened', 'machine_opened')"),
    )


def downgrade() -> None:
    op.drop_index('ix_receipts_opened', table_name='receipts')
    op.drop_index('ix_messages_planned', table_name='messages')
    for name in ('delivered', 'late', 'unended', 'brand_id_id', 'tracking_number'):
        op.drop_index(f'ix_shipments_{name}', table_name='shipments')
    op.create_index('ix_shipments_tracking_number', 'shipments', ['tracking_number'])
    op.drop_index('ix_orders_number', table_name='orders')
