"""CA certificates for tests that never reach a receiver; their keys are thrown away."""

from __future__ import annotations

import datetime
import ipaddress
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

CA = """\
-----BEGIN CERTIFICATE-----
MIIBmjCCAT+gAwIBAgIUIb0yLJ2OMVf2+BKQ42hdofLYSocwCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWQmFuc3RpdGNoIENBIGZvciB0ZXN0czAgFw0yNjExMjIxNDE2
MDdaGA8yMTI2MTAyOTE0MTYwN1owITEfMB0GA1UEAwwWQmFuc3RpdGNoIENBIGZv
ciB0ZXN0czBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCs7LX41Fz03Mur2AUdM
ob6Tsfjy3A/PfQo3FmhV+wyTGRSkTDlnbJV/TtX81XKr0f/Q9+KzR3ERO1sWYLpS
LvujUzBRMB0GA1UdDgQWBBQPrapMm207GzcBG/2Ml6FhoJZxpTAfBgNVHSMEGDAW
gBQPrapMm207GzcBG/2Ml6FhoJZxpTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0kAMEYCIQCskqhieOhocTpXMtvb1HLkSGqpb7P9nuI9yTnLwQw09gIhAK0r
0Acv/QeRLpifo4TV+jd7qC1ZMkyYRnLtp1yepax8
-----END CERTIFICATE-----
"""


@lru_cache
def limited(names: tuple[str, ...], serial: int = 1) -> str:
    """Return a CA as a ban host makes it: it may sign for ``names`` and nothing else."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    permitted = [_general(each) for each in names]
    closed = [x509.RFC822Name(".invalid"), x509.UniformResourceIdentifier(".invalid")]
    constraints = x509.NameConstraints([*permitted, *closed], None)
    servers = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), serial)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(36500))
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .add_extension(servers, critical=False)
        .add_extension(constraints, critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(name))
    except ValueError:
        return x509.DNSName(name)
