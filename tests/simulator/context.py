"""The context of one administrator, and the rights and locks that apply there."""

from typing import Protocol

from tests.simulator import operations, refusals
from tests.simulator.config import Config
from tests.simulator.frames import Frame, Words
from tests.simulator.status import find_hostname
from tests.simulator.transactions import Transaction
from tests.simulator.tree import Block, Writer


class Host(operations.Host, Protocol):
    """The interface of a FortiGate that a session needs."""

    def writer(self, full: bool = False) -> Writer: ...


class Context:
    """One administrator at one prompt."""

    def __init__(self, host: Host, profile: str) -> None:
        self.host = host
        self.profile = profile
        home = host.options.home_vdom
        # an administrator of one VDOM is in it from the login on and cannot leave it
        self.home = [Frame(home, "scope", home)] if home else []
        self.frames: list[Frame] = [*self.home]
        self.transaction: Transaction | None = None
        self.log_filter: dict[str, str] = {}
        self.batch: list[str] | None = None
        self.batch_log: list[str] = []

    def stand_at_the_top(self) -> None:
        """Become an administrator of the whole FortiGate, whatever the options say."""
        self.home = []
        self.frames.clear()

    @property
    def config(self) -> Config:
        """Return the configuration this session sees: its open transaction's, or the FortiGate's."""
        return self.transaction.config if self.transaction else self.host.config

    @property
    def context(self) -> str:
        """Return the label the prompt shows in brackets, "" at the top."""
        return self.frames[-1].label if self.frames else ""

    @property
    def prompt(self) -> str:
        """Return the prompt, last blank included."""
        options = self.host.options
        name = options.prompt_name or find_hostname(self.host.config, options)
        role = options.ha_prompt.format(role=options.ha_role) if options.ha_role else ""
        context = f" ({self.context})" if self.context else ""
        return f"{name}{role}{context} {'#' if self.profile == 'super_admin' else '$'} "

    @property
    def kind(self) -> str:
        """Return the kind of the context: top, scope, vdoms, table or entry."""
        return self.frames[-1].kind if self.frames else "top"

    @property
    def scope(self) -> str:
        """Return the scope that tables are looked up in, "" at the top."""
        return self.frames[-1].scope if self.frames else ""

    def blocks(self) -> dict[str, Block]:
        """Return the blocks of the current scope."""
        return self.config.scopes.get(self.scope, {})

    def permits(self, path: str) -> bool:
        """Return whether the administrator's profile lets them configure table `path`."""
        if self.profile == "super_admin":
            return True
        forbidden = self.host.options.forbidden
        return bool(forbidden) and not path.startswith(forbidden)

    def leave(self) -> None:
        """The connection is gone: what was pending goes with it."""
        self.frames[:] = self.home
        if self.transaction is not None:
            self.host.transactions.leave(self.transaction)
            self.transaction = None

    def _expire(self) -> tuple[str, ...]:
        """Discard a transaction that stood idle too long; return the notice."""
        mine = self.transaction
        if mine is None:
            return ()
        if not mine.expired:
            mine.seen()
            return ()
        self.host.transactions.close(mine)
        self.transaction = None
        self.frames[:] = self.home
        return (f"config transaction id={mine.number} has expired",)

    def _touch(self, key: str) -> None:
        """Take the lock of the object to be changed; raises Refused where another holds it."""
        outer = [frame for frame in self.frames if frame.kind in ("table", "entry")]
        if len(outer) == 1:  # deeper ones are part of an object that is locked already
            self._lock(outer[0].scope, outer[0].table.path, key)

    def _lock(self, scope: str, path: str, key: str) -> None:
        self.host.transactions.check_free(self.transaction, (scope, path, key))
        if self.transaction is not None:
            self.transaction.touched.add((scope, path, key))

    def _note_change(self) -> None:
        """Take note of a change, unless it is one of an open transaction."""
        if self.transaction is None:
            self.host.changed()

    def _check_fabric(self, path: str) -> None:
        """A member of a Security Fabric leaves its stitches to the root (KB 224116)."""
        synchronised = path.startswith("system automation-")
        if self.host.options.fabric == "member" and synchronised:
            raise refusals.not_root()

    def _order(self, words: Words) -> None:
        """Check that rows of this table may be changed, and take the locks of those named."""
        self._check_fabric(self.frames[-1].table.path)
        for key in (words[0].text, words[-1].text) if words else self.frames[-1].block.rows:
            self._touch(key)
