"""Hash passwords that people choose, in werkzeug's form: scrypt:N:R:P$SALT$HEX.

werkzeug itself knows this form since version 2.3 only, and ban hosts have older ones.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

# The costs of a new hash: 32 MiB and a tenth of a second.
_N, _R, _P = 1 << 15, 8, 1
# The largest costs that are accepted, since anybody who tries to log in causes them.
_MOST_N, _MOST_R, _MOST_P = 1 << 16, 8, 2
# Characters of a password. Nobody types more.
LONGEST = 200
_FORM = re.compile(
    r"scrypt:([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2})\$([A-Za-z0-9./]{8,64})\$([0-9a-f]{128})"
)


def make_hash(password: str) -> str:
    """Return the hash of a new password."""
    salt = secrets.token_hex(12)
    return "scrypt:%d:%d:%d$%s$%s" % (_N, _R, _P, salt, _derive(password, salt, _N, _R, _P))


def check_password(known: str, password: str) -> bool:
    """Return whether a hash is that of a password. Raises ValueError for a text that is no hash."""
    n, r, p, salt, digest = _parse(known)
    if len(password) > LONGEST:
        password = ""  # takes as long as any other
    return hmac.compare_digest(_derive(password, salt, n, r, p), digest)


def check_hash(text: str) -> str:
    """Return a text, which must be a hash. Raises ValueError."""
    _parse(text)
    return text


def make_decoy() -> str:
    """Return the hash of a password that nobody has: a name that nobody has takes as long to refuse."""
    return "scrypt:%d:%d:%d$%s$%s" % (_N, _R, _P, secrets.token_hex(12), secrets.token_hex(64))


def _parse(text: str) -> tuple[int, int, int, str, str]:
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("it must be a hash such as `hash-password` prints")
    n, r, p = int(found[1]), int(found[2]), int(found[3])
    if n & (n - 1) or not (1 << 14 <= n <= _MOST_N and 8 <= r <= _MOST_R and 1 <= p <= _MOST_P):
        raise ValueError("the costs of the hash must be those that `hash-password` uses")
    return n, r, p, found[4], found[5]


def _derive(password: str, salt: str, n: int, r: int, p: int) -> str:
    data, most = password.encode("utf-8", "replace"), 132 * n * r * p
    return hashlib.scrypt(data, salt=salt.encode(), n=n, r=r, p=p, maxmem=most).hex()
