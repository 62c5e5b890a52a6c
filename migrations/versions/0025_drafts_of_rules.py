"""drafts of rules are kept while they are written, and back-tests run on their own

Revision: 0025, after 0024
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'rule_drafts',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('account_id', sa.BigInteger(), nullable=False),
        sa.Column('content', sa.Text(), nullable=False),
        sa.Column('based_on', sa.LargeBinary(), nullable=False),
        sa.Column('revision', sa.Integer(), server_default='1', nullable=False),
        sa.Column('saved_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_rule_drafts_brand_id_brands')),
        sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_rule_drafts_account_id_accounts')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_rule_drafts')),
        sa.UniqueConstraint('brand_id', 'account_id', name=op.f('uq_rule_drafts_brand_id_account_id')),
    )
    op.create_table(
        'rule_backtests',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('public_id', sa.Text(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('started_by', sa.Text(), nullable=False),
        sa.Column('content', sa.Text(), nullable=False),
        sa.Column('days', sa.Integer(), nullable=False),
        sa.Column('state', sa.Text(), server_default='running', nullable=False),
        sa.Column('done', sa.Integer(), server_default='0', nullable=False),
        sa.Column('total', sa.Integer(), server_default='0', nullable=False),
        sa.Column('result', postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column('problem', sa.Text(), server_default='', nullable=False),
        sa.Column('started_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'done', 'failed', 'stopped')", name=op.f('ck_rule_backtests_state_known')
        ),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_rule_backtests_brand_id_brands')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_rule_backtests')),
        sa.UniqueConstraint('public_id', name=op.f('uq_rule_backtests_public_id')),
    )
    op.create_index('ix_rule_backtests_brand_id_id', 'rule_backtests', ['brand_id', 'id'])
    op.create_index(
        'uq_rule_backtests_running', 'rule_backtests', ['brand_id'], unique=True,
        postgresql_where=sa.text("state = 'running'"),
    )


def downgrade() -> None:
    op.drop_table('rule_backtests')
    op.drop_table('rule_drafts')
