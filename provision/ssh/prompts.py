"""Answer the prompts of keyboard-interactive logins: with the password, or with a code from the operator.

RFC 4256 gives a prompt no type, so only its words and its echo flag are left to judge by. A code that is
sent as a password, or the other way round, counts as a failed login, and some servers lock the account
after three.

A worker thread asks for a code with :meth:`Codes.ask` and waits. Only the main thread, which owns the
terminal, takes the questions and answers them. A connection that took a code is kept open between plan and
apply, because the next login would need another code.
"""

from __future__ import annotations

import queue
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Literal, Protocol

from provision.errors import Unreachable
from provision.ssh import causes
from provision.ssh.login import Login
from provision.ssh.packets import LoginState

# Asks the operator for a code: the login, and the server's prompt, safe to print. Returns the code.
AskCode = Callable[[Login, str], str]
Kind = Literal["password", "code", "new password", "unknown"]

# Characters at the end of a prompt that are looked at. The question stands there, and the expressions below
# take a quadratic time.
_LONGEST = 2000

# Names are no hint: a host may be called token-gw, a user otp.
_NAMES = re.compile(r"\S+@\S+|\bfor [`'\"]?\S+")

# The dialogue of an expired password, which must not be answered with the current password.
_NEW_PASSWORD = re.compile(
    r"\b(re-?type|re-?enter|repeat|confirm)\b.*\bpass|\b(new|current)\b.*\bpass(word|phrase)"
    r"|\b(neue|aktuelle|derzeitige)s?\b.*(passwort|kennwort)|\b(passwort|kennwort)\b.*wiederhol"
    r"|nouveau.*mot de passe|mot de passe.*\bactuel|\bnuev[ao].*contrase|contrase.*\bactual\b"
    r"|\bnuova.*password|\bnova.*senha|nieuwe?.*wachtwoord|нов\w+ парол"
    r"|新しい.*パスワード|新(的)?(密码|口令)",
    re.DOTALL,
)
_CODE = re.compile(
    r"token|\bpass ?code|one[- ]?time|\b[hot]*otp\b|\boath\b|yubi|\bduo\b|\bpin\b"
    r"|(two|2|second|multi|zwei)[- ]?fa[ck]tor|\b[2m]fa\b|authenticator|google|challenge|\bresponse\b"
    r"|\bcode\b|code\b|(?<!adgangs)(?<!wacht)kod(e|i)?\b|\bcodice\b|c[óo]digo|koodi|einmal"
    r"|\bкод\b|コード|验证码|驗證碼|動態|动态|인증",  # noqa: RUF001
)
_PASSWORD = re.compile(
    r"pass ?word|passwd|passphrase|passwort|kennwort|mot de passe|contrase[nñ]a|senha|palavra-passe"
    r"|wachtwoord|l[öo]senord|passord|adgangskode|salasana|has[łl]o|heslo|jelsz[óo]|parol|[şs]ifre"
    r"|пароль|κωδικ|パスワード|密码|密碼|口令|암호|비밀번호",
)


def classify(prompt: str, echo: bool) -> Kind:
    """Return the kind of input that ``prompt`` asks for; ``echo``: the input would be visible.

    A password is never visible, so a prompt with echo asks for a code or is unknown.
    """
    text = unicodedata.normalize("NFC", prompt[-_LONGEST:]).casefold()
    text = _NAMES.sub(" ", text)
    if _NEW_PASSWORD.search(text):
        return "new password"
    if _CODE.search(text):
        return "code"
    return "password" if _PASSWORD.search(text) and not echo else "unknown"


