"""the incident of a rule that has reached its daily cap

Revision: 0019, after 0018
"""

from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None

_KINDS = (
    'overdue', 'stuck', 'unconfirmed', 'ambiguous', 'failing', 'sender', 'reports', 'breach', 'storm', 'carrier_down',
    'carrier_denied', 'carrier_throttled',
)


def _know(kinds: tuple[str, ...]) -> None:
    """Let incidents be exactly of these kinds."""
    listed = ', '.join(f"'{kind}'" for kind in kinds)
    op.drop_constraint(op.f('ck_incidents_kind_known'), 'incidents', type_='check')
    op.create_check_constraint(op.f('ck_incidents_kind_known'), 'incidents', f'kind IN ({listed})')


def upgrade() -> None:
    _know((*_KINDS, 'capped'))


def downgrade() -> None:
    op.execute(
        "DELETE FROM alarm_notices USING incidents WHERE incidents.id = incident_id AND incidents.kind = 'capped'"
    )
    op.execute("DELETE FROM incidents WHERE kind = 'capped'")
    _know(_KINDS)
