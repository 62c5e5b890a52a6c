"""what shoppers choose to be told, what they did not receive, and the links that they ask for

Revision: 0029, after 0028
"""

import sqlalchemy as sa
from alembic import op

revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None

_KINDS = (
    'overdue', 'stuck', 'unconfirmed', 'ambiguous', 'failing', 'sender', 'reports', 'breach', 'storm', 'capped',
    'carrier_down', 'carrier_denied', 'carrier_throttled',
)
_REASONS = (
    'planned', 'history', 'stale', 'late_news', 'no_address', 'channel_off', 'no_template', 'already_told',
    'cancelled', 'overtaken', 'outlived', 'shadow', 'not_on_allowlist', 'accepted', 'confirmed_by_receipt',
    'bounced', 'refused', 'retrying', 'paced', 'gave_up', 'no_answer', 'silence_is_no', 'found_by_asking',
    'not_there', 'resent_unconfirmed', 'ambiguous', 'not_renderable', 'no_provider', 'suppressed_address',
    'person_erased', 'condition_false', 'rule_error', 'quiet_hours', 'merged', 'told_once', 'another_rule',
    'shopper_cap', 'rule_cap', 'fell_back', 'no_longer_so', 'asked_again', 'unfollowed',
)


def _know(table: str, column: str, values: tuple[str, ...]) -> None:
    """Let a column hold exactly these values. What is written while it is checked waits for nobody."""
    name = f'ck_{table}_{column}_known'
    listed = ', '.join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(name), table, type_='check')
    op.execute(f'ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IN ({listed})) NOT VALID')
    op.execute(f'ALTER TABLE {table} VALIDATE CONSTRAINT {name}')


def upgrade() -> None:
    _know('incidents', 'kind', (*_KINDS, 'not_received'))
    for table in ('messages', 'decisions'):
        _know(table, 'reason', (*_REASONS, 'not_wanted'))
    op.create_table(
        'choices',
        sa.Column('address_digest', sa.LargeBinary(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('channel', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.CheckConstraint("channel IN ('email', 'sms', 'whatsapp')", name=op.f('ck_choices_channel_known')),
        sa.CheckConstraint(
            "kind IN ('on_its_way', 'arriving_today', 'ready_to_collect', 'delivered', 'problems', 'returns')",
            name=op.f('ck_choices_kind_known'),
        ),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_choices_brand_id_brands')),
        sa.PrimaryKeyConstraint('address_digest', 'brand_id', 'channel', 'kind', name=op.f('pk_choices')),
    )
    op.create_table(
        'claims',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('public_id', sa.Text(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('shipment_id', sa.BigInteger(), nullable=False),
        sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('closed_by', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_claims_brand_id_brands')),
        sa.ForeignKeyConstraint(['shipment_id'], ['shipments.id'], name=op.f('fk_claims_shipment_id_shipments')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_claims')),
        sa.UniqueConstraint('public_id', name=op.f('uq_claims_public_id')),
    )
    unclosed = sa.text('closed_at IS NULL')
    op.create_index('uq_claims_open', 'claims', ['shipment_id'], unique=True, postgresql_where=unclosed)
    op.create_index('ix_claims_shipment_id', 'claims', ['shipment_id'])
    op.create_index('ix_claims_told', 'claims', ['opened_at'], postgresql_where=unclosed)
    op.create_table(
        'link_requests',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('number', sa.Text(), nullable=True),
        sa.Column('email', sa.Text(), nullable=True),
        sa.Column('address_digest', sa.LargeBinary(), nullable=False),
        sa.Column('network_digest', sa.LargeBinary(), nullable=False),
        sa.Column('asked_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_link_requests_brand_id_brands')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_link_requests')),
    )
    op.create_index(
        'ix_link_requests_waiting', 'link_requests', ['id'], postgresql_where=sa.text('answered_at IS NULL')
    )
    op.create_index('ix_link_requests_address', 'link_requests', ['address_digest', 'asked_at'])
    op.create_index('ix_link_requests_network', 'link_requests', ['network_digest', 'asked_at'])
    op.create_index('ix_link_requests_asked_at', 'link_requests', ['asked_at'])
    op.create_table(
        'link_mails',
        sa.Column('order_id', sa.BigInteger(), nullable=False),
        sa.Column('public_id', sa.Text(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('begun_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('provider', sa.Text(), nullable=True),
        sa.Column('outcome', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_link_mails_order_id_orders')),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_link_mails_brand_id_brands')),
        sa.PrimaryKeyConstraint('order_id', name=op.f('pk_link_mails')),
        sa.UniqueConstraint('public_id', name=op.f('uq_link_mails_public_id')),
    )


def downgrade() -> None:
    for table in ('link_mails', 'link_requests', 'claims', 'choices'):
        op.drop_table(table)
    op.execute("UPDATE messages SET reason = 'suppressed_address' WHERE reason = 'not_wanted'")
    op.execute("UPDATE decisions SET reason = 'suppressed_address' WHERE reason = 'not_wanted'")
    for table in ('messages', 'decisions'):
        _know(table, 'reason', _REASONS)
    op.execute(
        "DELETE FROM alarm_notices USING incidents WHERE incidents.id = incident_id AND incidents.kind = 'not_received'"
    )
    op.execute("DELETE FROM incidents WHERE kind = 'not_received'")
    _know('incidents', 'kind', _KINDS)
