"""A certificate of the simulator's own, for clients that insist on TLS.

Self-signed for localhost and 127.0.0.1, made anew at each start; its key never leaves the process but for the moment it is loaded.
"""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["server_context"]

DAYS = 30


def server_context(certificate: Path, now_ms: int) -> ssl.SSLContext:
    """A server's TLS context; the certificate that clients must trust is written to `certificate` (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate.write_bytes(_certificate(key, now_ms).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        hidden = Path(folder) / "key.pem"
        hidden.touch(mode=0o600)
        hidden.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context.load_cert_chain(certificate, hidden)
    return context


def _certificate(key: ec.EllipticCurvePrivateKey, now_ms: int) -> x509.Certificate:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "HedgeLock simulator")])
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
