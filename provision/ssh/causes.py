"""Classify failed logins: each cause is an error class of its own, so that each has its own remedy.

All of them are `Unreachable`: nothing on the target was changed. Text from a server is untrusted: it is
masked, escaped and cut before it is shown.
"""

from __future__ import annotations

import re

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from provision.errors import Unreachable
from provision.masking import Secrets, escape
from provision.ssh.login import Login
from provision.ssh.packets import LoginState, Wire

# The exit status of a program that sshd refuses because /etc/nologin exists.
_NOLOGIN = 254
# What sshd sends instead of its version when it accepts no more connections.
_FULL = (b"Exceeded MaxStartups", b"Not allowed at this time")
# Characters of a server's message that an error shows.
LONGEST = 300


class TimedOut(Unreachable):
    """The server did not answer in time; the text gives the phase and the seconds."""


class Busy(Unreachable):
    """The server closes new connections before it sends its SSH version."""


class NotSsh(Unreachable):
    """The port is open, but no SSH server listens there."""


class NoCommonAlgorithm(Unreachable):
    """Client and server have no algorithm in common."""


class KeyRefused(Unreachable):
    """The server accepts none of the keys that were offered."""


class PasswordRefused(Unreachable):
    """The server does not accept the password."""


class CodeRefused(Unreachable):
    """The server does not accept the password, or the code that was typed."""


class CodeWanted(Unreachable):
    """The server asks for a code, and nobody can type one."""


class PasswordExpired(Unreachable):
    """The password must be changed before the user can log in."""


class RefusedByPolicy(Unreachable):
    """The server gives a reason of its own."""


class NothingToTry(Unreachable):
    """There is no key and no password to log in with."""


class ConnectionClosed(Unreachable):
    """The server closed the connection without a reason."""


class AccountLocked(RefusedByPolicy):
    """The account is locked, disabled or expired."""


class TooManyAttempts(Unreachable):
    """The server closed the connection after a number of refused attempts."""


class MethodMissing(Unreachable):
    """The server requires a method for which the inventory has nothing."""


class UnusableKey(Unreachable):
    """A key file is missing, or is of a kind that cannot be used."""


class PassphraseNeeded(UnusableKey):
    """A key file is encrypted, and ssh-agent does not hold its key."""


# Messages of sshd, PAM and sudo, to be searched without regard to case. Nothing in them repeats without a
# limit: a hostile server could keep a search busy for minutes.
PASSWORD_EXPIRED = (
    r"password change required|password (?:has |is )?expired|change your password"  # noqa: S105
    r"|authentication token is no longer valid"
)
ACCOUNT_EXPIRED = (
    r"account (?:has )?expired|account or password is expired|account validation failure"
)
ACCOUNT_LOCKED = (
    r"account (?:is )?(?:currently )?locked|locked (?:out )?(?:due|for|after)|locked out"
    r"|temporarily locked|too many (?:failed )?login (?:failures|attempts)"
)
_ACCOUNT_CLOSED = (
    rf"{ACCOUNT_EXPIRED}|{ACCOUNT_LOCKED}|account is (?:currently )?(?:disabled|not available)"
)
_TRY_LATER = r"booting up|going down|not permitted to log in|nologin|maximum number of"
_SET_PASSWORD = "log in by hand once, set a new password, and put it into ansible_password"  # noqa: S105


