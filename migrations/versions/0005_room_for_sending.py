"""sending writes each message three times: room beside it, and no index that a call's begin must renew

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

_SENDING = sa.text("state = 'sending'")


def upgrade() -> None:
    op.drop_index('ix_messages_leased', table_name='messages', postgresql_where=_SENDING)
    op.create_index('ix_messages_leased', 'messages', ['id'], unique=False, postgresql_where=_SENDING)
    op.execute('ALTER TABLE messages SET (fillfactor = 60)')


def downgrade() -> None:
    op.execute('ALTER TABLE messages RESET (fillfactor)')
    op.drop_index('ix_messages_leased', table_name='messages', postgresql_where=_SENDING)
    op.create_index('ix_messages_leased', 'messages', ['lease_until'], unique=False, postgresql_where=_SENDING)
