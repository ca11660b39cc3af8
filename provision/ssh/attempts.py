"""Make one attempt to log in at a time, and turn the server's refusals into errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paramiko

from provision.errors import Unreachable, spell_count
from provision.ssh import causes
from provision.ssh.keys import Key, WrappedKey
from provision.ssh.login import Login
from provision.ssh.packets import LoginState, Packets, TooMuch
from provision.ssh.prompts import AskCode, Dialogue

# Seconds that a person has to find and type a code.
TYPING = 300
# Keys that an error names; ssh-agent may hold many.
MOST_NAMED = 4
_SHA1 = ["rsa-sha2-512", "rsa-sha2-256"]


class Attempts:
    """The attempts over one connection whose user is not logged in yet.

    ``passed``: the methods that the server has accepted. ``refused``: the keys that it has refused.
    ``count``: the number of refused attempts. ``done``: the user is logged in.
    """

    def __init__(
        self, transport: paramiko.Transport, login: Login, ask_code: AskCode | None
    ) -> None:
        self.passed: list[str] = []
        self.refused: list[Key] = []
        self.count = 0
        self.done = False
        self._transport = transport
        self._login = login
        self._ask_code = ask_code
        self._signer: _Signer | None = None
        packets = transport.packetizer
        self._state = packets.state if isinstance(packets, Packets) else LoginState()

    @property
    def allowed(self) -> tuple[str, ...]:
        """The methods that the server accepts next."""
        return self._state.methods

    @property
    def message(self) -> str:
        """The text that the server sent during the last attempt."""
        return self._state.message

    def begin(self) -> None:
        """Ask the server for its methods."""
        self._try("none", "the first question", lambda: self._transport.auth_none(self._login.user))
        self.count = 0  # servers do not count it

    def offer(self, key: Key, second_signature: bool) -> bool:
        """Offer a key and return whether it was accepted.

        ``second_signature``: an RSA key may take two attempts if the server does not announce which
        signatures it supports.
        """
        signer = self._signer = _Signer(key.signer)
        for disabled in self._list_disabled(key, second_signature):
            self._transport.disabled_algorithms = {"pubkeys": disabled}
            accepted = self._try(
                "publickey",
                f"the key {key}",
                lambda: self._transport.auth_publickey(self._login.user, signer),
            )
            if accepted:
                self.passed.append(f"publickey ({key.source})")
                return True
            if "publickey" not in self.allowed:
                break
        self.refused.append(key)
        return False

    def _list_disabled(self, key: Key, second: bool) -> list[list[str]]:
        """Return, for each attempt with ``key``, the signatures that it must not use."""
        known = self._transport.server_extensions.get("server-sig-algs")
        if not key.type.startswith("ssh-rsa"):
            return [[]]
        if known:
            names = bytes(known).decode("ascii", "replace").split(",")
            return [[]] if {"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"} & set(names) else []
        # RFC 8332: a server that announces no signatures may support ssh-rsa only
        return [_SHA1, []] if second else [_SHA1]

    def send_password(self, password: str) -> bool:
        """Send the password and return whether it was accepted."""
        return self._try(
            "password",
            "the password",
            lambda: self._transport.auth_password(self._login.user, password, fallback=False),
        )

    def answer_prompts(self, password: str | None) -> tuple[bool, Dialogue]:
        """Answer the server's prompts; return whether it accepted the answers, and the dialogue.

        Raises:
            Unreachable: the server asks for something that nobody can answer.
        """
        progress = f"accepted so far: {', '.join(self.passed)}; " if self.passed else ""
        dialogue = Dialogue(self._login, password, self._ask_code, self._state, progress)

        def answer(title: str, text: str, prompts: list[tuple[str, bool]]) -> list[str]:
            answers = dialogue.answer(title, text, prompts)
            if answers is None:
                self._transport.close()
            return answers or []

        accepted = self._try(
            "keyboard-interactive",
            "the answers to its prompts",
            lambda: self._transport.auth_interactive(self._login.user, answer),
            dialogue,
        )
        return accepted, dialogue

    def _try(
        self, method: str, what: str, send: Callable[[], object], dialogue: Dialogue | None = None
    ) -> bool:
        state, login, transport = self._state, self._login, self._transport
        state.begin(method)
        transport.auth_timeout = login.timeout + (TYPING if dialogue and self._ask_code else 0)
        broken: BaseException | None = None
        try:
            send()
        except Exception as error:  # noqa: BLE001 - whatever a broken packet makes paramiko raise
            broken = error
        if state.accepted and transport.is_authenticated():
            self.done = True
        elif dialogue and dialogue.stopped:
            raise dialogue.stopped
        elif state.wants_new_password:
            raise causes.build_password_expired(login, state.message)
        elif state.failed:
            self.count += not state.partial
        elif transport.is_active():
            transport.close()
            raise self._build_timeout(what)
        if not transport.is_active():
            raise self._build_closed(what, broken)
        return self.done or state.partial

    def _build_timeout(self, what: str) -> causes.TimedOut:
        where, seconds = self._login.where, self._login.timeout
        if self._signer and self._signer.signing:
            return causes.TimedOut(
                f"{where}: ssh-agent has not signed with {what} within {seconds:g} s",
                "confirm the use of the key, touch its token, or raise ansible_timeout",
            )
        return causes.TimedOut(
            f"{where}: no answer to {what} within {seconds:g} s",
            "raise ansible_timeout if the server is slow, or waits for RADIUS or a push",
        )

    def _build_closed(self, what: str, broken: BaseException | None) -> Unreachable:
        """Return the error for a connection that was closed during an attempt, or right after it."""
        state, login = self._state, self._login
        if isinstance(broken, TooMuch):
            return causes.ConnectionClosed(
                f"{login.where}: the connection was closed: {broken}", "see the server's log"
            )
        many = "too many authentication failures" in state.message.lower()
        if state.method == "publickey" and (many or (self.count and not state.message)):
            return self._build_too_many_keys(what)
        if many:
            return causes.PasswordRefused(
                f"{login.where}: password refused for {login.user}; "
                f"the server closed the session after {spell_count(self.count + 1, 'attempt')}",
                "check ansible_password",
            )
        if state.message:
            return causes.classify_message(state.message, login, "closed the connection")
        after = "right after the login" if state.accepted else f"during the check of {what}"
        expected = isinstance(broken, (EOFError, OSError, paramiko.SSHException))
        more = f" ({type(broken).__name__})" if broken and not expected else ""
        return causes.ConnectionClosed(
            f"{login.where}: the server closed the connection {after}{more}",
            f"see its log; check that {login.user} may log in there, and from this address",
        )

    def _build_too_many_keys(self, last: str) -> Unreachable:
        login, keys = self._login, len(self.refused) + 1
        refused = ", ".join([*(str(key) for key in self.refused[:MOST_NAMED]), "..."][: keys - 1])
        return causes.TooManyAttempts(
            f"{login.where}: the server closed the session after {spell_count(keys, 'key')} "
            f"(MaxAuthTries): {refused or last}",
            f"check authorized_keys of {login.user} there"
            if login.private_key_file
            else "name the key in ansible_ssh_private_key_file",
        )


class _Signer(WrappedKey):
    """A key that counts as refused when it fails to sign, so that the connection stays open.

    ``signing``: a signature is being made, which may wait for a person.
    """

    signing = False

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> Any:
        self.signing = True
        try:
            signature = super().sign_ssh_data(data, algorithm)
        except Exception:  # noqa: BLE001 - a locked agent, an absent token, a forbidden hash
            signature = paramiko.Message()
        self.signing = False
        return signature
