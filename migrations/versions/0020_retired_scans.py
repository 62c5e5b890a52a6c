"""a parcel's retired scans are found by index

Revision: 0020, after 0019
"""

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'ix_scans_retired', 'scans', ['shipment_id'], postgresql_where=sa.text('retired_at IS NOT NULL')
    )


def downgrade() -> None:
    op.drop_index('ix_scans_retired', table_name='scans')
