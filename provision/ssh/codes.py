"""Codes that work once: a worker wants one, the operator types it, and its connection stays open.

A worker asks by :meth:`Codes.ask` and waits. Only the main thread, which owns the terminal, takes the
questions and answers them. A connection that took a code is kept between its uses, from plan to apply,
because the next login would need another code.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Protocol

from provision.errors import Unreachable
from provision.ssh.login import Login


class Kept(Protocol):
    """A connection that can stay open while nobody uses it."""

    def is_open(self) -> bool:
        """Return whether it can still be used."""

    def close(self) -> None:
        """End it."""


class Question:
    """A code that a target wants: ``prompt`` is what the server says, in one line that is fit to be shown."""

    def __init__(self, login: Login, prompt: str) -> None:
        self.login = login
        self.prompt = prompt
        self._typed: Future[str] = Future()

    def answer(self, code: str) -> None:
        """Hand over what the operator typed; nothing starts a push to a phone where there is one."""
        self._typed.set_result(code)

    def refuse(self) -> None:
        """End the login: nobody types a code."""
        what = f"{self.login.where}: asks for a code, and none was typed"
        self._typed.set_exception(Unreachable(what, "run again"))

    def wait(self) -> str:
        """Return the code.

        Raises:
            Unreachable: there is none.
        """
        return self._typed.result()


class Codes:
    """The questions and the kept connections of one run; a context, at whose end all are closed."""

    def __init__(self) -> None:
        self._questions: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._asked: set[Login] = set()
        self._kept: dict[Login, Kept] = {}
        self._stopped = False

    def __enter__(self) -> Codes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        while self._kept:
            self._kept.popitem()[1].close()

    def ask(self, login: Login, prompt: str) -> str:
        """Return the code that the operator types for ``prompt``; called by workers.

        Raises:
            Unreachable: none was typed.
        """
        question = Question(login, prompt)
        with self._lock:
            self._asked.add(login)
            if self._stopped:
                question.refuse()
            else:
                self._questions.put(question)
        return question.wait()

    def waiting(self) -> Iterator[Question]:
        """Yield each question that nobody has taken yet; each must be answered or refused."""
        while True:
            try:
                yield self._questions.get_nowait()
            except queue.Empty:
                return

    def stop(self) -> None:
        """Refuse the questions that wait and those to come."""
        with self._lock:
            self._stopped = True
        for question in self.waiting():
            question.refuse()

    def take(self, login: Login) -> Kept | None:
        """Return the connection that was kept for ``login``, which is the caller's from now on."""
        with self._lock:
            kept = self._kept.pop(login, None)
        if kept is None or kept.is_open():
            return kept
        kept.close()
        return None

    def leave(self, login: Login, connection: Kept) -> None:
        """Keep ``connection`` if its login took a code, else close it."""
        with self._lock:
            if login in self._asked and login not in self._kept and not self._stopped:
                self._kept[login] = connection
                return
        connection.close()
