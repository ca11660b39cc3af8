"""One exec over SSH: what is sent, and what comes back on both outputs, bounded in bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from provision.linux.session.framing import Output

# Bytes besides an answer: programs may print warnings, and the reason why the agent did not start.
MOST_BESIDES = 1 << 20
# Seconds for the rest of the output once the program is over: one that it left behind may never close it.
REST = 3


class Exchange:
    """A started program. Both of its outputs are read while anything is sent."""

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
            return  # closed from outside, because there was no end to it
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def send(self, data: bytes) -> None:
        """Begin to send; what nobody reads any more is dropped, and the answer says why."""
        thread = threading.Thread(target=self._send, args=(data,))
        self._threads.append(thread)
        thread.start()

    def _send(self, data: bytes) -> None:
        try:
            self._channel.sendall(data)
        except (OSError, EOFError):
            return

    def wait(self, enough: Callable[[], object], seconds: float = float("inf")) -> bool:
        """Wait until ``enough``, or until nothing more can come; return whether it is enough."""
        last = time.monotonic() + seconds
        with self._changed:
            while not enough() and not self.over and time.monotonic() < last:
                self._changed.wait(min(1, last - time.monotonic()))
            return bool(enough())

    @property
    def over(self) -> bool:
        """Return whether nothing more can come, or nothing more is wanted."""
        if self._ended is None and self._channel.exit_status_ready():
            self._ended = time.monotonic()
        rest = self._ended is not None and time.monotonic() > self._ended + REST
        return self.too_much or self._running == 0 or rest

    @property
    def size(self) -> int:
        """Return how many bytes have arrived."""
        return sum(len(output.text) for output in self._outputs)

    @property
    def said(self) -> list[tuple[str, str]]:
        """Return every message of our own programs."""
        return [message for output in self._outputs for message in output.said]

    def heard(self, word: str) -> bool:
        """Return whether one of them was ``word``."""
        return any(word == each for each, _ in self.said)

    @property
    def answered(self) -> bool:
        """Return whether the answer is there, on whichever output."""
        return any(output.whole for output in self._outputs)

    @property
    def answer(self) -> bytes | None:
        """Return the answer, or None while it is not whole."""
        return next((output.answer for output in self._outputs if output.whole), None)

    @property
    def others(self) -> tuple[str, str]:
        """Return what else there is on each output."""
        return self._outputs[0].other, self._outputs[1].other
