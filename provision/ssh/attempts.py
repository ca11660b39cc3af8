"""One attempt to log in at a time: what is sent, and what the server makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paramiko

from provision.errors import Unreachable, spell_count
from provision.ssh import causes
from provision.ssh.keys import Key, WrappedKey
from provision.ssh.login import Login
from provision.ssh.packets import Heard, Packets, TooMuch
from provision.ssh.prompts import classify

# Asks the operator for a code: the login, the server's prompt, already fit to be shown. Returns the code.
AskCode = Callable[[Login, str], str]

# Seconds that a person has to find and type a code.
TYPING = 300
# Keys that are named in an error; ssh-agent may hold many.
MOST_NAMED = 4
_SHA1 = ["rsa-sha2-512", "rsa-sha2-256"]


class Attempts:
    """A connection whose user is not logged in yet.

    ``allowed``: the methods that the server goes on with. ``passed``: what it has accepted so far.
    ``refused``: keys that it refused. ``sent``: how many attempts it refused.
    """

    def __init__(
        self, transport: paramiko.Transport, login: Login, ask_code: AskCode | None
    ) -> None:
        self.passed: list[str] = []
        self.refused: list[Key] = []
        self.sent = 0
        self.done = False
        self._transport = transport
        self._login = login
        self._ask_code = ask_code
        self._signer: _Signer | None = None
        packets = transport.packetizer
        self._heard = packets.heard if isinstance(packets, Packets) else Heard()

    @property
    def allowed(self) -> tuple[str, ...]:
        """Return the methods that the server would take next."""
        return self._heard.methods

    @property
    def words(self) -> str:
        """Return what the server said during the last attempt."""
        return self._heard.words

    def begin(self) -> None:
        """Ask which methods there are."""
        self._try("none", "the first question", lambda: self._transport.auth_none(self._login.user))
        self.sent = 0  # servers do not count it

    def offer(self, key: Key, second_signature: bool) -> bool:
        """Offer a key and return whether it was accepted.

        ``second_signature``: an RSA key may cost two attempts where the server does not say which
        signatures it knows.
        """
        signer = self._signer = _Signer(key.signer)
        for disabled in self._signatures(key, second_signature):
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

    def _signatures(self, key: Key, second: bool) -> list[list[str]]:
        """Return for each attempt with ``key`` the signatures that must not be used."""
        known = self._transport.server_extensions.get("server-sig-algs")
        if not key.type.startswith("ssh-rsa"):
            return [[]]
        if known:
            names = bytes(known).decode("ascii", "replace").split(",")
            return [[]] if {"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"} & set(names) else []
        # RFC 8332: a server that does not say which signatures it knows may know ssh-rsa only
        return [_SHA1, []] if second else [_SHA1]

    def send_password(self, password: str) -> bool:
        """Send the password and return whether it was accepted."""
        return self._try(
            "password",
            "the password",
            lambda: self._transport.auth_password(self._login.user, password, fallback=False),
        )

    def answer_prompts(self, password: str | None) -> tuple[bool, Dialogue]:
        """Answer the server's prompts; return whether it was satisfied, and what it asked for.

        Raises:
            Unreachable: it asks for something that nobody can answer.
        """
        so_far = f"accepted so far: {', '.join(self.passed)}; " if self.passed else ""
        dialogue = Dialogue(self._login, password, self._ask_code, self._heard, so_far)

        def answer(title: str, text: str, prompts: list[tuple[str, bool]]) -> list[str]:
            found = dialogue.answer(title, text, prompts)
            if found is None:
                self._transport.close()
            return found or []

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
        heard, login, transport = self._heard, self._login, self._transport
        heard.begin(method)
        transport.auth_timeout = login.timeout + (TYPING if dialogue and self._ask_code else 0)
        broken: BaseException | None = None
        try:
            send()
        except Exception as error:  # noqa: BLE001 - whatever a broken packet makes paramiko raise
            broken = error
        if heard.accepted and transport.is_authenticated():
            self.done = True
        elif dialogue and dialogue.stopped:
            raise dialogue.stopped
        elif heard.wants_new_password:
            raise causes.password_expired(login, heard.words)
        elif heard.failed:
            self.sent += not heard.partial
        elif transport.is_active():
            transport.close()
            raise self._late(what)
        if not transport.is_active():
            raise self._closed(what, broken)
        return self.done or heard.partial

    def _late(self, what: str) -> causes.TimedOut:
        where, seconds = self._login.where, self._login.timeout
        if self._signer and self._signer.signing:
            return causes.TimedOut(
                f"{where}: ssh-agent has not signed with {what} within {seconds:g} s",
                "confirm the use of the key, touch its token, or raise ansible_timeout",
            )
        return causes.TimedOut(
            f"{where}: no answer to {what} within {seconds:g} s",
            "raise ansible_timeout if the server is slow, or asks somebody else first (RADIUS, push)",
        )

    def _closed(self, what: str, broken: BaseException | None) -> Unreachable:
        """Return why the server closed the connection, or why it was closed here."""
        heard, login = self._heard, self._login
        if isinstance(broken, TooMuch):
            return causes.ConnectionClosed(
                f"{login.where}: the connection was closed: {broken}", "look into the server's log"
            )
        many = "too many authentication failures" in heard.words.lower()
        if heard.method == "publickey" and (many or (self.sent and not heard.words)):
            return self._too_many_keys(what)
        if many:
            return causes.PasswordRefused(
                f"{login.where}: password refused for {login.user}; "
                f"the server closed the session after {spell_count(self.sent + 1, 'attempt')}",
                "check ansible_password",
            )
        if heard.words:
            return causes.explain_words(heard.words, login, "closed the connection")
        after = "right after the login" if heard.accepted else f"during the check of {what}"
        expected = isinstance(broken, (EOFError, OSError, paramiko.SSHException))
        more = f" ({type(broken).__name__})" if broken and not expected else ""
        return causes.ConnectionClosed(
            f"{login.where}: the server closed the connection {after}{more}",
            f"look into its log: whether {login.user} may log in there, and from this address",
        )

    def _too_many_keys(self, last: str) -> Unreachable:
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
    """A key whose failure to sign is a refusal, not the end of the connection.

    ``signing``: a signature is being made, which may need a person.
    """

    signing = False

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> Any:
        self.signing = True
        try:
            signed = super().sign_ssh_data(data, algorithm)
        except Exception:  # noqa: BLE001 - a locked agent, an absent token, a forbidden hash
            signed = paramiko.Message()
        self.signing = False
        return signed


class Dialogue:
    """The prompts of one keyboard-interactive attempt, each answered at most once.

    ``stopped``: the error that ended it. ``used``: the password was sent. ``typed``: a code was.
    """

    def __init__(
        self,
        login: Login,
        password: str | None,
        ask_code: AskCode | None,
        heard: Heard,
        so_far: str,
    ) -> None:
        self.stopped: Unreachable | None = None
        self.used = self.typed = False
        self._login = login
        self._password = password
        self._ask_code = ask_code
        self._heard = heard
        self._so_far = so_far

    def answer(self, title: str, text: str, prompts: list[tuple[str, bool]]) -> list[str] | None:
        """Return the answers to one round of prompts, or None if one of them cannot be answered."""
        self._heard.add(f"{title} {text}")
        try:
            return [self._answer(f"{title} {text}", *each) for each in prompts]
        except Unreachable as error:
            self.stopped = error
            return None

    def _answer(self, above: str, prompt: str, echo: bool) -> str:
        login, kind = self._login, classify(prompt, echo)
        if kind == "new password":
            raise causes.password_expired(login, f"{self._heard.words} {prompt}")
        if kind == "password" or (kind == "unknown" and not echo and not self.used):
            if self.used:
                raise causes.PasswordRefused(
                    f"{login.where}: password refused for {login.user}", "check ansible_password"
                )
            if self._password is None:
                raise causes.MethodMissing(
                    f"{login.where}: {self._so_far}the server wants the password of {login.user}",
                    "set ansible_password",
                )
            self.used = True
            return self._password
        shown = causes.clean(f"{above} {prompt}", login)
        if self._ask_code is None:
            raise causes.CodeWanted(
                f'{login.where}: {self._so_far}the server asks {login.user} for a code ("{shown}")',
                "run with --ask-token on a terminal, or let a user log in who needs no code",
            )
        self.typed = True
        return self._ask_code(login, shown)
