"""Change the manifest during a run, and undo what the run did.

The manifest remembers the state before our first run (for teardown), the journal the state before this run
(for a failure).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from provision.linux.agent import host, memory
from provision.linux.agent.beside import Beside
from provision.linux.agent.host import HostError
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.state import ServiceState
from provision.linux.agent.protocol.steps import BringUp, NewFile
from provision.linux.agent.protocol.wire import to_json

# A file of a step, the path where it is staged, and its content.
Staged = tuple[NewFile, str, bytes]


class Journal:
    """The manifest while it changes, with the steps that undo what this run did."""

    def __init__(self, manifest: memory.Manifest) -> None:
        self.manifest = manifest
        # whether a file that running services read was changed
        self.activated = False
        # the units that this run brings up, and the state of each before the first of them was
        self.bring_ups: tuple[BringUp, ...] = ()
        self.units: dict[str, ServiceState] = {}
        # the files that wait beside their paths
        self.staged: dict[str, Staged] = {}
        # fail2ban's check of its new configuration, once it has begun
        self.fail2ban_check: Beside | None = None
        # notes for the operator if the run succeeds
        self.notes: list[str] = []
        self._undo: list[Callable[[], None]] = []

    def own(self, identity: ResourceId, before: object, data: bool = False) -> None:
        """Record on disk that ``identity`` is ours from now on, and what was there before.

        ``data`` marks what a teardown keeps unless it is told to purge.
        """
        self.own_all([(identity, before)], data)

    def own_all(self, found: Iterable[tuple[ResourceId, object]], data: bool = False) -> None:
        """Record several objects on disk at once, as :meth:`own` does."""
        new = [each for each in found if memory.find(self.manifest, each[0]) is None]
        if new:
            entries = (memory.Entry(identity, to_json(before), data) for identity, before in new)
            self.manifest.objects.extend(entries)
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
