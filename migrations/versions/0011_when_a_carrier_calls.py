"""what carriers push, which numbers they follow for us, and how fresh an estimate is

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'carrier_pushes',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('carrier', sa.Text(), nullable=False),
        sa.Column('digest', sa.LargeBinary(), nullable=False),
        sa.Column('body', sa.LargeBinary(), nullable=False),
        sa.Column('received_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('taken_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('unmatched', postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column('problem', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_carrier_pushes'),
        sa.UniqueConstraint('carrier', 'digest', name='uq_carrier_pushes_carrier_digest'),
    )
    op.create_index(
        'ix_carrier_pushes_waiting', 'carrier_pushes', ['id'], postgresql_where=sa.text('taken_at IS NULL')
    )
    op.create_index(
        'ix_carrier_pushes_unmatched', 'carrier_pushes', ['received_at'],
        postgresql_where=sa.text('unmatched IS NOT NULL'),
    )
    op.create_table(
        'enrolled_numbers',
        sa.Column('carrier', sa.Text(), nullable=False),
        sa.Column('tracking_number', sa.Text(), nullable=False),
        sa.Column('followed_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('try_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
        sa.Column('problem', sa.Text(), nullable=True),
        sa.Column('called_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('touched_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('carrier', 'tracking_number', name='pk_enrolled_numbers'),
    )
    op.create_index('ix_enrolled_numbers_touched_at', 'enrolled_numbers', ['touched_at'])
    op.add_column('shipments', sa.Column('estimated_as_of', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('shipments', 'estimated_as_of')
    op.drop_table('enrolled_numbers')
    op.drop_table('carrier_pushes')
