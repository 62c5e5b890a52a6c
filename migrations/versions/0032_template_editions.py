"""a message knows which publication of its brand's templates it was decided with, and a move which it went to

Revision: 0032, after 0031. Two columns that are NULL in what is there: done at once, however many messages there are.
"""

import sqlalchemy as sa
from alembic import op

revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None

TABLES = ('messages', 'template_moves')


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column('template_edition', sa.Integer(), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, 'template_edition')
