"""calls to providers are found by when they began

Revision: 0026, after 0024
"""

from alembic import op

revision = '0026'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'ix_attempts_begun', 'attempts', ['begun_at'], postgresql_using='brin',
        postgresql_ops={'begun_at': 'timestamptz_minmax_multi_ops'},
        postgresql_with={'autosummarize': 'on', 'pages_per_range': 16},
    )


def downgrade() -> None:
    op.drop_index('ix_attempts_begun', table_name='attempts')
