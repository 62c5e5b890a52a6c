"""pacing: how fast each sender may go; the channel whatsapp

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

_REASONS = (
    'planned', 'history', 'stale', 'late_news', 'no_address', 'channel_off', 'no_template', 'already_told',
    'cancelled', 'overtaken', 'outlived', 'shadow', 'not_on_allowlist', 'accepted', 'confirmed_by_receipt', 'bounced',
    'refused', 'retrying', 'gave_up', 'no_answer', 'silence_is_no', 'ambiguous', 'not_renderable', 'no_provider',
    'suppressed_address', 'found_by_asking', 'not_there', 'resent_unconfirmed', 'person_erased',
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
    # The older schema has no word for this channel. What waits for it ends; a "no" to it becomes one to texts, while
    # what was only true of WhatsApp (a number that it does not know) is forgotten.
    op.execute(
        "UPDATE messages SET state = 'cancelled', reason = 'channel_off', ended_at = now()"
        " WHERE channel = 'whatsapp' AND state IN ('held', 'ready')"
    )
    op.execute("UPDATE messages SET channel = 'sms' WHERE channel = 'whatsapp'")
    op.execute("""
        INSERT INTO suppressions (brand_id, channel, address_digest, address, kind, scope, provider, receipt_id,
            created_at, lifted_at)
        SELECT brand_id, 'sms', address_digest, address, kind, scope, provider, receipt_id, created_at, lifted_at
        FROM suppressions
        WHERE channel = 'whatsapp' AND lifted_at IS NULL AND kind IN ('stop', 'complaint', 'manual')
        ON CONFLICT (brand_id, channel, address_digest, kind, scope) DO UPDATE SET lifted_at = NULL
    """)
    op.execute("DELETE FROM suppressions WHERE channel = 'whatsapp'")
    op.execute("UPDATE messages SET reason = 'retrying' WHERE reason = 'paced'")
    _carry("'email', 'sms'")
    _know(_REASONS)
