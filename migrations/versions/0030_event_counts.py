"""how often things happened, for counters that only rise

Revision: 0030, after 0029
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'event_counts',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=True),
        sa.Column('labels', postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            'hour', sa.DateTime(timezone=True), server_default=sa.text("date_trunc('hour', now())"), nullable=False
        ),
        sa.Column('number', sa.BigInteger(), nullable=False),
        sa.Column('folded', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.CheckConstraint(
            "kind IN ('scans', 'answers', 'messages', 'calls', 'reports')", name=op.f('ck_event_counts_kind_known')
        ),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_event_counts_brand_id_brands')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_event_counts')),
    )
    op.create_index(
        'uq_event_counts_folded',
        'event_counts',
        ['kind', 'brand_id', 'labels', 'hour'],
        unique=True,
        postgresql_where=sa.text('folded'),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index('ix_event_counts_kind_hour', 'event_counts', ['kind', 'hour'])
    op.create_index('ix_event_counts_fresh', 'event_counts', ['id'], postgresql_where=sa.text('NOT folded'))


def downgrade() -> None:
    op.drop_table('event_counts')
