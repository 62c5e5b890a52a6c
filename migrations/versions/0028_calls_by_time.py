"""calls to providers are found by when they began; a report that was read says whose it is

Revision: 0028, after 0027
"""

import sqlalchemy as sa
from alembic import op

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None

OPENED = sa.text("kind IN ('opened', 'machine_opened')")


def upgrade() -> None:
    op.create_index(
        'ix_attempts_begun', 'attempts', ['begun_at'], postgresql_using='brin',
        postgresql_ops={'begun_at': 'timestamptz_minmax_multi_ops'},
        postgresql_with={'autosummarize': 'on', 'pages_per_range': 16},
    )
    op.drop_index('ix_receipts_opened', table_name='receipts')
    op.add_column('receipts', sa.Column('brand_id', sa.BigInteger(), nullable=True))
    op.create_foreign_key('fk_receipts_brand_id_brands', 'receipts', 'brands', ['brand_id'], ['id'])
    # Of those that were read before, only what is counted: what was opened within a day.
    op.execute("""
        UPDATE receipts SET brand_id = attempts.brand_id FROM attempts
        WHERE attempts.public_id = receipts.attempt_public_id AND receipts.applied_at IS NOT NULL
            AND receipts.kind IN ('opened', 'machine_opened') AND receipts.received_at > now() - interval '1 day'
    """)
    op.create_index(
        'ix_receipts_opened', 'receipts', ['brand_id', 'received_at'],
        postgresql_include=['attempt_public_id', 'kind'], postgresql_where=OPENED,
    )


def downgrade() -> None:
    op.drop_index('ix_receipts_opened', table_name='receipts')
    op.drop_constraint('fk_receipts_brand_id_brands', 'receipts', type_='foreignkey')
    op.drop_column('receipts', 'brand_id')
    op.create_index('ix_receipts_opened', 'receipts', ['received_at'], postgresql_where=OPENED)
    op.drop_index('ix_attempts_begun', table_name='attempts')
