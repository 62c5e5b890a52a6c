"""a second step of the sign-in, the shop's own sign-in, and when keys and hooks were last used

Revision: 0027, after 0026
"""

import sqlalchemy as sa
from alembic import op

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None

_PURPOSE = 'ck_account_links_purpose_known'


def upgrade() -> None:
    op.add_column('accounts', sa.Column('subject', sa.Text(), nullable=True))
    op.create_unique_constraint(op.f('uq_accounts_subject'), 'accounts', ['subject'])
    op.create_table(
        'account_factors',
        sa.Column('account_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('secret', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('last_step', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ['account_id'], ['accounts.id'], name=op.f('fk_account_factors_account_id_accounts')
        ),
        sa.PrimaryKeyConstraint('account_id', name=op.f('pk_account_factors')),
    )
    op.create_table(
        'recovery_codes',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('account_id', sa.BigInteger(), nullable=False),
        sa.Column('digest', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ['account_id'], ['accounts.id'], name=op.f('fk_recovery_codes_account_id_accounts')
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_codes')),
        sa.UniqueConstraint('account_id', 'digest', name=op.f('uq_recovery_codes_account_id_digest')),
    )
    op.create_table(
        'hook_calls',
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('taken_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('refused_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('refusal', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('path', name=op.f('pk_hook_calls')),
    )
    op.create_index('ix_suppressions_brand_id_id', 'suppressions', ['brand_id', 'id'])
    op.add_column('api_keys', sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f(_PURPOSE), 'account_links', type_='check')
    op.create_check_constraint(
        op.f(_PURPOSE), 'account_links', "purpose IN ('set_up', 'first_word', 'second_step')"
    )


def downgrade() -> None:
    op.execute("DELETE FROM account_links WHERE purpose = 'second_step'")
    op.drop_constraint(op.f(_PURPOSE), 'account_links', type_='check')
    op.create_check_constraint(op.f(_PURPOSE), 'account_links', "purpose IN ('set_up', 'first_word')")
    op.drop_column('api_keys', 'last_used_at')
    op.drop_index('ix_suppressions_brand_id_id', table_name='suppressions')
    op.drop_table('hook_calls')
    op.drop_table('recovery_codes')
    op.drop_table('account_factors')
    op.drop_constraint(op.f('uq_accounts_subject'), 'accounts', type_='unique')
    op.drop_column('accounts', 'subject')
