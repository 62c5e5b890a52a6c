"""The account that the stand-in keeps for the shop: its keys, and the settings that tell Doorstep of them."""

import base64
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Account:
    """Credentials that mean nothing outside this machine, and the key that signs SendGrid's reports."""

    api_key: str = "SG.stand-in.nothing-leaves-this-machine"
    account_sid: str = "AC" + "0d" * 16
    auth_token: str = "5" * 32
    sender: str = "+46700000000"
    signing_key: ec.EllipticCurvePrivateKey = field(default_factory=_new_key, repr=False)

    @cached_property
    def webhook_public_key(self) -> str:
        """The verification key as SendGrid shows it: base64 of its DER form, on one line."""
        der = self.signing_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode("ascii")

    def sign(self, timestamp: str, body: bytes) -> str:
        """SendGrid's signature: ECDSA P-256 with SHA-256 over the timestamp and the raw body, in base64."""
        signature = self.signing_key.sign(timestamp.encode("ascii") + body, ec.ECDSA(hashes.SHA256()))
        return base64.b64encode(signature).decode("ascii")

    def environment(self, url: str) -> dict[str, str]:
        """The settings with which Doorstep sends through a stand-in at `url`."""
        return {
            "DOORSTEP_SENDGRID__API_KEY": self.api_key,
            "DOORSTEP_SENDGRID__BASE_URL": url,
            "DOORSTEP_SENDGRID__WEBHOOK_PUBLIC_KEY": self.webhook_public_key,
            "DOORSTEP_TWILIO__ACCOUNT_SID": self.account_sid,
            "DOORSTEP_TWILIO__AUTH_TOKEN": self.auth_token,
            "DOORSTEP_TWILIO__FROM": self.sender,
            # The stand-in's numbers and names take any speed.
            "DOORSTEP_TWILIO__SEGMENTS_PER_SECOND__LONG_CODE": "none",
            "DOORSTEP_TWILIO__SEGMENTS_PER_SECOND__ALPHANUMERIC": "none",
            "DOORSTEP_TWILIO__BASE_URL": url,
        }


def kept_account(folder: Path) -> Account:
    """An account whose signing key outlives the process: read from `folder`, or made and written there."""
    path = folder / "webhook_key.pem"
    if path.exists():
        key = load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return Account(signing_key=key)
    account = Account()
    pem = account.signing_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(pem)
    return account
