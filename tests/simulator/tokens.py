"""The second factor of a FortiGate's administrator: codes that work once, and pushes to a phone."""

import threading
from collections.abc import Iterable


class Tokens:
    """The codes that are still good; `tried` holds every answer to a prompt for one."""

    def __init__(self, codes: Iterable[str], push: bool) -> None:
        self._good = list(codes)
        self.wanted = bool(self._good) or push
        self._push = push
        self._lock = threading.Lock()
        self.tried: list[str] = []

    def accept(self, code: str) -> bool:
        """Return whether `code` lets somebody in; it does so once."""
        with self._lock:
            self.tried.append(code)
            if not code:
                return self._push
            if code not in self._good:
                return False
            self._good.remove(code)
            return True
