"""pauses, alarms and the storm brake

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_marks',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('before', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('reached', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_audit_marks'))
    )
    op.create_table('incidents',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('summary', sa.Text(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('overdue', 'stuck', 'unconfirmed', 'ambiguous', 'failing', 'sender', 'reports', 'breach', 'storm')", name=op.f('ck_incidents_kind_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incidents')),
    sa.UniqueConstraint('public_id', name=op.f('uq_incidents_public_id'))
    )
    op.create_index('uq_incidents_open', 'incidents', ['kind', 'subject'], unique=True, postgresql_where=sa.text('closed_at IS NULL'))
    op.create_table('alarm_notices',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('public_id', sa.Text(), nullable=False),
    sa.Column('incident_id', sa.BigInteger(), nullable=False),
    sa.Column('stage', sa.Text(), nullable=False),
    sa.Column('route', sa.Text(), nullable=False),
    sa.Column('content', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
    sa.Column('problem', sa.Text(), nullable=True),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('given_up_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("route IN ('url', 'email')", name=op.f('ck_alarm_notices_route_known')),
    sa.CheckConstraint("stage IN ('opened', 'resolved')", name=op.f('ck_alarm_notices_stage_known')),
    sa.ForeignKeyConstraint(['incident_id'], ['incidents.id'], name=op.f('fk_alarm_notices_incident_id_incidents')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alarm_notices')),
    sa.UniqueConstraint('incident_id', 'stage', 'route', name=op.f('uq_alarm_notices_incident_id_stage_route')),
    sa.UniqueConstraint('public_id', name=op.f('uq_alarm_notices_public_id'))
    )
    op.create_index('ix_alarm_notices_waiting', 'alarm_notices', ['due_at'], unique=False, postgresql_where=sa.text('told_at IS NULL AND given_up_at IS NULL'))
    op.create_table('pauses',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('brand_id', sa.BigInteger(), nullable=True),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('paused_by', sa.Text(), nullable=False),
    sa.Column('automatic', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lifted_by', sa.Text(), nullable=True),
    sa.Column('emptied_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('all', 'brand', 'rule', 'template', 'carrier', 'channel', 'milestone')", name=op.f('ck_pauses_kind_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_pauses_brand_id_brands')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pauses'))
    )
    op.create_index('ix_pauses_emptying', 'pauses', ['id'], unique=False, postgresql_where=sa.text('lifted_at IS NOT NULL AND emptied_at IS NULL'))
    op.create_index('uq_pauses_standing', 'pauses', ['brand_id', 'kind', 'name'], unique=True, postgresql_where=sa.text('lifted_at IS NULL'), postgresql_nulls_not_distinct=True)
    op.create_table('rule_volumes',
    sa.Column('brand_id', sa.BigInteger(), nullable=False),
    sa.Column('rule', sa.Text(), nullable=False),
    sa.Column('bucket', sa.DateTime(timezone=True), nullable=False),
    sa.Column('slot', sa.SmallInteger(), nullable=False),
    sa.Column('planned', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_rule_volumes_brand_id_brands')),
    sa.PrimaryKeyConstraint('brand_id', 'rule', 'bucket', 'slot', name=op.f('pk_rule_volumes'))
    )
    op.create_index('ix_rule_volumes_bucket', 'rule_volumes', ['bucket'], unique=False)
    op.add_column('messages', sa.Column('pause_id', sa.BigInteger(), nullable=True))
    op.drop_index('ix_messages_due', table_name='messages')
    op.create_index('ix_messages_due', 'messages', ['channel', 'brand_id', 'priority', 'send_at'], unique=False, postgresql_where=sa.text("state IN ('held', 'ready') AND pause_id IS NULL"))
    op.create_index('ix_messages_expiring', 'messages', ['expires_at'], unique=False, postgresql_where=sa.text("state IN ('held', 'ready') AND pause_id IS NULL AND expires_at > '-infinity'"))
    op.create_index('ix_messages_failed', 'messages', ['ended_at'], unique=False, postgresql_where=sa.text("state = 'failed'"))
    op.create_index('ix_messages_paused', 'messages', ['pause_id', 'id'], unique=False, postgresql_where=sa.text("state IN ('held', 'ready') AND pause_id IS NOT NULL"))
    op.create_foreign_key(op.f('fk_messages_pause_id_pauses'), 'messages', 'pauses', ['pause_id'], ['id'])
    op.create_index('ix_receipt_batches_broken', 'receipt_batches', ['unpacked_at'], unique=False, postgresql_where=sa.text('problem IS NOT NULL'))
    op.add_column('senders', sa.Column('refused', sa.Boolean(), server_default=sa.text('false'), nullable=False))


def downgrade() -> None:
    op.drop_column('senders', 'refused')
    op.drop_index('ix_receipt_batches_broken', table_name='receipt_batches', postgresql_where=sa.text('problem IS NOT NULL'))
    op.drop_constraint(op.f('fk_messages_pause_id_pauses'), 'messages', type_='foreignkey')
    op.drop_index('ix_messages_paused', table_name='messages', postgresql_where=sa.text("state IN ('held', 'ready') AND pause_id IS NOT NULL"))
    op.drop_index('ix_messages_failed', table_name='messages', postgresql_where=sa.text("state = 'failed'"))
    op.drop_index('ix_messages_expiring', table_name='messages')
    op.drop_index('ix_messages_due', table_name='messages')
    op.create_index('ix_messages_due', 'messages', ['channel', 'brand_id', 'priority', 'send_at'], unique=False, postgresql_where=sa.text("state IN ('held', 'ready')"))
    op.drop_column('messages', 'pause_id')
    op.drop_index('ix_rule_volumes_bucket', table_name='rule_volumes')
    op.drop_table('rule_volumes')
    op.drop_index('uq_pauses_standing', table_name='pauses', postgresql_where=sa.text('lifted_at IS NULL'), postgresql_nulls_not_distinct=True)
    op.drop_index('ix_pauses_emptying', table_name='pauses', postgresql_where=sa.text('lifted_at IS NOT NULL AND emptied_at IS NULL'))
    op.drop_table('pauses')
    op.drop_index('ix_alarm_notices_waiting', table_name='alarm_notices', postgresql_where=sa.text('told_at IS NULL AND given_up_at IS NULL'))
    op.drop_table('alarm_notices')
    op.drop_index('uq_incidents_open', table_name='incidents', postgresql_where=sa.text('closed_at IS NULL'))
    op.drop_table('incidents')
    op.drop_table('audit_marks')
