"""an order is found by how its shopper's name ends

Revision: 0033, after 0032. The index takes a few seconds for a million orders; it goes with the name when that is erased.
"""

import sqlalchemy as sa
from alembic import op

revision = '0033'
down_revision = '0032'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'ix_orders_shopper_end', 'orders',
        ['brand_id', sa.literal_column('reverse(lower(shopper_name))').label('backwards')],
        postgresql_ops={'backwards': 'text_pattern_ops'}, postgresql_where=sa.text('shopper_name IS NOT NULL'),
    )


def downgrade() -> None:
    op.drop_index('ix_orders_shopper_end', table_name='orders')
