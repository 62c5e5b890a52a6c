"""A brand is a tenant: it stands in every table, and an API key belongs to one."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt


class Brand(Base):
    """A shop with a name, a look and a sender. `key` names its folder in `templates/brands/`; `template_edition` is the
    number of its last publication of templates, 0 before the first."""

    __tablename__ = "brands"

    id: Mapped[BigId]
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    zone: Mapped[str] = mapped_column(server_default="UTC")
    locale: Mapped[str] = mapped_column(server_default="en")
    template_edition: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]


class ApiKey(Base):
    """A secret that lets a program act for one brand; only its SHA-256 is kept. `last_used_at` is true to a minute."""

    __tablename__ = "api_keys"

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    label: Mapped[str]
    prefix: Mapped[str]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[CreatedAt]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class HookCall(Base):
    """When one of our hooks was last called, by the path behind `/hooks/`: with a good signature, and with none.

    True to a minute; `refusal` says what was wrong with the last one that was refused.
    """

    __tablename__ = "hook_calls"

    path: Mapped[str] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    refusal: Mapped[str | None]
