"""Offer keys and a password to a server in the right order, and summarize its refusals in one error.

The order is that of OpenSSH's client, except that the key of the inventory comes first, so that ssh-agent
never uses up the attempts. A password that was refused is not sent again for the rest of the run.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko

from provision.errors import Unreachable
from provision.ssh import causes
from provision.ssh.attempts import MOST_NAMED, Attempts
from provision.ssh.keys import (
    Agent,
    Key,
    add_certificate,
    find_default_keys,
    read_key,
    read_public_part,
)
from provision.ssh.login import Login
from provision.ssh.prompts import AskCode


class _Refusals:
    """The passwords that were refused in this run: servers lock accounts after three refusals."""

    def __init__(self) -> None:
        self._salt = os.urandom(32)
        self._seen: set[bytes] = set()
        self._lock = threading.Lock()

    def _hash(self, login: Login) -> bytes:
        text = "\0".join((repr(login.place), login.user, login.password or ""))
        return hmac.digest(self._salt, text.encode("utf-8", "surrogatepass"), hashlib.sha256)

    def add(self, login: Login) -> None:
        with self._lock:
            self._seen.add(self._hash(login))

    def has(self, login: Login) -> bool:
        with self._lock:
            return self._hash(login) in self._seen


_REFUSALS = _Refusals()


class NamedKey:
    """The key of ``ansible_ssh_private_key_file``, read before anything is sent.

    ``problem``: the reason why it cannot be used. ``public``: in that case its public part, if ssh-agent
    holds the key.
    """

    def __init__(self, login: Login) -> None:
        self.keys: tuple[Key, ...] = ()
        self.problem: causes.UnusableKey | None = None
        self.public = b""
        if not login.private_key_file:
            return
        self.file = Path(login.private_key_file).expanduser()
        try:
            self.keys = read_key(login.private_key_file)
        except causes.UnusableKey as error:
            self.problem = type(error)(f"{login.where}: {error.message}", error.remedy)
            public = read_public_part(login.private_key_file)
            with Agent() as agent:
                self.public = public if any(key.blob == public for key in agent) else b""


def log_in(
    transport: paramiko.Transport, login: Login, named: NamedKey, ask_code: AskCode | None
) -> None:
    """Log in over ``transport``, whose host key was checked; ``ask_code`` is None if nobody can type a code.

    Raises:
        Unreachable: the class and the text give the cause.
    """
    with Agent() as agent:
        _LogIn(Attempts(transport, login, ask_code), login, named, agent, bool(ask_code)).run()


class _LogIn:
    def __init__(
        self, attempts: Attempts, login: Login, named: NamedKey, agent: Agent, asks: bool
    ) -> None:
        self._attempts = attempts
        self._login = login
        self._named = named
        self._agent = agent
        self._asks = asks
        self._notes: list[str] = [agent.problem] if agent.problem else []
        self._password_refused = self._code_refused = self._password_sent = False
        self._prompted = False

    def run(self) -> None:
        attempts = self._attempts
        attempts.begin()
        own, others = self._yield_own_keys(), self._yield_other_keys()
        while not attempts.done:
            if "publickey" in attempts.allowed and (key := next(own, None)):
                attempts.offer(key, second_signature=True)
            elif method := self._choose_password_method():
                self._send_password(method)
            elif self._may_offer_keys() and (key := next(others, None)):
                attempts.offer(key, second_signature=False)
            elif self._may_answer_prompts():
                self._prompted = True
                accepted, dialogue = attempts.answer_prompts(self._get_password())
                self._code_refused = dialogue.code_sent and not accepted
            else:
                raise self._build_refusal()

    def _yield_own_keys(self) -> Iterator[Key]:
        """Yield the key of the inventory; ssh-agent may hold it if the file cannot be opened."""
        yield from self._named.keys
        for key in self._agent if self._named.public else ():
            if key.blob == self._named.public:
                yield from add_certificate(key, self._named.file)

    def _yield_other_keys(self) -> Iterator[Key]:
        """Yield the keys of OpenSSH's configuration, then of ssh-agent, then the default ones."""
        seen = {key.blob for key in self._attempts.refused}
        for key in self._list_other_keys():
            if key.blob not in seen and key.blob != self._named.public:
                seen.add(key.blob)
                yield key

    def _list_other_keys(self) -> Iterator[Key]:
        login = self._login
        for file in login.identity_files:
            if Path(file).is_file():  # as in OpenSSH, one that is missing is no error
                yield from self._read_identity(file)
        if not login.identities_only:
            yield from self._agent
        if login.private_key_file or login.identity_files:
            return
        for key_or_error in find_default_keys():
            if isinstance(key_or_error, causes.UnusableKey):
                self._notes.append(key_or_error.message)
            else:
                yield key_or_error

    def _read_identity(self, file: str) -> Iterator[Key]:
        """Yield the key in ``file``; ssh-agent may hold it if the file cannot be opened."""
        try:
            yield from read_key(file)
        except causes.UnusableKey as error:
            public = read_public_part(file)
            held = [key for key in self._agent if key.blob == public]
            for key in held:
                yield from add_certificate(key, Path(file))
            if not held:
                self._notes.append(error.message)

    def _may_offer_keys(self) -> bool:
        return "publickey" in self._attempts.allowed and not self._password_refused

    def _get_password(self) -> str | None:
        """Return the password, unless the server has refused it before."""
        if self._login.password is None or self._password_refused:
            return None
        if _REFUSALS.has(self._login):
            self._password_refused = True
            self._notes.append("it was refused before in this run and is not sent again")
            return None
        return self._login.password

    def _choose_password_method(self) -> str | None:
        """Return the method to send the password with: like `ssh`, prompts if the server has them."""
        if self._get_password() is None:
            return None
        if "keyboard-interactive" in self._attempts.allowed and not self._prompted:
            return "keyboard-interactive"
        sent = self._password_sent
        return "password" if "password" in self._attempts.allowed and not sent else None

    def _send_password(self, method: str) -> None:
        login, attempts = self._login, self._attempts
        password = login.password or ""
        try:
            if method == "password":
                self._password_sent = True
                accepted = attempts.send_password(password)
                refused, code_sent = not accepted, False
            else:
                self._prompted = True
                accepted, dialogue = attempts.answer_prompts(password)
                refused, code_sent = not accepted and dialogue.password_sent, dialogue.code_sent
                self._code_refused = code_sent and not accepted
        except (causes.PasswordRefused, causes.ConnectionClosed):
            _REFUSALS.add(login)
            raise
        if accepted and not attempts.done:
            attempts.passed.append(method)
            self._prompted = self._prompted and method == "keyboard-interactive"
        if refused:
            self._code_refused, self._password_refused = code_sent, True
            if not code_sent:
                _REFUSALS.add(login)

    def _may_answer_prompts(self) -> bool:
        """Return whether to answer prompts without a password: after a key, or if a person can answer."""
        offered = "keyboard-interactive" in self._attempts.allowed and not self._prompted
        return (
            offered and (bool(self._attempts.passed) or self._asks) and not self._password_refused
        )

    def _build_refusal(self) -> Unreachable:
        """Return the error that summarizes all refusals."""
        attempts, login, named = self._attempts, self._login, self._named
        if self._code_refused and not self._password_refused:
            what = f"{login.where}: code refused for {login.user}"
            return causes.CodeRefused(what, "run again with the code that the token shows then")
        if named.problem and not self._password_refused and not attempts.refused:
            return named.problem
        text, remedies = self._list_refusals()
        if named.problem:
            self._notes.append(named.problem.message.partition(": ")[2])
        message = causes.clean(attempts.message, login) if attempts.count else ""
        notes = [*self._notes, *([f'the server says: "{message}"'] if message else [])]
        what = f"{login.where}: {'; '.join(text + notes)}"
        if message:
            error = causes.classify_message(message, login, "")
            if isinstance(error, causes.AccountLocked):
                return causes.AccountLocked(what, error.remedy)
        return self._choose_class()(what, "; ".join(dict.fromkeys(remedies)))

    def _choose_class(self) -> type[Unreachable]:
        if self._has_nothing():
            return causes.NothingToTry
        if self._password_refused:
            return causes.CodeRefused if self._code_refused else causes.PasswordRefused
        return causes.KeyRefused if self._attempts.refused else causes.MethodMissing

    def _has_nothing(self) -> bool:
        """Return whether there was neither a key nor a password to try."""
        attempts, named = self._attempts, self._named
        has_keys = bool(attempts.passed or attempts.refused or named.keys)
        return not has_keys and not self._login.password

    def _list_refusals(self) -> tuple[list[str], list[str]]:
        """Return the parts of the error's text, and of its remedy."""
        attempts, login = self._attempts, self._login
        text: list[str] = []
        remedies: list[str] = []
        if self._password_refused:
            text.append(f"password{' or code' * self._code_refused} refused for {login.user}")
            remedies.append("check ansible_password")
        if attempts.refused:
            text.append(f"key refused for {login.user}: {_join_keys(attempts.refused)}")
            remedies.append(_KEY_REMEDY.format(login.user))
        if attempts.passed:
            text.append(f"accepted so far: {', '.join(attempts.passed)}")
        if attempts.passed or not text:
            methods = causes.clean(", ".join(attempts.allowed), login) or "no method at all"
            text.append(f"the server {'still ' * bool(attempts.passed)}wants: {methods}")
            remedies += self._list_missing()
        if self._has_nothing():
            text.insert(0, f"no key and no password for {login.user}")
        return text, remedies

    def _list_missing(self) -> list[str]:
        allowed, remedies = self._attempts.allowed, []
        if {"password", "keyboard-interactive"} & set(allowed) and self._login.password is None:
            remedies.append("set ansible_password")
        if "publickey" in allowed:
            remedies.append("set ansible_ssh_private_key_file, or load a key into ssh-agent")
        return remedies or ["let a user log in who needs none of these"]


_KEY_REMEDY = (
    "put its public part into authorized_keys of {0} there, and check that sshd lets {0} in"
)


def _join_keys(keys: list[Key]) -> str:
    more = f", and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return ", ".join(str(key) for key in keys[:MOST_NAMED]) + more
