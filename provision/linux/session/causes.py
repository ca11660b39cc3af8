"""Explain why a ban host did not run the agent, from its output; each cause has its own remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from provision.errors import Failed, TargetError, Unreachable
from provision.linux.session import launch
from provision.linux.session.framing import make_harmless
from provision.ssh import causes
from provision.ssh.login import Login


@dataclass(frozen=True)
class Outcome:
    """The result of one exec: its exit status, our own messages, and all other output.

    ``status`` is None if the server sent none.
    """

    status: int | None
    said: Sequence[tuple[str, str]]
    out: str
    err: str

    @property
    def words(self) -> str:
        """Return the output besides our own messages."""
        return f"{self.err}\n{self.out}"

    @property
    def messages(self) -> dict[str, str]:
        """Return the number of each of our own messages by its word; the last one counts."""
        return dict(self.said)


_SUDOERS = (
    "add `{user} ALL=(root) {nopasswd}/bin/sh` with visudo, or log in as a user who may use sudo"
)
_NEEDS_TERMINAL = re.compile(r"must have a (?:tty|terminal)")
# A pattern of the output, the cause and the remedy. The first that matches counts. Every repetition in a
# pattern is limited; otherwise a hostile host could keep the search, and all other sites, busy for minutes.
CAUSES: tuple[tuple[str, str, str], ...] = (
    # the server
    (
        r"allows sftp connections only|This account is restricted by rssh|only allows? s?ftp",
        "the SSH server lets {user} transfer files only and runs no programs",
        "take ForceCommand internal-sftp off this user, or set another ansible_user",
    ),
    (
        causes.ACCOUNT_EXPIRED,
        "the account of {user} has expired or is locked, or its password has expired",
        "let {user} log in by hand; `chage -l {user}` prints the dates",
    ),
    (
        causes.PASSWORD_EXPIRED,
        "the password of {user} has expired",
        "log in by hand as {user}, set a new password, then run again",
    ),
    (
        r"System is going down|System is booting up|/run/nologin|shutting down",
        "the host is starting or shutting down",
        "wait until it is up, then run again",
    ),
    # the login shell
    (
        r"account is currently not available",
        "the login shell of {user} is nologin, which runs no programs",
        "give {user} another shell (`chsh -s /bin/bash {user}`), or set another ansible_user",
    ),
    (
        r"restricted: cannot|: restricted$|rbash: (?:line \d{1,9}: )?\S{1,300}: command not found",
        "the login shell of {user} is a restricted one, which does not start what is needed",
        "put env, sh and sudo into its search path, or give {user} another shell",
    ),
    # sudo
    (
        _NEEDS_TERMINAL.pattern,
        "sudo requires a terminal (requiretty in sudoers), and did not accept the one that it got",
        "add `Defaults:{user} !requiretty` with visudo",
    ),
    (
        causes.ACCOUNT_LOCKED,
        "the account of {user} is locked after failed logins",
        "check ansible_become_password; on the host, `faillock --user {user} --reset` unlocks it",
    ),
    (
        r"not allowed to execute|not allowed to run|I'm afraid I can't do that"
        r"|not in the sudoers file|may not run sudo",
        "{user} may not run the agent as root by sudo: it needs /bin/sh",
        _SUDOERS,
    ),
    (
        r"(?:env|sudo)\S{0,99}: .{0,40}(?:No such file|not found)|sudo\S{0,99} .{0,20}not found"
        r"|Unknown command.{0,10}sudo",
        "there is no sudo on this host",
        "install it, or log in as root",
    ),
    (
        r"effective uid is not 0|must be owned by uid 0|setuid|no new privileges",
        "sudo cannot become root on this host: it is not installed setuid, or the login forbids it",
        "check the mode of sudo and whether the SSH server runs without new privileges",
    ),
    (
        r"parse error|syntax error.{0,300}sudoers|sudoers:\d|no valid sudoers sources",
        "sudo cannot read its configuration on this host",
        "correct it as root: `visudo -c` names the line",
    ),
)
_ASKS = re.compile(
    r"password is required|terminal is required|interactive authentication is required"
)
_REFUSED = re.compile(
    r"Sorry, try again|incorrect (?:password|authentication) attempt|^sudo\S*: Authentication failed",
    re.MULTILINE,
)


def needs_terminal(text: str) -> bool:
    """Return whether sudo requires a terminal."""
    return bool(_NEEDS_TERMINAL.search(text))


def asks_password(text: str) -> bool:
    """Return whether sudo asks for a password that it did not get."""
    return bool(_ASKS.search(text))


def refused_password(outputs: Sequence[str], marker: str) -> bool:
    """Return whether sudo refused the password: it reports that, or asks once more.

    A shell that prints each command (``set -x``) also prints the prompt, behind the name of its variable.
    """
    text = "\n".join(outputs)
    asked = re.findall(rf"(?<!SUDO_PROMPT=){re.escape(launch.format_prompt(marker))}", text)
    return bool(_REFUSED.search(text)) or len(asked) > 1


def describe_wrong_password(login: Login) -> Unreachable:
    """Return the error for a password that sudo refused; it was tried once."""
    return Unreachable(
        f"sudo refused the password of {login.user}; it was not tried again",
        "check ansible_become_password (with rootpw or targetpw in sudoers it is that of root)",
    )


def describe_missing_password(login: Login, listed: str = "") -> Unreachable:
    """Return the error for a sudo that asks for a password, although none is known.

    ``listed``: the commands that sudo permits, if it lists them without a password.
    """
    if listed and not re.search(r"\) (?:\w+: )*ALL\b", listed):
        return _fill_in(
            "{user} may run only some commands by sudo, and not the agent: it needs /bin/sh",
            _SUDOERS,
            login,
        )
    return Unreachable(
        f"sudo asks {login.user} for a password", "set ansible_become_password for this host"
    )


def describe_stuck_login(login: Login, seconds: int, words: str) -> TargetError:
    """Return the error for a login that neither ends nor begins to run our shell."""
    prints = f"; it prints: {words}" if words else ""
    if login.become and login.become_password is not None:
        return Unreachable(
            f"sudo neither accepted nor refused the password of {login.user} within {seconds} s{prints}",
            "it may ask for a code: let this user use sudo without one, or log in as root",
        )
    return Failed(
        f"the login of {login.user} did not run a program within {seconds} s{prints}",
        f"try `ssh` as {login.user} there: a start-up file or ForceCommand may wait for input, "
        "or send all output elsewhere (`exec >...`)",
    )


def explain(outcome: Outcome, login: Login) -> TargetError:
    """Return the error for an exec without an answer."""
    if "began" in outcome.messages:
        return _describe_broken_agent(outcome)
    if "noexec" in outcome.messages:
        return Unreachable(
            f"sudo lets {login.user} start no programs from the agent (noexec in sudoers)",
            f"add `Defaults:{login.user} !noexec` with visudo",
        )
    if "ready" not in outcome.messages:
        return _not_started(outcome, login)
    quoted = make_harmless(outcome.err, 1)
    return Failed(
        f"the agent did not start ({_format_status(outcome.status)})"
        + (f": {quoted}" if quoted else ""),
        f"try `ssh` as {login.user} there: its shell must run commands and pass on their input",
    )


def _not_started(outcome: Outcome, login: Login) -> TargetError:
    if refusal := causes.classify_exec(login, outcome.err.encode(), outcome.status or 0):
        return refusal
    for pattern, what, remedy in CAUSES:
        if re.search(pattern, outcome.words, re.IGNORECASE | re.MULTILINE):
            return _fill_in(what, remedy, login)
    quoted = make_harmless(outcome.err, 1) or make_harmless(outcome.out, 1)
    if outcome.status == 0 and not quoted:
        return Failed(
            f"no output of programs arrives from the login of {login.user}",
            "look for `exec` with a redirection in the start-up files of that user, as in .bashrc",
        )
    return Failed(
        f"the login of {login.user} runs no programs ({_format_status(outcome.status)})"
        + (f": {quoted}" if quoted else ""),
        f"try `ssh` as {login.user} there: its login shell must run commands; /bin/false does not",
    )


def _describe_broken_agent(outcome: Outcome) -> Failed:
    python = outcome.messages.get("python") or ""
    status = int(python) if python.isdigit() else outcome.status
    if status == 137:
        return Failed(
            "the agent was killed on the host, perhaps because it ran out of memory",
            "look for it in `journalctl -k` there, then run again to finish what was begun",
        )
    quoted = make_harmless(outcome.err, 1, last=True)
    return Failed(
        f"the agent ended without an answer ({_format_status(status)})"
        + (f": {quoted}" if quoted else ""),
        "run again to finish what was begun on the host",
    )


def _format_status(status: int | None) -> str:
    return "exit unknown" if status is None else f"exit {status}"


def _fill_in(what: str, remedy: str, login: Login) -> Unreachable:
    nopasswd = "NOPASSWD: " if login.become_password is None else ""
    return Unreachable(
        what.format(user=login.user), remedy.format(user=login.user, nopasswd=nopasswd)
    )


# --- Python ----------------------------------------------------------------------------------------------


class NoPython(Failed):
    """The host has no python3 that could run the agent.

    ``sshd_jail_without_log``: see sshd_jail.py of the agent, which cannot be asked. ``clock``: the time
    there, in seconds of the epoch, or 0 if it is unknown.
    """

    def __init__(self, what: str, sshd_jail_without_log: bool = True, clock: float = 0) -> None:
        super().__init__(what)
        self.sshd_jail_without_log = sshd_jail_without_log
        self.clock = clock


def describe_missing_python(outcome: Outcome, login: Login, pythons: Sequence[str]) -> TargetError:
    """Return the error for a host on which no Python ran the agent."""
    statuses = [
        int(number) for word, number in outcome.said if word == "python" and number.isdigit()
    ]
    time = outcome.messages["nopython"]
    absent = NoPython(
        f"{login.host} has no python3",
        "nosshdlog" in outcome.messages,
        int(time) if time.isdigit() else 0,
    )
    if pythons[0] in launch.PYTHONS and statuses[:1] in ([], [127], [launch.INCOMPLETE]):
        return absent
    named = "set ansible_python_interpreter to another Python of 3.9 or later"
    for python, status in zip_longest(pythons, statuses[: len(pythons)], fillvalue=127):
        if status == launch.TOO_OLD:
            old = outcome.messages.get("old") or "older"
            return Failed(f"{python} is Python {old}; the agent needs 3.9 or later", named)
        if status == 126:
            return Failed(
                f"{python} must not be run on this host (exit 126)", f"check it, or {named}"
            )
        if status not in (127, launch.INCOMPLETE):
            quoted = make_harmless(outcome.err, 1, last=True)
            what = f"{python} does not run (exit {status})" + (f": {quoted}" if quoted else "")
            return Failed(what, f"repair it, or {named}")
    if statuses[:1] == [launch.INCOMPLETE]:
        return Failed(
            f"{pythons[0]} lacks a part of Python's standard library", f"complete it, or {named}"
        )
    what = f"there is no {pythons[0]}, which ansible_python_interpreter names"
    return Failed(what, "correct it, or leave it out: the python3 of the host is found")
