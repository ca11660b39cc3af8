"""gunicorn's worker of the page: that of the receiver, which slow clients cannot block.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

from typing import Any

from receiver.worker import SocketAddress
from receiver.worker import Worker as ReceiverWorker

from page.access import drop_ambiguous


class Worker(ReceiverWorker):
    """One process of the page."""

    def begin_work(self, state: object) -> None:
        """Begin nothing: the page only answers."""

    def handle_request(
        self, listener_name: Any, req: Any, sock: Any, addr: SocketAddress
    ) -> object:
        """Answer a request, without the headers that a proxy may have let through by mistake."""
        req.headers[:] = drop_ambiguous(req.headers)
        return super().handle_request(listener_name, req, sock, addr)
