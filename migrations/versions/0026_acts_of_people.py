"""people of the shop resend messages, tell scans by hand and stop following parcels; every list by an index

Revision: 0026, after 0025
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None

_REASONS = (
    'planned', 'history', 'stale', 'late_news', 'no_address', 'channel_off', 'no_template', 'already_told',
    'cancelled', 'overtaken', 'outlived', 'shadow', 'not_on_allowlist', 'accepted', 'confirmed_by_receipt', 'bounced',
    'refused', 'retrying', 'paced', 'gave_up', 'no_answer', 'silence_is_no', 'found_by_asking', 'not_there',
    'resent_unconfirmed', 'ambiguous', 'not_renderable', 'no_provider', 'suppressed_address', 'person_erased',
    'condition_false', 'rule_error', 'quiet_hours', 'merged', 'told_once', 'another_rule', 'shopper_cap', 'rule_cap',
    'fell_back', 'no_longer_so',
)
_NEW_REASONS = ('asked_again', 'unfollowed')
UNENDED = "milestone NOT IN ('cancelled', 'delivered', 'expired', 'return_received', 'returned')"
RETURNING = "(milestone = 'returning' OR direction = 'return')"
_SOURCES = ('poll', 'push', 'api', 'file')


def _reasons_known(reasons: tuple[str, ...]) -> None:
    listed = ', '.join(f"'{reason}'" for reason in reasons)
    for table in ('decisions', 'messages'):
        op.drop_constraint(op.f(f'ck_{table}_reason_known'), table, type_='check')
        op.create_check_constraint(op.f(f'ck_{table}_reason_known'), table, f'reason IN ({listed})')


def _sources_known(sources: tuple[str, ...]) -> None:
    listed = ', '.join(f"'{source}'" for source in sources)
    op.drop_constraint(op.f('ck_scans_source_known'), 'scans', type_='check')
    op.create_check_constraint(op.f('ck_scans_source_known'), 'scans', f'source IN ({listed})')


def upgrade() -> None:
    op.add_column('shipments', sa.Column('unfollowed_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        'orders',
        sa.Column('corrected', postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    op.create_table(
        'resends',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('message_id', sa.BigInteger(), nullable=False),
        sa.Column('after_attempt', sa.Integer(), nullable=False),
        sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('asked_by', sa.Text(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('was_state', sa.Text(), nullable=False),
        sa.Column('was_reason', sa.Text(), nullable=False),
        sa.Column('was_ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('readdressed', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('open', sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column('outcome', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name='fk_resends_brand_id_brands'),
        sa.ForeignKeyConstraint(['message_id'], ['messages.id'], name='fk_resends_message_id_messages'),
        sa.PrimaryKeyConstraint('id', name='pk_resends'),
    )
    op.create_index('ix_resends_message_id', 'resends', ['message_id'])
    op.create_index(
        'ix_resends_open', 'resends', ['message_id'], unique=True, postgresql_where=sa.text('open')
    )
    op.create_index('ix_orders_country', 'orders', ['brand_id', 'country'])
    op.create_index('ix_shipments_carrier', 'shipments', ['brand_id', 'carrier', 'id'])
    op.create_index(
        'ix_shipments_news', 'shipments', ['brand_id', 'milestone_at', 'id'], postgresql_where=sa.text(UNENDED)
    )
    op.create_index(
        'ix_shipments_returning', 'shipments', ['brand_id', 'id'],
        postgresql_where=sa.text(f'{UNENDED} AND {RETURNING}'),
    )
    op.drop_index('ix_shipments_late', table_name='shipments')
    op.create_index(
        'ix_shipments_late', 'shipments', ['brand_id', 'id'],
        postgresql_where=sa.text(f'late_since IS NOT NULL AND {UNENDED}'),
    )
    _reasons_known(_REASONS + _NEW_REASONS)
    _sources_known((*_SOURCES, 'person'))


def downgrade() -> None:
    _sources_known(_SOURCES)
    _reasons_known(_REASONS)
    op.drop_index('ix_shipments_late', table_name='shipments')
    op.create_index(
        'ix_shipments_late', 'shipments', ['brand_id', 'id'], postgresql_where=sa.text('late_since IS NOT NULL')
    )
    for name in ('returning', 'news', 'carrier'):
        op.drop_index(f'ix_shipments_{name}', table_name='shipments')
    op.drop_index('ix_orders_country', table_name='orders')
    op.drop_index('ix_resends_open', table_name='resends')
    op.drop_index('ix_resends_message_id', table_name='resends')
    op.drop_table('resends')
    op.drop_column('orders', 'corrected')
    op.drop_column('shipments', 'unfollowed_at')
