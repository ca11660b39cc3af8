"""One FortiGate: log in, look with a batch of `show`, push a plan, put things back if it fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from provision.fortios.config.desired import Desired
from provision.fortios.config.observed import Observed
from provision.fortios.config.versions import Facts
from provision.fortios.planning.planner import FortiPlan
from provision.fortios.record.record import Record
from provision.fortios.session.connection import Connection
from provision.fortios.session.observer import Observer
from provision.fortios.session.push import Approved, Push
from provision.ssh.host_keys import HostKeyPolicy
from provision.ssh.login import Login


class FortiGateSession:
    """A session with one unit, for the length of a ``with`` block."""

    def __init__(self, login: Login, policy: HostKeyPolicy) -> None:
        self._connection = Connection(login, policy)
        self._observer = Observer(self._connection)
        self._push = Push(self._connection, self._observer)

    def __enter__(self) -> FortiGateSession:
        self._connection.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._connection.__exit__(*error)

    @property
    def exchanges(self) -> int:
        """How often, since the login, we wrote and waited for the unit."""
        return self._connection.exchanges

    @property
    def facts(self) -> Facts:
        """See :attr:`Observer.facts`."""
        return self._observer.facts

    def observe(self, desired: Desired, record: Record) -> Observed:
        """See :meth:`Observer.observe`."""
        return self._observer.observe(desired, record)

    def look(self, wanted: Iterable[str]) -> Observed:
        """See :meth:`Observer.look`."""
        return self._observer.look(wanted)

    def apply(self, plan: FortiPlan, approved: Approved | None = None) -> None:
        """See :meth:`Push.apply`; what was there is what :meth:`observe` saw last."""
        self._push.apply(plan, approved)
