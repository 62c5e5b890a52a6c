"""sending writes each message three times: room beside it, no index that a call's begin must renew, tries counted

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
    op.add_column('messages', sa.Column('tries', sa.Integer(), server_default='0', nullable=False))
    op.execute('UPDATE messages SET tries = attempts WHERE attempts > 0')


def downgrade() -> None:
    op.drop_column('messages', 'tries')
    op.execute('ALTER TABLE messages RESET (fillfactor)')
    op.drop_index('ix_messages_leased', table_name='messages', postgresql_where=_SENDING)
    op.create_index('ix_messages_leased', 'messages', ['lease_until'], unique=False, postgresql_where=_SENDING)
