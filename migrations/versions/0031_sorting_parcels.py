"""the list of parcels is sorted and narrowed by time; a promise that was corrected by hand stands

Revision: 0031, after 0030. Every parcel is told when it was ordered: a minute for a million of them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0031'
down_revision = '0030'
branch_labels = None
depends_on = None

UNENDED = "milestone NOT IN ('cancelled', 'delivered', 'expired', 'return_received', 'returned')"
ENDED_WITHOUT = "milestone IN ('cancelled', 'expired', 'return_received', 'returned')"
NEWS = sa.text('coalesce(milestone_at, ordered_at)')


def upgrade() -> None:
    op.add_column(
        'shipments',
        sa.Column('corrected', postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    op.add_column(
        'shipments',
        sa.Column('ordered_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    )
    for name in ('news', 'carrier', 'brand_id_id'):
        op.drop_index(f'ix_shipments_{name}', table_name='shipments')
    op.execute('UPDATE shipments SET ordered_at = placed_at FROM orders WHERE orders.id = order_id')
    op.create_index('ix_shipments_ordered', 'shipments', ['brand_id', 'ordered_at', 'id'])
    op.create_index('ix_shipments_carrier', 'shipments', ['brand_id', 'carrier', 'ordered_at', 'id'])
    op.create_index('ix_shipments_news', 'shipments', ['brand_id', NEWS, 'id'])
    op.create_index('ix_shipments_fresh', 'shipments', ['brand_id', NEWS, 'id'], postgresql_where=sa.text(UNENDED))
    op.create_index(
        'ix_shipments_ended_without', 'shipments', ['brand_id', 'milestone', 'ordered_at', 'id'],
        postgresql_where=sa.text(ENDED_WITHOUT),
    )
    op.create_index(
        'ix_orders_number_end', 'orders', ['brand_id', sa.literal_column('reverse(number)').label('backwards')],
        postgresql_ops={'backwards': 'text_pattern_ops'},
    )
    op.create_index(
        'ix_orders_shopper', 'orders', ['brand_id', sa.literal_column('lower(shopper_name)').label('small')],
        postgresql_ops={'small': 'text_pattern_ops'}, postgresql_where=sa.text('shopper_name IS NOT NULL'),
    )


def downgrade() -> None:
    op.drop_index('ix_orders_shopper', table_name='orders')
    op.drop_index('ix_orders_number_end', table_name='orders')
    for name in ('ended_without', 'fresh', 'news', 'carrier', 'ordered'):
        op.drop_index(f'ix_shipments_{name}', table_name='shipments')
    op.create_index('ix_shipments_brand_id_id', 'shipments', ['brand_id', 'id'])
    op.create_index('ix_shipments_carrier', 'shipments', ['brand_id', 'carrier', 'id'])
    op.create_index(
        'ix_shipments_news', 'shipments', ['brand_id', 'milestone_at', 'id'], postgresql_where=sa.text(UNENDED)
    )
    op.drop_column('shipments', 'ordered_at')
    op.drop_column('shipments', 'corrected')
