"""Keep the session with a ban host open from one request to the next: to log in takes longer than most."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from provision.linux.session.session import BanHostSession
from provision.ssh.connection import Access
from provision.ssh.login import Login


class KeptSession:
    """The session of one run at one ban host, which is used by one thread.

    After an error, the next request begins with a login of its own.
    """

    def __init__(self, login: Login, access: Access) -> None:
        self._login = login
        self._access = access
        self._kept: BanHostSession | None = None
        self._open = ExitStack()

    @contextmanager
    def use(self) -> Iterator[BanHostSession]:
        """Yield the open session; log in if there is none, or if its connection was lost."""
        host, self._kept = self._kept, None
        if host is None or not host.is_open():
            self.close()
            host = self._open.enter_context(BanHostSession(self._login, self._access))
        try:
            yield host
            self._kept = host
        finally:
            if self._kept is None:
                self.close()

    def close(self) -> None:
        """Close the connection, if one is open."""
        self._kept = None
        self._open.close()
