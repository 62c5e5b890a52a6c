"""consent: suppressions, inbound SMS, batches of reports

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

_REASONS = (
    'planned', 'history', 'stale', 'late_news', 'no_address', 'channel_off', 'no_template', 'already_told',
    'cancelled', 'overtaken', 'outlived', 'shadow', 'not_on_allowlist', 'accepted', 'confirmed_by_receipt', 'bounced',
    'refused', 'retrying', 'gave_up', 'no_answer', 'silence_is_no', 'ambiguous', 'not_renderable', 'no_provider',
)
_NEW_REASONS = ('suppressed_address',)


def _know(reasons: tuple[str, ...]) -> None:
    """Let both tables with reasons hold exactly these."""
    listed = ', '.join(f"'{reason}'" for reason in reasons)
    for table in ('decisions', 'messages'):
        op.drop_constraint(op.f(f'ck_{table}_reason_known'), table, type_='check')
        op.create_check_constraint(op.f(f'ck_{table}_reason_known'), table, f'reason IN ({listed})')


def upgrade() -> None:
    _know(_REASONS + _NEW_REASONS)
    op.add_column('receipts', sa.Column('cause', sa.Text(), nullable=True))
    op.create_table('suppressions',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('brand_id', sa.BigInteger(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('address_digest', sa.LargeBinary(), nullable=False),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('provider', sa.Text(), nullable=True),
    sa.Column('receipt_id', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f('ck_suppressions_channel_known')),
    sa.CheckConstraint("kind IN ('bounce', 'block', 'complaint', 'stop', 'unsubscribe', 'invalid', 'manual')", name=op.f('ck_suppressions_kind_known')),
    sa.CheckConstraint("scope IN ('all', 'marketing')", name=op.f('ck_suppressions_scope_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_suppressions_brand_id_brands')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_suppressions')),
    sa.UniqueConstraint('brand_id', 'channel', 'address_digest', 'kind', 'scope', name=op.f('uq_suppressions_brand_id_channel_address_digest_kind_scope'))
    )
    op.create_index('ix_suppressions_obeyed', 'suppressions', ['address_digest'], unique=False, postgresql_where=sa.text("lifted_at IS NULL AND scope = 'all'"))
    op.create_table('inbound_messages',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('brand_id', sa.BigInteger(), nullable=True),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('event_key', sa.Text(), nullable=False),
    sa.Column('sender', sa.Text(), nullable=True),
    sa.Column('sender_digest', sa.LargeBinary(), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=True),
    sa.Column('meaning', sa.Text(), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=True),
    sa.Column('shipment_id', sa.BigInteger(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("meaning IN ('stop', 'start', 'help', 'message')", name=op.f('ck_inbound_messages_meaning_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_inbound_messages_brand_id_brands')),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_inbound_messages_order_id_orders')),
    sa.ForeignKeyConstraint(['shipment_id'], ['shipments.id'], name=op.f('fk_inbound_messages_shipment_id_shipments')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inbound_messages')),
    sa.UniqueConstraint('provider', 'event_key', name=op.f('uq_inbound_messages_provider_event_key'))
    )
    op.create_index('ix_inbound_messages_sender_digest', 'inbound_messages', ['sender_digest'], unique=False)
    op.create_index('ix_inbound_messages_shipment_id', 'inbound_messages', ['shipment_id'], unique=False)
    op.create_table('receipt_batches',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('unpacked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_receipt_batches')),
    sa.UniqueConstraint('provider', 'digest', name=op.f('uq_receipt_batches_provider_digest'))
    )
    op.create_index('ix_receipt_batches_waiting', 'receipt_batches', ['id'], unique=False, postgresql_where=sa.text('unpacked_at IS NULL'))


def downgrade() -> None:
    op.drop_index('ix_receipt_batches_waiting', table_name='receipt_batches', postgresql_where=sa.text('unpacked_at IS NULL'))
    op.drop_table('receipt_batches')
    op.drop_index('ix_inbound_messages_shipment_id', table_name='inbound_messages')
    op.drop_index('ix_inbound_messages_sender_digest', table_name='inbound_messages')
    op.drop_table('inbound_messages')
    op.drop_index('ix_suppressions_obeyed', table_name='suppressions', postgresql_where=sa.text("lifted_at IS NULL AND scope = 'all'"))
    op.drop_table('suppressions')
    op.drop_column('receipts', 'cause')
    # What the older schema has no word for was withheld for want of a way to reach the shopper.
    op.execute("UPDATE messages SET reason = 'no_address' WHERE reason = 'suppressed_address'")
    op.execute("UPDATE decisions SET reason = 'no_address' WHERE reason = 'suppressed_address'")
    _know(_REASONS)
