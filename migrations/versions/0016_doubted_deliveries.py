"""a delivery that is doubted

Revision: 0016, after 0015
"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('shipments', sa.Column('delivery_doubted_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('shipments', 'delivery_doubted_at')
