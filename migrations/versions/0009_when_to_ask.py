"""when to ask: how likely news is, since when a number is known, what a carrier's day has cost; ends by silence

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def _causes(listed: str) -> None:
    op.drop_constraint(op.f('ck_crossings_cause_known'), 'crossings', type_='check')
    op.create_check_constraint(op.f('ck_crossings_cause_known'), 'crossings', f'cause IN ({listed})')


def _due(*columns: str) -> None:
    op.drop_index('ix_shipments_due_poll', table_name='shipments')
    op.create_index(
        'ix_shipments_due_poll', 'shipments', ['asked_of', 'brand_id', *columns],
        postgresql_where=sa.text('next_poll_at IS NOT NULL'),
    )


def upgrade() -> None:
    op.add_column('shipments', sa.Column('poll_rank', sa.SmallInteger(), server_default='1', nullable=False))
    op.add_column('shipments', sa.Column('numbered_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('carrier_budgets', sa.Column('day', sa.Date(), nullable=True))
    op.add_column('carrier_budgets', sa.Column('spent', sa.BigInteger(), server_default='0', nullable=False))
    _due('poll_rank', 'next_poll_at')
    _causes("'scan', 'promise_passed', 'silence'")


def downgrade() -> None:
    # The older schema knows no end by silence: such a parcel goes on from where its scans left it.
    op.execute("UPDATE crossings SET cause = 'scan' WHERE cause = 'silence'")
    _causes("'scan', 'promise_passed'")
    _due('next_poll_at')
    op.drop_column('carrier_budgets', 'spent')
    op.drop_column('carrier_budgets', 'day')
    op.drop_column('shipments', 'numbered_at')
    op.drop_column('shipments', 'poll_rank')
