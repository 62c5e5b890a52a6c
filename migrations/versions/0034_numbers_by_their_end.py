"""a parcel is found by how its tracking number ends

Revision: 0034, after 0033. The ends stand in a table of their own: a poll writes the parcel's row anew, and would write
one more index each time. The database itself keeps the table, so that no way of giving a parcel its number can forget
it. Of a million parcels it takes about ten seconds.
"""

import sqlalchemy as sa
from alembic import op

revision = '0034'
down_revision = '0033'
branch_labels = None
depends_on = None

_END = "reverse(upper(regexp_replace({row}.tracking_number, '[^0-9A-Za-z]', '', 'g')))"
_INSERT = f"""
    INSERT INTO tracking_ends (shipment_id, brand_id, backwards)
    SELECT fresh.id, fresh.brand_id, {_END.format(row='fresh')} FROM {{fresh}} AS fresh
    WHERE fresh.tracking_number IS NOT NULL
"""


def upgrade() -> None:
    op.create_table(
        'tracking_ends',
        sa.Column('shipment_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('backwards', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['shipment_id'], ['shipments.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('shipment_id'),
    )
    op.execute(_INSERT.format(fresh='shipments'))
    op.create_index(
        'ix_tracking_ends', 'tracking_ends', ['brand_id', 'backwards'],
        postgresql_ops={'backwards': 'text_pattern_ops'},
    )
    op.execute(f"""
        CREATE FUNCTION note_tracking_ends() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {_INSERT.format(fresh='fresh')};
            RETURN NULL;
        END $$
    """)
    op.execute(f"""
        CREATE FUNCTION note_tracking_end() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM tracking_ends WHERE shipment_id = NEW.id;
            INSERT INTO tracking_ends (shipment_id, brand_id, backwards)
            SELECT NEW.id, NEW.brand_id, {_END.format(row='NEW')} WHERE NEW.tracking_number IS NOT NULL;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER note_tracking_ends AFTER INSERT ON shipments REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION note_tracking_ends()
    """)
    op.execute("""
        CREATE TRIGGER note_tracking_end AFTER UPDATE OF tracking_number ON shipments
        FOR EACH ROW WHEN (OLD.tracking_number IS DISTINCT FROM NEW.tracking_number)
        EXECUTE FUNCTION note_tracking_end()
    """)


def downgrade() -> None:
    op.execute('DROP TRIGGER note_tracking_end ON shipments')
    op.execute('DROP TRIGGER note_tracking_ends ON shipments')
    op.execute('DROP FUNCTION note_tracking_end()')
    op.execute('DROP FUNCTION note_tracking_ends()')
    op.drop_table('tracking_ends')
