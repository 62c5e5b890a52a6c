"""asking: what became of unanswered calls, and which senders rest

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

_REASONS = (
    'planned', 'history', 'stale', 'late_news', 'no_address', 'channel_off', 'no_template', 'already_told',
    'cancelled', 'overtaken', 'outlived', 'shadow', 'not_on_allowlist', 'accepted', 'confirmed_by_receipt', 'bounced',
    'refused', 'retrying', 'gave_up', 'no_answer', 'silence_is_no', 'ambiguous', 'not_renderable', 'no_provider',
    'suppressed_address',
)
_NEW_REASONS = ('found_by_asking', 'not_there', 'resent_unconfirmed')
_OLDER_WORDS = {'found_by_asking': 'confirmed_by_receipt', 'not_there': 'silence_is_no', 'resent_unconfirmed': 'retrying'}


def _know(reasons: tuple[str, ...]) -> None:
    """Let both tables with reasons hold exactly these."""
    listed = ', '.join(f"'{reason}'" for reason in reasons)
    for table in ('decisions', 'messages'):
        op.drop_constraint(op.f(f'ck_{table}_reason_known'), table, type_='check')
        op.create_check_constraint(op.f(f'ck_{table}_reason_known'), table, f'reason IN ({listed})')


def upgrade() -> None:
    _know(_REASONS + _NEW_REASONS)
    op.add_column('attempts', sa.Column('asked_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('attempts', sa.Column('asked_count', sa.Integer(), server_default='0', nullable=False))
    op.add_column('attempts', sa.Column('ask_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('attempts', sa.Column('conclusion', sa.Text(), nullable=True))
    op.add_column('attempts', sa.Column('resent', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_table('senders',
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('sender', sa.Text(), nullable=False),
    sa.Column('strikes', sa.Integer(), server_default='0', nullable=False),
    sa.Column('resting_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('why', sa.Text(), nullable=True),
    sa.Column('ask_free_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('provider', 'sender', name=op.f('pk_senders'))
    )


def downgrade() -> None:
    op.drop_table('senders')
    for column in ('resent', 'conclusion', 'ask_at', 'asked_count', 'asked_at'):
        op.drop_column('attempts', column)
    for newer, older in _OLDER_WORDS.items():
        op.execute(f"UPDATE messages SET reason = '{older}' WHERE reason = '{newer}'")
    _know(_REASONS)