class Dialogue:
    """The prompts of one keyboard-interactive attempt, each answered at most once.

    ``stopped``: the error that ended it. ``password_sent``: the password was an answer. ``code_sent``: a
    code was.
    """

    def __init__(
        self,
        login: Login,
        password: str | None,
        ask_code: AskCode | None,
        state: LoginState,
        progress: str,
    ) -> None:
        self.stopped: Unreachable | None = None
        self.password_sent = self.code_sent = False
        self._login = login
        self._password = password
        self._ask_code = ask_code
        self._state = state
        self._progress = progress

    def answer(self, title: str, text: str, prompts: list[tuple[str, bool]]) -> list[str] | None:
        """Return the answers to one round of prompts, or None if one of them cannot be answered."""
        self._state.add(f"{title} {text}")
        try:
            return [self._answer(f"{title} {text}", prompt, echo) for prompt, echo in prompts]
        except Unreachable as error:
            self.stopped = error
            return None

    def _answer(self, heading: str, prompt: str, echo: bool) -> str:
        kind = classify(prompt, echo)
        if kind == "new password":
            message = f"{self._state.message} {prompt}"
            raise causes.build_password_expired(self._login, message)
        if kind == "password" or (kind == "unknown" and not echo and not self.password_sent):
            return self._send_password()
        return self._send_code(causes.clean(f"{heading} {prompt}", self._login))

    def _send_password(self) -> str:
        login = self._login
        if self.password_sent:
            raise causes.PasswordRefused(
                f"{login.where}: password refused for {login.user}", "check ansible_password"
            )
        if self._password is None:
            raise causes.MethodMissing(
                f"{login.where}: {self._progress}the server wants the password of {login.user}",
                "set ansible_password",
            )
        self.password_sent = True
        return self._password

    def _send_code(self, prompt: str) -> str:
        login = self._login
        if self._ask_code is None:
            raise causes.CodeWanted(
                f'{login.where}: {self._progress}the server asks {login.user} for a code ("{prompt}")',
                "run with --ask-token on a terminal, or set ansible_user to a user who needs no code",
            )
        self.code_sent = True
        return self._ask_code(login, prompt)


class Reusable(Protocol):
    """A connection that can stay open while it is not used."""

    def is_open(self) -> bool:
        """Return whether the connection can still be used."""

    def close(self) -> None:
        """Close the connection."""


class Question:
    """A request for a code: ``prompt`` is the server's, on one line and safe to print."""

    def __init__(self, login: Login, prompt: str) -> None:
        self.login = login
        self.prompt = prompt
        self._code: Future[str] = Future()

    def answer(self, code: str) -> None:
        """Pass on the code; an empty one starts a push to a phone where the server supports that."""
        self._code.set_result(code)

    def refuse(self) -> None:
        """End the login without a code."""
        what = f"{self.login.where}: asks for a code, and none was typed"
        self._code.set_exception(Unreachable(what, "run again"))

    def wait(self) -> str:
        """Wait for the code and return it.

        Raises:
            Unreachable: no code was typed.
        """
        return self._code.result()


class Codes:
    """The questions and the reusable connections of one run.

    As a context manager it refuses all open questions and closes all connections at its end.
    """

    def __init__(self) -> None:
        self._questions: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._asked: set[Login] = set()
        self._kept: dict[Login, Reusable] = {}
        self._stopped = False

    def __enter__(self) -> Codes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        while self._kept:
            self._kept.popitem()[1].close()

    def ask(self, login: Login, prompt: str) -> str:
        """Return the code that the operator types for ``prompt``; called by worker threads.

        Raises:
            Unreachable: no code was typed.
        """
        question = Question(login, prompt)
        with self._lock:
            self._asked.add(login)
            if self._stopped:
                question.refuse()
            else:
                self._questions.put(question)
        return question.wait()

    def take_questions(self) -> Iterator[Question]:
        """Yield each question that has not been taken; each must be answered or refused."""
        while True:
            try:
                yield self._questions.get_nowait()
            except queue.Empty:
                return

    def stop(self) -> None:
        """Refuse all open questions and all later ones."""
        with self._lock:
            self._stopped = True
        for question in self.take_questions():
            question.refuse()

    def take_connection(self, login: Login) -> Reusable | None:
        """Return the open connection that was kept for ``login``; the caller must give it back."""
        with self._lock:
            kept = self._kept.pop(login, None)
        if kept is None or kept.is_open():
            return kept
        kept.close()
        return None

    def give_back(self, login: Login, connection: Reusable) -> None:
        """Keep ``connection`` open if its login took a code, else close it."""
        with self._lock:
            if login in self._asked and login not in self._kept and not self._stopped:
                self._kept[login] = connection
                return
        connection.close()
