"""pacing: how fast each sender may go; the channel whatsapp

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

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
_NEW_REASONS = ('paced',)


def _know(reasons: tuple[str, ...]) -> None:
    """Let both tables with reasons hold exactly these."""
    listed = ', '.join(f"'{reason}'" for reason in reasons)
    for table in ('decisions', 'messages'):
        op.drop_constraint(op.f(f'ck_{table}_reason_known'), table, type_='check')
        op.create_check_constraint(op.f(f'ck_{table}_reason_known'), table, f'reason IN ({listed})')


def _carry(channels: str) -> None:
    """Let both tables with channels hold exactly these."""
    for table in ('messages', 'suppressions'):
        op.drop_constraint(op.f(f'ck_{table}_channel_known'), table, type_='check')
        op.create_check_constraint(op.f(f'ck_{table}_channel_known'), table, f'channel IN ({channels})')


def upgrade() -> None:
    _know(_REASONS + _NEW_REASONS)
    _carry("'email', 'sms', 'whatsapp'")
    op.add_column('senders', sa.Column('busy_until', sa.DateTime(timezone=True), nullable=True))
    op.add_column('senders', sa.Column('busy_times', sa.Integer(), server_default='0', nullable=False))
    op.create_table('pace_lanes',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('free_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('queues', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_pace_lanes'))
    )


def downgrade() -> None:
    op.drop_table('pace_lanes')
    op.drop_column('senders', 'busy_times')
    op.drop_column('senders', 'busy_until')
    # The older schema has no word for this channel, so the program that goes with it could do nothing with its rows.
    for table in ('messages', 'suppressions'):
        op.execute(f"UPDATE {table} SET channel = 'sms' WHERE channel = 'whatsapp'")
    op.execute("UPDATE messages SET reason = 'retrying' WHERE reason = 'paced'")
    _carry("'email', 'sms'")
    _know(_REASONS)
