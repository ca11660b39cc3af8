"""gunicorn's worker of the page: that of the receiver, which slow clients cannot block.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

from receiver.worker import Worker as ReceiverWorker


class Worker(ReceiverWorker):
    """One process of the page."""
