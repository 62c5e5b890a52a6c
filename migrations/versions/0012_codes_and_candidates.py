"""what operations say that codes mean, and the carriers that a number may belong to

Revision: 0012, after 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0012'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('code_mappings',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('brand_id', sa.BigInteger(), nullable=True),
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('meaning', sa.Text(), nullable=False),
    sa.Column('before', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('mapped_by', sa.Text(), nullable=False),
    sa.Column('mapped_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', sa.Text(), nullable=True),
    sa.Column('ended_why', sa.Text(), nullable=True),
    sa.Column('refold_after', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_code_mappings_brand_id_brands')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_code_mappings'))
    )
    op.create_index(
        'uq_code_mappings_standing', 'code_mappings', ['carrier', 'code', sa.literal_column('coalesce(brand_id, 0)')],
        unique=True, postgresql_where=sa.text('ended_at IS NULL'),
    )
    op.create_index(
        'ix_code_mappings_refold', 'code_mappings', ['id'], postgresql_where=sa.text('refold_after IS NOT NULL')
    )
    op.add_column('scans', sa.Column('mapping_id', sa.BigInteger(), nullable=True))
    op.add_column('scans', sa.Column('read_as', sa.Text(), nullable=True))
    op.add_column(
        'shipments', sa.Column('carrier_guessed', sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column('shipments', sa.Column(
        'candidates', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
    ))


def downgrade() -> None:
    op.drop_column('shipments', 'candidates')
    op.drop_column('shipments', 'carrier_guessed')
    op.drop_column('scans', 'read_as')
    op.drop_column('scans', 'mapping_id')
    op.drop_index('ix_code_mappings_refold', table_name='code_mappings')
    op.drop_index('uq_code_mappings_standing', table_name='code_mappings')
    op.drop_table('code_mappings')
