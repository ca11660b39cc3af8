"""Name the cause of a failed login: one class of error for each, so that each has its own remedy.

All of them are `Unreachable`: nothing on the target was changed. Words of a server are data: they are
masked, escaped and cut before they are shown.
"""

from __future__ import annotations

import re

from provision.errors import Unreachable
from provision.masking import Secrets, escape
from provision.ssh.login import Login

# The exit status of sshd where /etc/nologin exists.
_NOLOGIN = 254
# Characters of a server's words that an error shows.
LONGEST = 300


class TimedOut(Unreachable):
    """The server did not answer in time; the text names the phase and the seconds."""


class Busy(Unreachable):
    """The server closes new connections before it names its version."""


class NotSsh(Unreachable):
    """Something listens there, and it is no SSH server."""


class NoCommonAlgorithm(Unreachable):
    """Client and server know no algorithm in common."""


class KeyRefused(Unreachable):
    """The server accepts none of the keys that were offered."""


class PasswordRefused(Unreachable):
    """The server does not accept the password."""


class CodeRefused(Unreachable):
    """The server does not accept the password, or the code that was typed."""


class CodeWanted(Unreachable):
    """The server asks for a code, and nobody can type one."""


class PasswordExpired(Unreachable):
    """The password must be changed before anything else."""


class RefusedByPolicy(Unreachable):
    """The server gives a reason of its own."""


class NothingToTry(Unreachable):
    """There is no key and no password to log in with."""


class ConnectionClosed(Unreachable):
    """The server closed the connection and gave no reason."""


class AccountLocked(RefusedByPolicy):
    """The account is locked, disabled or expired."""


class TooManyAttempts(Unreachable):
    """The server closed the connection after a number of refused attempts."""


class MethodMissing(Unreachable):
    """The server wants a method that the inventory gives nothing for."""


class UnusableKey(Unreachable):
    """A key file is missing, or is of a kind that cannot be used."""


class PassphraseNeeded(UnusableKey):
    """A key file is encrypted and ssh-agent does not hold its key."""


_EXPIRED = re.compile(
    r"password change required|password (has|is) expired|must change your password"
    r"|change your password|required to change your password",
    re.I,
)
_LOCKED = re.compile(
    r"account (has expired|is (currently )?(locked|disabled|not available))|locked (out )?(due|for|after)"
    r"|account expired|too many (failed )?login (failures|attempts)|locked out|temporarily locked",
    re.I,
)
_AWAY = re.compile(r"booting up|going down|not permitted to log in|nologin|maximum number of", re.I)


def clean(text: str | bytes, login: Login) -> str:
    """Return words of a server in one line: masked, escaped, and cut to a length that can be shown."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    secrets = Secrets(each for each in (login.password, login.become_password) if each)
    line = escape(" ".join(secrets.mask(text[: LONGEST * 20]).split()), but="")
    return line if len(line) <= LONGEST else line[:LONGEST] + "..."


def explain_words(said: str | bytes, login: Login, doing: str) -> Unreachable:
    """Return the error for what a server says instead of letting somebody in.

    ``doing``: what the server did, such as "closed the connection".
    """
    words = clean(said, login)
    what = f'{login.where}: the server {doing}, and says: "{words}"'
    if _EXPIRED.search(words):
        return PasswordExpired(f"{what}: the password of {login.user} has expired", _NEW_PASSWORD)
    if _LOCKED.search(words):
        return AccountLocked(
            what, f"unlock the account of {login.user} there, or wait until it unlocks itself"
        )
    if _AWAY.search(words):
        return RefusedByPolicy(what, "run again when the server lets people in")
    return RefusedByPolicy(what, f"check there who may log in, and whether {login.user} may")


_NEW_PASSWORD = "log in by hand once, set a new password, and put it into ansible_password"  # noqa: S105


def password_expired(login: Login, said: str | bytes = "") -> PasswordExpired:
    """Return the error for a server that wants a new password."""
    words = clean(said, login)
    return PasswordExpired(
        f"{login.where}: the password of {login.user} has expired"
        + (f'; the server says: "{words}"' if words else ""),
        _NEW_PASSWORD,
    )


def refusal_after_login(login: Login, said: bytes, status: int) -> Unreachable | None:
    """Return the error if an exec that said ``said`` and ended with ``status`` was refused by sshd.

    sshd lets a user in whose password has expired, or whom /etc/nologin keeps out where it does not use
    PAM, and refuses the first program instead.
    """
    words = clean(said, login)
    if "Password change required but no TTY" in words:
        return password_expired(login, said)
    if words and status == _NOLOGIN:
        return explain_words(said, login, "lets the user in and runs nothing")
    return None