def clean(text: str | bytes, login: Login) -> str:
    """Return text from a server on one line: masked, escaped, and at most ``LONGEST`` characters."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    secrets = Secrets(secret for secret in (login.password, login.become_password) if secret)
    line = escape(" ".join(secrets.mask(text[: LONGEST * 20]).split()), but="")
    return line if len(line) <= LONGEST else line[:LONGEST] + "..."


def classify_message(message: str | bytes, login: Login, action: str) -> Unreachable:
    """Return the error for a message that the server sent instead of letting the user in.

    ``action``: what the server did, such as "closed the connection".
    """
    text = clean(message, login)
    what = f'{login.where}: the server {action}, and says: "{text}"'
    if re.search(PASSWORD_EXPIRED, text, re.IGNORECASE):
        return PasswordExpired(f"{what}: the password of {login.user} has expired", _SET_PASSWORD)
    if re.search(_ACCOUNT_CLOSED, text, re.IGNORECASE):
        return AccountLocked(
            what, f"unlock the account of {login.user} there, or wait until it unlocks itself"
        )
    if re.search(_TRY_LATER, text, re.IGNORECASE):
        return RefusedByPolicy(what, "run again when the server lets people in")
    return RefusedByPolicy(what, f"check there who may log in, and whether {login.user} may")


def build_password_expired(login: Login, message: str | bytes = "") -> PasswordExpired:
    """Return the error for a server that asks for a new password."""
    text = clean(message, login)
    return PasswordExpired(
        f"{login.where}: the password of {login.user} has expired"
        + (f'; the server says: "{text}"' if text else ""),
        _SET_PASSWORD,
    )


def classify_exec(login: Login, errors: bytes, status: int) -> Unreachable | None:
    """Return the error if sshd refused to run a program, or None if it ran.

    sshd lets in a user whose password has expired, and refuses the first program instead. Without PAM it
    does the same where /etc/nologin exists. ``errors`` is the standard error of the program and ``status``
    its exit status.
    """
    text = clean(errors, login)
    if "Password change required but no TTY" in text:
        return build_password_expired(login, errors)
    if text and status == _NOLOGIN:
        return classify_message(errors, login, "lets the user in and runs nothing")
    return None


def build_busy(login: Login, message: str) -> Busy:
    """Return the error for a server that accepts no more connections at the moment."""
    return Busy(
        f"{login.where}: {login.host} is refusing new connections (busy): "
        + (f'"{message}"' if message else "it closes each before its SSH banner"),
        "run again later; if it persists, look there for MaxStartups of sshd, hosts.deny, or a ban of "
        "this address",
    )


def classify_missing_version(login: Login, wire: Wire, in_time: bool) -> Unreachable:
    """Return the error for a server that sent no SSH version; ``in_time``: it closed before the timeout."""
    text = clean(wire.first_line, login)
    if any(words in wire.first_line for words in _FULL) or (in_time and not wire.first):
        return build_busy(login, text)
    if text:
        return NotSsh(
            f'{login.where}: this is not an SSH server; it sent: "{text}"',
            "check ansible_port and ansible_host",
        )
    return TimedOut(
        f"{login.where}: no SSH banner within {login.timeout:g} s",
        "check ansible_port, and raise ansible_timeout if the server is slow",
    )


def classify_handshake(
    login: Login, transport: paramiko.Transport, state: LoginState, in_time: bool
) -> Unreachable:
    """Return the error for a key exchange that failed; ``in_time``: it ended before the timeout."""
    error = transport.get_exception()
    if state.message:
        return classify_message(state.message, login, "closed the connection")
    if not in_time:
        return TimedOut(
            f"{login.where}: the key exchange was not finished within {login.timeout:g} s",
            "raise ansible_timeout if the server is slow",
        )
    if isinstance(error, IncompatiblePeer):
        return _compare_algorithms(login, transport, state.offers, str(error))
    detail = clean(str(error), login) if error and str(error) else "it closed the connection"
    return Unreachable(
        f"{login.where}: the key exchange failed: {detail}",
        "run again; if it persists, see the server's log",
    )


def _compare_algorithms(
    login: Login, transport: paramiko.Transport, offers: dict[str, str], detail: str
) -> NoCommonAlgorithm:
    ours = transport.get_security_options()
    supported = {
        "key exchanges": ours.kex,
        "host keys": ours.key_types,
        "ciphers": ours.ciphers,
        "MACs": ours.digests,
    }
    for kind, names in supported.items():
        if kind in offers and not set(names) & set(offers[kind].split(",")):
            return NoCommonAlgorithm(
                f"{login.where}: no {kind} in common: the server offers "
                f"{clean(offers[kind].replace(',', ', '), login)}; Banstitch supports {', '.join(names)}",
                "let the server offer one of those",
            )
    return NoCommonAlgorithm(
        f"{login.where}: no algorithm in common: {clean(detail, login)}",
        "let the server offer current algorithms of SSH 2",
    )
