"""The order in which keys and a password are offered to a server, and what its refusals add up to.

As OpenSSH's client, with one difference: what the inventory names comes first, so that ssh-agent never
uses up the attempts. A password that was refused is not sent again for the rest of the run.
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
from provision.ssh.attempts import MOST_NAMED, AskCode, Attempts
from provision.ssh.keys import Agent, Key, certified, default_keys, public_part, read_key
from provision.ssh.login import Login


class _Refusals:
    """Passwords that were refused in this run: servers lock accounts after three refusals."""

    def __init__(self) -> None:
        self._salt = os.urandom(32)
        self._seen: set[bytes] = set()
        self._lock = threading.Lock()

    def _digest(self, login: Login) -> bytes:
        text = "\0".join((login.address, str(login.port), login.user, login.password or ""))
        return hmac.digest(self._salt, text.encode("utf-8", "surrogatepass"), hashlib.sha256)

    def add(self, login: Login) -> None:
        with self._lock:
            self._seen.add(self._digest(login))

    def has(self, login: Login) -> bool:
        with self._lock:
            return self._digest(login) in self._seen


_REFUSALS = _Refusals()


class NamedKey:
    """The key of ``ansible_ssh_private_key_file``, read before anything is sent.

    ``problem``: why it cannot be used. ``public``: its public part then, if ssh-agent holds it.
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
            self.problem = type(error)(f"{login.where}: {error.what}", error.remedy)
            public = public_part(login.private_key_file)
            with Agent() as agent:
                self.public = public if any(key.blob == public for key in agent) else b""


def log_in(
    transport: paramiko.Transport, login: Login, named: NamedKey, ask_code: AskCode | None = None
) -> None:
    """Log in over ``transport``, which has checked the host key.

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
        own, others = self._own_keys(), self._other_keys()
        while not attempts.done:
            if "publickey" in attempts.allowed and (key := next(own, None)):
                attempts.offer(key, second_signature=True)
            elif method := self._password_method():
                self._send_password(method)
            elif self._goes_on_with_keys() and (key := next(others, None)):
                attempts.offer(key, second_signature=False)
            elif self._may_be_asked():
                self._prompted = True
                accepted, dialogue = attempts.answer_prompts(self._secret())
                self._code_refused = dialogue.typed and not accepted
            else:
                raise self._verdict()

    def _own_keys(self) -> Iterator[Key]:
        """Yield what the inventory names; ssh-agent may hold it where the file cannot be opened."""
        yield from self._named.keys
        for key in self._agent if self._named.public else ():
            if key.blob == self._named.public:
                yield from certified(key, self._named.file)

    def _other_keys(self) -> Iterator[Key]:
        seen = {key.blob for key in self._attempts.refused}
        for key in self._agent:
            if key.blob not in seen and key.blob != self._named.public:
                seen.add(key.blob)
                yield key
        if self._login.private_key_file:
            return
        for found in default_keys():
            if isinstance(found, causes.UnusableKey):
                self._notes.append(found.what)
            elif found.blob not in seen:
                yield found

    def _goes_on_with_keys(self) -> bool:
        return "publickey" in self._attempts.allowed and not self._password_refused

    def _secret(self) -> str | None:
        """Return the password, unless the server has refused it before."""
        if self._login.password is None or self._password_refused:
            return None
        if _REFUSALS.has(self._login):
            self._password_refused = True
            self._notes.append("it was refused before in this run and is not sent again")
            return None
        return self._login.password

    def _password_method(self) -> str | None:
        """Return how to send the password: as `ssh`, by prompts where the server has them."""
        if self._secret() is None:
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
                refused, typed = not accepted, False
            else:
                self._prompted = True
                accepted, dialogue = attempts.answer_prompts(password)
                refused, typed = not accepted and dialogue.used, dialogue.typed
                self._code_refused = typed and not accepted
        except (causes.PasswordRefused, causes.ConnectionClosed):
            _REFUSALS.add(login)
            raise
        if accepted and not attempts.done:
            attempts.passed.append(method)
            self._prompted = self._prompted and method == "keyboard-interactive"
        if refused:
            self._code_refused, self._password_refused = typed, True
            if not typed:
                _REFUSALS.add(login)

    def _may_be_asked(self) -> bool:
        """Return whether to look at the prompts without a password: after a key, or with a person there."""
        offered = "keyboard-interactive" in self._attempts.allowed and not self._prompted
        return (
            offered and (bool(self._attempts.passed) or self._asks) and not self._password_refused
        )

    def _verdict(self) -> Unreachable:
        """Return what the refusals add up to."""
        attempts, login, named = self._attempts, self._login, self._named
        text: list[str] = []
        remedies: list[str] = []
        kind: type[Unreachable] = causes.MethodMissing
        if self._password_refused:
            kind = causes.CodeRefused if self._code_refused else causes.PasswordRefused
            text.append(f"password{' or code' * self._code_refused} refused for {login.user}")
            remedies.append("check ansible_password")
        elif self._code_refused:
            what = f"{login.where}: code refused for {login.user}"
            return causes.CodeRefused(what, "run again with the code that the token shows then")
        if attempts.refused:
            kind = kind if self._password_refused else causes.KeyRefused
            text.append(f"key refused for {login.user}: {_listed(attempts.refused)}")
            remedies.append(_KEY_REMEDY.format(login.user))
        if attempts.passed:
            text.append(f"accepted so far: {', '.join(attempts.passed)}")
        if attempts.passed or not text:
            text.append(f"the server {'still ' * bool(attempts.passed)}wants: {self._wanted()}")
            remedies += self._missing()
        if named.problem:
            if not self._password_refused and not attempts.refused:
                return named.problem
            self._notes.append(named.problem.what.partition(": ")[2])
        if not attempts.passed and not attempts.refused and not login.password and not named.keys:
            kind = causes.NothingToTry
            text.insert(0, f"no key and no password for {login.user}")
        said = causes.clean(attempts.words, login) if attempts.sent else ""
        notes = [*self._notes, *([f'the server says: "{said}"'] if said else [])]
        what = f"{login.where}: {'; '.join(text + notes)}"
        if said and isinstance(
            error := causes.explain_words(said, login, ""), causes.AccountLocked
        ):
            return causes.AccountLocked(what, error.remedy)
        return kind(what, "; ".join(dict.fromkeys(remedies)))

    def _wanted(self) -> str:
        return causes.clean(", ".join(self._attempts.allowed), self._login) or "no method at all"

    def _missing(self) -> list[str]:
        allowed, login, found = self._attempts.allowed, self._login, []
        if {"password", "keyboard-interactive"} & set(allowed) and login.password is None:
            found.append("set ansible_password")
        if "publickey" in allowed:
            found.append("name a key in ansible_ssh_private_key_file, or load one into ssh-agent")
        return found or ["let a user log in who needs none of these"]


_KEY_REMEDY = (
    "put its public part into authorized_keys of {0} there, and check that sshd lets {0} in"
)


def _listed(keys: list[Key]) -> str:
    more = f", and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return ", ".join(str(key) for key in keys[:MOST_NAMED]) + more
