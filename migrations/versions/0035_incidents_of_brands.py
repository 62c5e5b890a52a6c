"""an incident says which brand it concerns

Revision: 0035, after 0034. It stays empty where the whole installation is concerned. Incidents that are open at the time
are given theirs by the next look, seconds later.
"""

import sqlalchemy as sa
from alembic import op

revision = '0035'
down_revision = '0034'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('incidents', sa.Column('brand_id', sa.BigInteger(), nullable=True))
    op.create_foreign_key('fk_incidents_brand_id_brands', 'incidents', 'brands', ['brand_id'], ['id'])


def downgrade() -> None:
    op.drop_column('incidents', 'brand_id')
