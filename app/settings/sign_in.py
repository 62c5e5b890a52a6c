"""What an installation may be told of the shop's own sign-in (OpenID Connect)."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from app.settings.group import Group

_ROLES = ("operations", "marketer", "agent", "reader")


class OidcSettings(Group):
    """The shop's own sign-in, if it has one. Unset `issuer` is none.

    `name` stands on the button. Whoever comes through it has an account already, by their verified address; with
    `create` one is made for those whose address ends in one of `domains`, with the role `role`, for `brands`.
    """

    issuer: str = Field("", description="the provider's address, e.g. https://login.shop.example")
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    name: str = "your shop's sign-in"
    create: bool = False
    domains: str = Field("", description="mail domains, with commas between")
    role: str = Field("reader", description="operations, marketer, agent or reader")
    brands: str = Field("", description="keys of brands, with commas between, or all; unset: the only one there is")

    @field_validator("issuer")
    @classmethod
    def _reachable(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        if not issuer:
            return ""
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or parts.scheme not in (("http", "https") if here else ("https",)):
            raise ValueError("is no https address. Write e.g. https://login.shop.example")
        return issuer.rstrip("/") if parts.path in ("", "/") else issuer

    @field_validator("role")
    @classmethod
    def _given(cls, role: str) -> str:
        if role not in _ROLES:
            raise ValueError(f"{role!r} is no role to begin with. One of: {', '.join(_ROLES)}")
        return role

    @model_validator(mode="after")
    def _whole(self) -> "OidcSettings":
        if self.issuer and not self.client_id:
            raise ValueError("CLIENT_ID is not set. Set DOORSTEP_OIDC__CLIENT_ID, or unset DOORSTEP_OIDC__ISSUER")
        if self.create and not self.allowed:
            raise ValueError("CREATE makes accounts, but for nobody. Set DOORSTEP_OIDC__DOMAINS to the shop's own")
        return self

    @property
    def allowed(self) -> frozenset[str]:
        """The mail domains that accounts are made for, lower case."""
        return frozenset(one.strip().lower().lstrip("@") for one in self.domains.split(",") if one.strip())

    @property
    def brand_keys(self) -> frozenset[str]:
        """The brands that are named."""
        return frozenset(one.strip() for one in self.brands.split(",") if one.strip())
