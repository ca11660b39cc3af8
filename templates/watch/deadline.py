"""Connect to servers, and end what takes too long: from the look-up of a name to the last byte.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from banstitch_shared.addresses import is_address

# Seconds without a byte, and seconds of a whole conversation.
SILENCE, PATIENCE = 10.0, 30.0
# Look-ups at once. Each has a thread, which a dead resolver may hold for ever.
_MOST_LOOK_UPS = 200


class Deadline:
    """The end of a conversation with a server, and all its connections.

    A limit for each read alone would let a server send single bytes for ever. So the connections are cut when
    the time is over. To leave the block raises TimeoutError then, whatever error the cut connection caused.
    """

    def __init__(self) -> None:
        self._seconds = PATIENCE
        self._until = time.monotonic() + self._seconds
        self._lock = threading.Lock()
        self._is_over = False
        # each beside a second handle, since one that TLS wraps is not the same object any more
        self._connections: list[socket.socket] = []
        self._timer = threading.Timer(self._seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        """Begin to count. Raises OSError: no thread is left."""
        _start(self._timer)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._timer.cancel()
        with self._lock:  # the timer must not cut a descriptor that is somebody else's by then
            for each in self._connections:
                each.close()
            self._connections = []
        if self._is_over:
            raise self._complain() from error

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a connection to the first address of a name that answers. Raises OSError."""
        error = OSError("%s has no address" % host)
        for address in self.look_up(host):
            try:
                found = socket.create_connection((address, port), min(SILENCE, self._find_left()))
            except OSError as why:
                error = why
                continue
            found.settimeout(SILENCE)
            with self._lock:
                self._connections += [found, found.dup()]
                if not self._is_over:
                    return found
        raise error

    def look_up(self, host: str) -> list[str]:
        """Return the addresses of a name. Raises OSError, ValueError."""
        found = look_up(host, self._find_left())
        if found is None:
            raise self._complain()
        return found

    def _find_left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._complain()
        return left

    def _complain(self) -> TimeoutError:
        return TimeoutError("the server takes longer than %g seconds" % self._seconds)

    def _cut(self) -> None:
        with self._lock:
            self._is_over = True
            for each in self._connections:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


class _LookUp(threading.Thread):
    """A look-up of a name. Nothing can end one that hangs, so it has a thread of its own."""

    running: dict[str, _LookUp] = {}  # noqa: RUF012 - one for all
    lock = threading.Lock()

    def __init__(self, host: str) -> None:
        super().__init__(name="look up " + host, daemon=True)
        self.host = host
        self.found: list[str] = []
        self.error: Exception | None = None

    def run(self) -> None:
        """Look the name up."""
        try:
            rows = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
            self.found = list(dict.fromkeys(str(address[0]) for *_, address in rows))
        except (OSError, ValueError) as error:  # ValueError: a label that is too long
            self.error = error
        finally:
            with self.lock:
                del self.running[self.host]


def look_up(host: str, seconds: float) -> list[str] | None:
    """Return the addresses of a name; None if that takes longer. A name is looked up once at a time.

    Raises:
        OSError, ValueError: it has none.
    """
    if is_address(host):
        return [host]
    with _LookUp.lock:
        running = _LookUp.running.get(host)
        if running is None:
            if len(_LookUp.running) >= _MOST_LOOK_UPS:
                raise OSError("too many lookups are still waiting")
            running = _LookUp(host)
            _start(running)
            _LookUp.running[host] = running
    running.join(seconds)
    if running.is_alive():
        return None
    if running.error:
        raise running.error
    return running.found


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:  # no thread is left
        raise OSError(str(error)) from error
