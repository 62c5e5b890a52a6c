"""how each carrier stands, and the incidents of one that is ill

Revision: 0010, after 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

_KINDS = ('overdue', 'stuck', 'unconfirmed', 'ambiguous', 'failing', 'sender', 'reports', 'breach', 'storm')
_NEW_KINDS = ('carrier_down', 'carrier_denied', 'carrier_throttled')


def _know(kinds: tuple[str, ...]) -> None:
    """Let incidents be exactly of these kinds."""
    listed = ', '.join(f"'{kind}'" for kind in kinds)
    op.drop_constraint(op.f('ck_incidents_kind_known'), 'incidents', type_='check')
    op.create_check_constraint(op.f('ck_incidents_kind_known'), 'incidents', f'kind IN ({listed})')


def upgrade() -> None:
    _know(_KINDS + _NEW_KINDS)
    op.create_table('carrier_health',
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), server_default='closed', nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('strikes', sa.Integer(), server_default='0', nullable=False),
    sa.Column('struck_by', sa.Text(), nullable=True),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
    sa.Column('fault', sa.Text(), nullable=True),
    sa.Column('detail', sa.Text(), server_default='', nullable=False),
    sa.Column('faulted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('pace', sa.Float(), nullable=True),
    sa.Column('latencies', postgresql.ARRAY(sa.Float()), server_default=sa.text("'{}'::double precision[]"), nullable=False),
    sa.Column('throttles', sa.Integer(), server_default='0', nullable=False),
    sa.Column('throttled_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('salt', sa.LargeBinary(), nullable=False),
    sa.Column('credentials', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint("fault IN ('timeout', 'unreachable', 'certificate', 'throttled', 'server_error', 'maintenance', 'malformed', 'denied')", name=op.f('ck_carrier_health_fault_known')),
    sa.CheckConstraint("struck_by IN ('timeout', 'unreachable', 'certificate', 'throttled', 'server_error', 'maintenance', 'malformed', 'denied')", name=op.f('ck_carrier_health_struck_by_known')),
    sa.CheckConstraint("state IN ('closed', 'open', 'probing')", name=op.f('ck_carrier_health_state_known')),
    sa.PrimaryKeyConstraint('carrier', name=op.f('pk_carrier_health'))
    )


def downgrade() -> None:
    op.drop_table('carrier_health')
    # The older schema has no word for these: what they were about is seen again, or is over.
    gone = "SELECT id FROM incidents WHERE kind IN ('carrier_down', 'carrier_denied', 'carrier_throttled')"
    op.execute(f"DELETE FROM alarm_notices WHERE incident_id IN ({gone})")
    op.execute(f"DELETE FROM incidents WHERE id IN ({gone})")
    _know(_KINDS)
