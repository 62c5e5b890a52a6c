"""conditions and quiet hours: a rule's condition may not hold, or have no answer; a message may wait for the morning

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

_REASONS = (
    'planned', 'history', 'stale', 'late_news', 'no_address', 'channel_off', 'no_template', 'already_told',
    'cancelled', 'overtaken', 'outlived', 'shadow', 'not_on_allowlist', 'accepted', 'confirmed_by_receipt', 'bounced',
    'refused', 'retrying', 'gave_up', 'no_answer', 'silence_is_no', 'ambiguous', 'not_renderable', 'no_provider',
    'suppressed_address', 'found_by_asking', 'not_there', 'resent_unconfirmed', 'person_erased', 'paced',
)
_NEW_REASONS = ('condition_false', 'rule_error', 'quiet_hours')


def _know(reasons: tuple[str, ...]) -> None:
    """Let both tables with reasons hold exactly these."""
    listed = ', '.join(f"'{reason}'" for reason in reasons)
    for table in ('decisions', 'messages'):
        op.drop_constraint(op.f(f'ck_{table}_reason_known'), table, type_='check')
        op.create_check_constraint(op.f(f'ck_{table}_reason_known'), table, f'reason IN ({listed})')


def upgrade() -> None:
    _know(_REASONS + _NEW_REASONS)
    op.add_column('messages', sa.Column('quiet', sa.Text(), nullable=True))
    op.add_column('orders', sa.Column(
        'zones', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
    ))
    op.create_index(
        'ix_decisions_rule_error', 'decisions', ['decided_at'], postgresql_where=sa.text("reason = 'rule_error'")
    )


def downgrade() -> None:
    op.drop_index('ix_decisions_rule_error', table_name='decisions')
    # The older schema knows no conditions: what they withheld was, in its words, not to be told.
    op.execute(
        "UPDATE decisions SET reason = 'already_told' WHERE reason IN ('condition_false', 'rule_error', 'quiet_hours')"
    )
    op.execute("UPDATE messages SET reason = 'retrying' WHERE reason = 'quiet_hours'")
    op.drop_column('orders', 'zones')
    op.drop_column('messages', 'quiet')
    _know(_REASONS)
