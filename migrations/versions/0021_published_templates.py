"""what a brand publishes over the templates that ship, and drafts of it

Revision: 0021, after 0020
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('brands', sa.Column('template_edition', sa.Integer(), server_default='0', nullable=False))
    op.create_table(
        'template_texts',
        sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('digest', sa.LargeBinary(), nullable=False),
        sa.Column('content', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name='fk_template_texts_brand_id_brands'),
        sa.PrimaryKeyConstraint('id', name='pk_template_texts'),
        sa.UniqueConstraint('brand_id', 'digest', name='uq_template_texts_brand_id_digest'),
    )
    op.create_table(
        'template_publications',
        sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('template_text_id', sa.BigInteger(), nullable=True),
        sa.Column('published_at', sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column('published_by', sa.Text(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('accepted', postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name='fk_template_publications_brand_id_brands'),
        sa.ForeignKeyConstraint(
            ['template_text_id'], ['template_texts.id'], name='fk_template_publications_template_text_id_template_texts'
        ),
        sa.PrimaryKeyConstraint('id', name='pk_template_publications'),
        sa.UniqueConstraint('brand_id', 'number', 'path', name='uq_template_publications_brand_id_number_path'),
    )
    op.create_index(
        'uq_template_publications_live', 'template_publications', ['brand_id', 'path'], unique=True,
        postgresql_where=sa.text('replaced_at IS NULL'),
    )
    op.create_table(
        'template_drafts',
        sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column('brand_id', sa.BigInteger(), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('content', sa.LargeBinary(), nullable=False),
        sa.Column('based_on', sa.LargeBinary(), nullable=True),
        sa.Column('revision', sa.Integer(), server_default='1', nullable=False),
        sa.Column('saved_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('saved_by', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name='fk_template_drafts_brand_id_brands'),
        sa.PrimaryKeyConstraint('id', name='pk_template_drafts'),
        sa.UniqueConstraint('brand_id', 'path', name='uq_template_drafts_brand_id_path'),
    )


def downgrade() -> None:
    op.drop_table('template_drafts')
    op.drop_index('uq_template_publications_live', table_name='template_publications')
    op.drop_table('template_publications')
    op.drop_table('template_texts')
    op.drop_column('brands', 'template_edition')
