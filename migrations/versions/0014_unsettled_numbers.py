"""the parcels whose carrier nobody knows yet, by who is asked about them

Revision: 0014, after 0013
"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'ix_shipments_unsettled', 'shipments', ['asked_of', 'next_poll_at'],
        postgresql_where=sa.text('carrier IS NULL AND next_poll_at IS NOT NULL'),
    )


def downgrade() -> None:
    op.drop_index('ix_shipments_unsettled', table_name='shipments')
