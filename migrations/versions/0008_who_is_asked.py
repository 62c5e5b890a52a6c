"""who is asked about a parcel, what a carrier notes beside its scans, and which scans are movement

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('scans', sa.Column('moves', sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column('shipments', sa.Column('asked_of', sa.Text(), nullable=True))
    op.add_column('shipments', sa.Column('eta_day', sa.Date(), nullable=True))
    op.add_column('shipments', sa.Column(
        'notes', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
    ))
    op.execute("UPDATE shipments SET asked_of = carrier WHERE carrier = 'dhl'")
    op.drop_index('ix_shipments_due_poll', table_name='shipments')
    op.create_index(
        'ix_shipments_due_poll', 'shipments', ['asked_of', 'brand_id', 'next_poll_at'],
        postgresql_where=sa.text('next_poll_at IS NOT NULL'),
    )


def downgrade() -> None:
    op.drop_index('ix_shipments_due_poll', table_name='shipments')
    op.create_index(
        'ix_shipments_due_poll', 'shipments', ['carrier', 'brand_id', 'next_poll_at'],
        postgresql_where=sa.text('next_poll_at IS NOT NULL'),
    )
    op.drop_column('shipments', 'notes')
    op.drop_column('shipments', 'eta_day')
    op.drop_column('shipments', 'asked_of')
    op.drop_column('scans', 'moves')
