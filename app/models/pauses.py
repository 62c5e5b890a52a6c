"""What holds messages back although they are due: pauses, and the counts by which the storm brake pulls one."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt, one_of
from app.models.vocabulary import PauseKind


class Pause(Base):
    """One brake, standing until a person lifts it; then it stays as the story of who held what back, and why.

    `brand_id` is NULL where every brand is held. `automatic`: the storm brake pulled it. `emptied_at` is when the last
    message that waited for it was let go. All times are the database's clock.
    """

    __tablename__ = "pauses"
    __table_args__ = (
        one_of("kind", PauseKind),
        sa.Index(
            "uq_pauses_standing",
            "brand_id",
            "kind",
            "name",
            unique=True,
            postgresql_where=sa.text("lifted_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
        sa.Index("ix_pauses_emptying", "id", postgresql_where=sa.text("lifted_at IS NOT NULL AND emptied_at IS NULL")),
    )

    id: Mapped[BigId]
    brand_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"))
    kind: Mapped[str]
    name: Mapped[str]
    why: Mapped[str]
    paused_by: Mapped[str]
    automatic: Mapped[bool] = mapped_column(server_default=sa.false())
    since: Mapped[CreatedAt]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    emptied_at: Mapped[datetime | None]

    @property
    def scope(self) -> str:
        """What is held, as a person writes it: `all`, `rule:delivered`."""
        return f"{self.kind}:{self.name}" if self.name else self.kind


_HOLDS = """(
    pauses.lifted_at IS NULL
    AND (pauses.brand_id IS NULL OR pauses.brand_id = messages.brand_id)
    AND CASE pauses.kind
        WHEN 'rule' THEN pauses.name = messages.rule
        WHEN 'channel' THEN pauses.name = messages.channel
        WHEN 'milestone' THEN pauses.name = messages.milestone
        WHEN 'template' THEN EXISTS (
            SELECT 1 FROM template_versions
            WHERE template_versions.id = messages.template_version_id AND template_versions.key = pauses.name)
        -- whoever carries, or is asked about, any of the parcels that it tells of
        WHEN 'carrier' THEN EXISTS (
            SELECT 1 FROM (
                SELECT messages.shipment_id AS id UNION
                SELECT scope_id FROM ledger_keys WHERE ledger_keys.message_id = messages.id AND scope = 'parcel'
            ) AS told JOIN shipments ON shipments.id = told.id
            WHERE pauses.name IN (shipments.carrier, shipments.asked_of))
        ELSE true
    END
)"""


def with_pauses(text: str) -> sa.TextClause:
    """A statement in whose text `{holds}` stands for: this row of `pauses` holds this row of `messages`. One meaning
    for claiming, for the last look before a call and for telling."""
    return sa.text(text.replace("{holds}", _HOLDS))


class RuleVolume(Base):
    """How many messages a rule planned for a brand in five minutes of engine time that begin at `bucket`.

    Several rows (`slot`) make one count, so that workers that plan at once do not wait for each other.
    """

    __tablename__ = "rule_volumes"
    __table_args__ = (sa.Index("ix_rule_volumes_bucket", "bucket"),)

    brand_id: Mapped[BrandId] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    bucket: Mapped[datetime] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True)
    planned: Mapped[int]
