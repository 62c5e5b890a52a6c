"""rules by brand, the engine's own milestones, whole orders, fallbacks and caps

Revision: 0015, after 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

_REASONS = (
    'planned', 'history', 'stale', 'late_news', 'no_address', 'channel_off', 'no_template', 'already_told',
    'cancelled', 'overtaken', 'outlived', 'shadow', 'not_on_allowlist', 'accepted', 'confirmed_by_receipt', 'bounced',
    'refused', 'retrying', 'gave_up', 'no_answer', 'silence_is_no', 'ambiguous', 'not_renderable', 'no_provider',
    'suppressed_address', 'found_by_asking', 'not_there', 'resent_unconfirmed', 'person_erased', 'paced',
    'condition_false', 'rule_error', 'quiet_hours',
)
_NEW_REASONS = ('merged', 'told_once', 'another_rule', 'shopper_cap', 'rule_cap', 'fell_back', 'no_longer_so')
_CAUSES = ('scan', 'promise_passed', 'silence')
_NEW_CAUSES = ('carrier_says', 'eta_beyond_promise', 'eta', 'pickup_ends', 'order')

_JSON = postgresql.JSONB(astext_type=sa.Text())
_NOW = sa.text('now()')
_INSTANT = sa.DateTime(timezone=True)


def _know(table: str, column: str, words: tuple[str, ...]) -> None:
    """Let a column hold exactly these words."""
    listed = ', '.join(f"'{word}'" for word in words)
    op.drop_constraint(op.f(f'ck_{table}_{column}_known'), table, type_='check')
    op.create_check_constraint(op.f(f'ck_{table}_{column}_known'), table, f'{column} IN ({listed})')


def upgrade() -> None:
    for table in ('decisions', 'messages'):
        _know(table, 'reason', _REASONS + _NEW_REASONS)
    _know('crossings', 'cause', _CAUSES + _NEW_CAUSES)
    op.create_table(
        'rule_set_publications',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('rule_set_version_id', sa.BigInteger(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('published_at', _INSTANT, server_default=_NOW, nullable=False),
        sa.Column('published_by', sa.Text(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('replaced_at', _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id']),
        sa.ForeignKeyConstraint(['rule_set_version_id'], ['rule_set_versions.id']),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('brand_id', 'number'),
    )
    op.create_index(
        'uq_rule_set_publications_live', 'rule_set_publications', ['brand_id'], unique=True,
        postgresql_where=sa.text('replaced_at IS NULL'),
    )
    op.create_table(
        'estimates',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('shipment_id', sa.BigInteger(), nullable=False),
        sa.Column('as_of', _INSTANT, nullable=False),
        sa.Column('heard_at', _INSTANT, nullable=False),
        sa.Column('starts_at', _INSTANT, nullable=True),
        sa.Column('ends_at', _INSTANT, nullable=True),
        sa.Column('day', sa.Date(), nullable=True),
        sa.Column('retired_at', _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id']),
        sa.ForeignKeyConstraint(['shipment_id'], ['shipments.id']),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('shipment_id', 'as_of'),
    )
    op.create_table(
        'daily_counts',
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('slot', sa.SmallInteger(), nullable=False),
        sa.Column('planned', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id']),
        sa.PrimaryKeyConstraint('brand_id', 'day', 'kind', 'key', 'slot'),
    )
    op.alter_column('shipments', 'promise_due_at', new_column_name='watch_at')
    op.execute('ALTER INDEX ix_shipments_due_promise RENAME TO ix_shipments_due_watch')
    op.add_column('scans', sa.Column('retired_at', _INSTANT, nullable=True))
    op.create_index(
        'uq_scans_digest', 'scans', ['shipment_id', 'digest'], unique=True,
        postgresql_where=sa.text('retired_at IS NULL'),
    )
    op.drop_constraint(op.f('uq_scans_shipment_id_digest'), 'scans', type_='unique')
    op.add_column('crossings', sa.Column('inputs', _JSON, server_default=sa.text("'{}'::jsonb"), nullable=False))
    op.add_column('decisions', sa.Column('recipient_id', sa.Text(), server_default='shopper', nullable=False))
    op.add_column('decisions', sa.Column('inputs', _JSON, server_default=sa.text("'{}'::jsonb"), nullable=False))
    op.drop_constraint(op.f('uq_decisions_crossing_id_rule_channel'), 'decisions', type_='unique')
    op.create_unique_constraint(
        op.f('uq_decisions_crossing_id_rule_channel_recipient_id'), 'decisions',
        ['crossing_id', 'rule', 'channel', 'recipient_id'],
    )
    op.add_column('messages', sa.Column('merge_until', _INSTANT, nullable=True))
    op.add_column('messages', sa.Column('fallback_of', sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f('fk_messages_fallback_of_messages'), 'messages', 'messages', ['fallback_of'], ['id'])


def downgrade() -> None:
    # The older schema knows one answer a rule and channel, one set of scans a parcel, and fewer words.
    op.execute("DELETE FROM decisions WHERE recipient_id <> 'shopper'")
    op.execute("DELETE FROM scans WHERE retired_at IS NOT NULL")
    listed = ', '.join(f"'{reason}'" for reason in _NEW_REASONS)
    op.execute(f"UPDATE decisions SET reason = 'already_told' WHERE reason IN ({listed})")
    op.execute(f"UPDATE messages SET reason = 'already_told' WHERE reason IN ({listed})")
    causes = ', '.join(f"'{cause}'" for cause in _NEW_CAUSES)
    op.execute(f"UPDATE crossings SET cause = 'scan' WHERE cause IN ({causes})")
    op.drop_constraint(op.f('fk_messages_fallback_of_messages'), 'messages', type_='foreignkey')
    op.drop_column('messages', 'fallback_of')
    op.drop_column('messages', 'merge_until')
    op.drop_constraint(op.f('uq_decisions_crossing_id_rule_channel_recipient_id'), 'decisions', type_='unique')
    op.create_unique_constraint(
        op.f('uq_decisions_crossing_id_rule_channel'), 'decisions', ['crossing_id', 'rule', 'channel']
    )
    op.drop_column('decisions', 'inputs')
    op.drop_column('decisions', 'recipient_id')
    op.drop_column('crossings', 'inputs')
    op.create_unique_constraint(op.f('uq_scans_shipment_id_digest'), 'scans', ['shipment_id', 'digest'])
    op.drop_index('uq_scans_digest', table_name='scans')
    op.drop_column('scans', 'retired_at')
    op.execute('ALTER INDEX ix_shipments_due_watch RENAME TO ix_shipments_due_promise')
    op.alter_column('shipments', 'watch_at', new_column_name='promise_due_at')
    op.drop_table('daily_counts')
    op.drop_table('estimates')
    op.drop_table('rule_set_publications')
    for table in ('decisions', 'messages'):
        _know(table, 'reason', _REASONS)
    _know('crossings', 'cause', _CAUSES)
