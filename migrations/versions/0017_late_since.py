"""since when a parcel is late, what its carrier expected so far, and a look again after new rules

Revision: 0017, after 0016
"""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('shipments', sa.Column('late_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('rule_set_publications', sa.Column('look_after', sa.BigInteger(), nullable=True))
    # What a carrier expects at present is the first word that later ones are compared with.
    op.execute("""
        INSERT INTO estimates (brand_id, shipment_id, as_of, heard_at, starts_at, ends_at, day)
        SELECT brand_id, id, coalesce(estimated_as_of, last_polled_at, created_at),
            coalesce(estimated_as_of, last_polled_at, created_at), eta_from, eta_through, eta_day
        FROM shipments
        WHERE eta_from IS NOT NULL OR eta_through IS NOT NULL OR eta_day IS NOT NULL
        ON CONFLICT DO NOTHING
    """)
    # Every parcel that is on its way is looked at once: there is more to watch for now than a promise. Until then one
    # that was told of as late, and of which no more was heard, is taken to be so still.
    op.execute("""
        UPDATE shipments SET watch_at = least(watch_at, now()), late_since = (
            SELECT max(crossings.occurred_at) FROM crossings
            WHERE crossings.shipment_id = shipments.id AND crossings.milestone = 'delayed'
                AND crossings.occurred_at >= coalesce(shipments.milestone_at, '-infinity')
        )
        FROM orders
        WHERE orders.id = shipments.order_id AND orders.erased_at IS NULL AND shipments.cancelled_at IS NULL
            AND shipments.milestone NOT IN ('delivered', 'returned', 'return_received', 'cancelled', 'expired')
    """)


def downgrade() -> None:
    op.drop_column('rule_set_publications', 'look_after')
    op.drop_column('shipments', 'late_since')
