"""Change the manifest during a run, and undo what the run did.

The manifest remembers the state before our first run (for teardown), the journal the state before this run
(for a failure).
"""

from __future__ import annotations

from collections.abc import Callable

from provision.linux.agent import host, memory
from provision.linux.agent.host import HostError
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.wire import to_json


class Journal:
    """The manifest while it changes, with the steps that undo what this run did."""

    def __init__(self, manifest: memory.Manifest) -> None:
        self.manifest = manifest
        # whether a file that running services read was changed
        self.activated = False
        # notes for the operator if the run succeeds
        self.notes: list[str] = []
        self._undo: list[Callable[[], None]] = []

    def own(self, identity: ResourceId, before: object, data: bool = False) -> None:
        """Record on disk that ``identity`` is ours from now on, and what was there before.

        ``data`` marks what a teardown keeps unless it is told to purge.
        """
        if memory.find(self.manifest, identity) is None:
            self.manifest.objects.append(memory.Entry(identity, to_json(before), data))
            memory.save(self.manifest)

    def disown(self, identity: ResourceId) -> None:
        """Drop an object that is no longer ours."""
        self.manifest.objects = [e for e in self.manifest.objects if e.id != identity]
        memory.save(self.manifest)

    def on_failure(self, action: Callable[[], None]) -> None:
        """Add a step that undoes a part of the run after a failure; the last step runs first."""
        self._undo.append(action)

    def undo(self) -> list[str]:
        """Undo everything that this run did, and return errors about what could not be undone."""
        left = []
        for action in reversed(self._undo):
            try:
                action()
            except OSError as error:
                left.append(host.explain(error))
            except (HostError, LookupError) as error:
                left.append(str(error))
        return left
