"""people sign in to the console, and what they change is kept in a log

Revision: 0023, after 0022
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'accounts',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('public_id', sa.Text(), nullable=False),
        sa.Column('email', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('role', sa.Text(), nullable=False),
        sa.Column('brand_ids', postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column('password', sa.Text(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('owner', 'operations', 'marketer', 'agent', 'reader')", name=op.f('ck_accounts_role_known')
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts')),
        sa.UniqueConstraint('public_id', name=op.f('uq_accounts_public_id')),
        sa.UniqueConstraint('email', name=op.f('uq_accounts_email')),
    )
    op.create_table(
        'account_sessions',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('account_id', sa.BigInteger(), nullable=False),
        sa.Column('digest', sa.LargeBinary(), nullable=False),
        sa.Column('csrf', sa.Text(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=True),
        sa.Column('notice', sa.Text(), nullable=True),
        sa.Column('device', sa.Text(), nullable=False),
        sa.Column('network', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ['account_id'], ['accounts.id'], name=op.f('fk_account_sessions_account_id_accounts')
        ),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_account_sessions_brand_id_brands')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_account_sessions')),
        sa.UniqueConstraint('digest', name=op.f('uq_account_sessions_digest')),
    )
    op.create_index(
        'ix_account_sessions_account_id', 'account_sessions', ['account_id'],
        postgresql_where=sa.text('ended_at IS NULL'),
    )
    op.create_table(
        'account_links',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('digest', sa.LargeBinary(), nullable=False),
        sa.Column('purpose', sa.Text(), nullable=False),
        sa.Column('account_id', sa.BigInteger(), nullable=True),
        sa.Column('made_by', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("purpose IN ('set_up', 'first_word')", name=op.f('ck_account_links_purpose_known')),
        sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_account_links_account_id_accounts')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_account_links')),
        sa.UniqueConstraint('digest', name=op.f('uq_account_links_digest')),
    )
    op.create_table(
        'sign_in_tries',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('subject', sa.LargeBinary(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_tries')),
    )
    op.create_index('ix_sign_in_tries_subject_at', 'sign_in_tries', ['subject', 'at'])
    op.create_table(
        'audit_entries',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=True),
        sa.Column('account_id', sa.BigInteger(), nullable=True),
        sa.Column('key_id', sa.BigInteger(), nullable=True),
        sa.Column('actor', sa.Text(), nullable=False),
        sa.Column('action', sa.Text(), nullable=False),
        sa.Column('subject', sa.Text(), nullable=False),
        sa.Column('before', postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column('after', postgresql.JSONB(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_audit_entries_brand_id_brands')),
        sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_audit_entries_account_id_accounts')),
        sa.ForeignKeyConstraint(['key_id'], ['api_keys.id'], name=op.f('fk_audit_entries_key_id_api_keys')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entries')),
    )
    op.create_index('ix_audit_entries_brand_id_id', 'audit_entries', ['brand_id', 'id'])
    op.create_index('ix_audit_entries_account_id_id', 'audit_entries', ['account_id', 'id'])


def downgrade() -> None:
    op.drop_table('audit_entries')
    op.drop_table('sign_in_tries')
    op.drop_table('account_links')
    op.drop_table('account_sessions')
    op.drop_table('accounts')
