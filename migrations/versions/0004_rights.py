"""rights: salted digests of addresses, erased people, how far pruning has come

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

_REASONS = (
    'planned', 'history', 'stale', 'late_news', 'no_address', 'channel_off', 'no_template', 'already_told',
    'cancelled', 'overtaken', 'outlived', 'shadow', 'not_on_allowlist', 'accepted', 'confirmed_by_receipt', 'bounced',
    'refused', 'retrying', 'gave_up', 'no_answer', 'silence_is_no', 'ambiguous', 'not_renderable', 'no_provider',
    'suppressed_address', 'found_by_asking', 'not_there', 'resent_unconfirmed',
)
_NEW_REASONS = ('person_erased',)
_DIGESTS = {'suppressions': 'address_digest', 'inbound_messages': 'sender_digest'}
_SALT = "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')"


def _know(reasons: tuple[str, ...]) -> None:
    """Let both tables with reasons hold exactly these."""
    listed = ', '.join(f"'{reason}'" for reason in reasons)
    for table in ('decisions', 'messages'):
        op.drop_constraint(op.f(f'ck_{table}_reason_known'), table, type_='check')
        op.create_check_constraint(op.f(f'ck_{table}_reason_known'), table, f'reason IN ({listed})')


def upgrade() -> None:
    _know(_REASONS + _NEW_REASONS)
    op.create_table('installation',
    sa.Column('id', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('salt', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_installation_only_one')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_installation'))
    )
    op.execute(f"INSERT INTO installation (id, salt) VALUES (1, {_SALT})")
    # The stored digest becomes the salted digest of the unsalted one, so that those whose address is gone come along.
    for table, column in _DIGESTS.items():
        op.execute(f'UPDATE {table} SET {column} = sha256((SELECT salt FROM installation) || {column})')
    op.create_table('erasures',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('brand_id', sa.BigInteger(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('address_digest', sa.LargeBinary(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f('ck_erasures_channel_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_erasures_brand_id_brands')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasures')),
    sa.UniqueConstraint('brand_id', 'channel', 'address_digest', name=op.f('uq_erasures_brand_id_channel_address_digest'))
    )
    op.create_table('pruning_marks',
    sa.Column('retention', sa.Text(), nullable=False),
    sa.Column('upto', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('retention', name=op.f('pk_pruning_marks'))
    )
    op.add_column('orders', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('orders', sa.Column('erasing', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_index('ix_orders_kept', 'orders', ['placed_at'], unique=False, postgresql_where=sa.text('erased_at IS NULL'))
    op.create_index('ix_orders_erasing', 'orders', ['id'], unique=False, postgresql_where=sa.text('erasing'))
    op.create_index('ix_inbound_messages_kept', 'inbound_messages', ['received_at'], unique=False, postgresql_where=sa.text('sender IS NOT NULL OR body IS NOT NULL'))
    op.create_index('ix_suppressions_kept', 'suppressions', ['created_at'], unique=False, postgresql_where=sa.text('address IS NOT NULL'))


def downgrade() -> None:
    # An older program matches unsalted digests. They can be made again only where the address still stands; rather
    # than write to people who said no, this stops while there are others.
    op.execute("""
        DO $$ BEGIN
            IF EXISTS (SELECT 1 FROM suppressions WHERE address IS NULL) THEN
                RAISE EXCEPTION 'Suppressions of forgotten addresses cannot be read by the older schema: keep 0004.';
            END IF;
        END $$
    """)
    op.execute("UPDATE suppressions SET address_digest = sha256(convert_to(address, 'UTF8'))")
    op.execute("UPDATE inbound_messages SET sender_digest = sha256(convert_to(sender, 'UTF8')) WHERE sender IS NOT NULL")
    op.drop_index('ix_suppressions_kept', table_name='suppressions', postgresql_where=sa.text('address IS NOT NULL'))
    op.drop_index('ix_inbound_messages_kept', table_name='inbound_messages', postgresql_where=sa.text('sender IS NOT NULL OR body IS NOT NULL'))
    op.drop_index('ix_orders_erasing', table_name='orders', postgresql_where=sa.text('erasing'))
    op.drop_index('ix_orders_kept', table_name='orders', postgresql_where=sa.text('erased_at IS NULL'))
    op.drop_column('orders', 'erasing')
    op.drop_column('orders', 'erased_at')
    op.drop_table('pruning_marks')
    op.drop_table('erasures')
    op.drop_table('installation')
    op.execute("UPDATE messages SET reason = 'no_address' WHERE reason = 'person_erased'")
    op.execute("UPDATE decisions SET reason = 'no_address' WHERE reason = 'person_erased'")
    _know(_REASONS)
