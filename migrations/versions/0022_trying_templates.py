"""messages that wait are moved to another version of their template, and templates are tried on oneself

Revision: 0022, after 0021
"""

import sqlalchemy as sa
from alembic import op

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'template_moves',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('message_id', sa.BigInteger(), nullable=False),
        sa.Column('from_version_id', sa.BigInteger(), nullable=False),
        sa.Column('to_version_id', sa.BigInteger(), nullable=False),
        sa.Column('moved_by', sa.Text(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('moved_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_template_moves_brand_id_brands')),
        sa.ForeignKeyConstraint(['message_id'], ['messages.id'], name=op.f('fk_template_moves_message_id_messages')),
        sa.ForeignKeyConstraint(
            ['from_version_id'], ['template_versions.id'],
            name=op.f('fk_template_moves_from_version_id_template_versions'),
        ),
        sa.ForeignKeyConstraint(
            ['to_version_id'], ['template_versions.id'], name=op.f('fk_template_moves_to_version_id_template_versions')
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_template_moves')),
    )
    op.create_index(op.f('ix_template_moves_message_id'), 'template_moves', ['message_id'])
    op.create_table(
        'template_tests',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('public_id', sa.Text(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('channel', sa.Text(), nullable=False),
        sa.Column('locale', sa.Text(), nullable=False),
        sa.Column('digest', sa.LargeBinary(), nullable=False),
        sa.Column('about', sa.Text(), nullable=False),
        sa.Column('address_digest', sa.LargeBinary(), nullable=True),
        sa.Column('asked_by', sa.Text(), nullable=False),
        sa.Column('asked_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('provider', sa.Text(), nullable=False),
        sa.Column('outcome', sa.Text(), nullable=True),
        sa.Column('http_status', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_template_tests_brand_id_brands')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_template_tests')),
        sa.UniqueConstraint('public_id', name=op.f('uq_template_tests_public_id')),
    )
    op.create_index(op.f('ix_template_tests_brand_id_asked_at'), 'template_tests', ['brand_id', 'asked_at'])


def downgrade() -> None:
    op.drop_table('template_tests')
    op.drop_table('template_moves')
