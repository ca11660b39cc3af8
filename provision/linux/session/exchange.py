"""Run one exec over SSH: send its input, and read a limited number of bytes from both outputs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from provision.linux.session.framing import Output

# Bytes besides an answer: warnings, and the reason why the agent did not start.
MOST_BESIDES = 1 << 20
# Seconds to read the rest after the program ended: a child of it may keep its outputs open for ever.
REST = 3


class Exchange:
    """A started program. Both of its outputs are read while its input is sent."""

    def __init__(self, channel: Any, marker: str, largest: int) -> None:
        self.too_much = False
        self._channel = channel
        self._room = largest + MOST_BESIDES
        self._outputs = (Output(marker, largest), Output(marker, largest))
        self._changed = threading.Condition()
        self._running = 2
        self._ended: float | None = None
        self._threads = [
            threading.Thread(target=self._read, args=(receive, output))
            for receive, output in zip(
                (channel.recv, channel.recv_stderr), self._outputs, strict=True
            )
        ]

    def __enter__(self) -> Exchange:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        for thread in self._threads:
            thread.join()

    def _read(self, receive: Callable[[int], bytes], output: Output) -> None:
        try:
            while chunk := receive(65536):
                with self._changed:
                    self._room -= len(chunk)
                    output.feed(chunk)
                    self.too_much = self.too_much or self._room < 0 or output.too_large
                    self._changed.notify_all()
                    if self.too_much:
                        return
        except (OSError, EOFError):
            return  # closed from outside, because it did not end in time
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def send(self, data: bytes) -> None:
        """Begin to send. If the program stops reading, the rest is dropped; its answer has the reason."""
        thread = threading.Thread(target=self._send, args=(data,))
        self._threads.append(thread)
        thread.start()

    def _send(self, data: bytes) -> None:
        try:
            self._channel.sendall(data)
        except (OSError, EOFError):
            return

    def wait(self, enough: Callable[[], object], seconds: float = float("inf")) -> bool:
        """Wait until ``enough`` is true, or no more output can come; return whether it is true."""
        last = time.monotonic() + seconds
        with self._changed:
            while not enough() and not self.is_over and time.monotonic() < last:
                self._changed.wait(min(1, last - time.monotonic()))
            return bool(enough())

    @property
    def is_over(self) -> bool:
        """Return whether no more output can come, or there was too much of it."""
        if self._ended is None and self._channel.exit_status_ready():
            self._ended = time.monotonic()
        rest = self._ended is not None and time.monotonic() > self._ended + REST
        return self.too_much or self._running == 0 or rest

    @property
    def size(self) -> int:
        """Return the number of bytes that have arrived."""
        return sum(len(output.text) for output in self._outputs)

    @property
    def said(self) -> list[tuple[str, str]]:
        """Return every message of our own programs."""
        return [message for output in self._outputs for message in output.said]

    def has_heard(self, word: str) -> bool:
        """Return whether one of them was ``word``."""
        return any(word == each for each, _ in self.said)

    @property
    def is_answered(self) -> bool:
        """Return whether the answer has arrived, on either output."""
        return any(output.is_whole for output in self._outputs)

    @property
    def answer(self) -> bytes | None:
        """Return the answer, or None while it is incomplete."""
        return next((output.answer for output in self._outputs if output.is_whole), None)

    @property
    def others(self) -> tuple[str, str]:
        """Return all other text on each output."""
        return self._outputs[0].other, self._outputs[1].other
