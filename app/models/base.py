"""What every table shares: named constraints, bigint ids inside, random prefixed ids outside."""

import secrets
from datetime import datetime
from typing import Annotated, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: read aloud without mistakes


class Base(DeclarativeBase):
    """The declarative base; constraint names are derived, so that migrations can name them too."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: sa.DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
        str: sa.Text(),
    }


BigId = Annotated[int, mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)]
BrandId = Annotated[int, mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"))]
CreatedAt = Annotated[datetime, mapped_column(server_default=sa.func.now())]


def public_id(prefix: str) -> str:
    """A random outside id, e.g. `shp_7k2m…`: 100 bits, so it cannot be guessed or counted."""
    return f"{prefix}_{_random(20)}"


def link_token() -> str:
    """The secret in a shopper's link: 130 bits, short enough for an SMS, safe in a path."""
    return _random(26)


def _random(length: int) -> str:
    """Letters of the alphabet, each from five fresh bits: 32 letters, so none is likelier than another."""
    return "".join([_ALPHABET[byte & 31] for byte in secrets.token_bytes(length)])


def one_of(column: str, values: type) -> sa.CheckConstraint:
    """A check that a text column holds a member of a StrEnum."""
    listed = ", ".join(f"'{member.value}'" for member in values)  # type: ignore[attr-defined]
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
