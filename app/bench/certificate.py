"""A certificate for the loopback, made for one run: what TLS costs is measured without anybody's real one."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.clock import wall_now


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files: a certificate that vouches for itself, its key, and a list of whom to trust with it at the end.

    The list is as long as a real one, because reading it is most of what a new TLS context costs.
    """

    certificate: Path
    key: Path
    trusted: Path


def make_certificate(folder: Path) -> Certificate:
    """A P-256 certificate for 127.0.0.1 and localhost, good for a day, written into `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Doorstep's benchmarks")])
    own = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    now = wall_now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(own), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "certificate.pem", folder / "key.pem", folder / "trusted.pem")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made.trusted.write_bytes(Path(certifi.where()).read_bytes() + made.certificate.read_bytes())
    return made
