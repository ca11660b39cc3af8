"""`execute config-transaction` and `execute batch`: changes that become live together.

Sources: the vendor's knowledge base on workspace mode (199281, 226126) and the admin guide. What
an object edited in an open transaction answers to another administrator is described there only as "a
warning message"; its text here is our own words, and so is the code below it.
"""

import math
import re
import time
from typing import TYPE_CHECKING

from tests.simulator import kinds, refusals
from tests.simulator.config import Config
from tests.simulator.frames import Reply
from tests.simulator.tree import Block

if TYPE_CHECKING:
    from tests.simulator.session import Session

Touched = tuple[str, str, str]  # scope, path, key of a row ("" for a single object)
# What may not be configured inside a transaction, of what the simulator knows.
BARRED = ("system console",)


class Transactions:
    """The open transactions of a FortiGate, and so the objects that are locked."""

    def __init__(self, idle: float, survives: bool) -> None:
        self._idle, self._survives = idle, survives
        self._open: dict[int, Transaction] = {}

    def start(self, config: Config, idle: float | None) -> "Transaction":
        """Open one on a copy of `config`; `idle` in seconds, the FortiGate's own when None."""
        number = next(n for n in range(1, len(self._open) + 2) if n not in self._open)
        made = Transaction(number, config.copy(), self._idle if idle is None else idle)
        self._open[number] = made
        return made

    def close(self, transaction: "Transaction") -> None:
        """Forget one; what it locked is free."""
        self._open.pop(transaction.number, None)

    def leave(self, transaction: "Transaction") -> None:
        """Drop the transaction of a session that ended, or let it idle out if transactions survive."""
        if not self._survives:
            self.close(transaction)

    @property
    def is_any_open(self) -> bool:
        """True while a transaction is open."""
        return bool(self._open)

    def expire_all(self) -> None:
        """Let every open transaction expire now."""
        for each in self._open.values():
            each.last = -math.inf

    def check_free(self, mine: "Transaction | None", touched: Touched) -> None:
        """Raise Refused where another open transaction has edited the object."""
        for each in list(self._open.values()):
            if each.expired:
                self.close(each)
            elif each is not mine and touched in each.touched:
                raise refusals.locked(each.number)


class Transaction:
    """One open transaction: the configuration as it would become, and the objects it edited."""

    def __init__(self, number: int, config: Config, idle: float) -> None:
        self.number, self.config, self._idle = number, config, idle
        self.touched: set[Touched] = set()
        self.last = time.monotonic()

    @property
    def expired(self) -> bool:
        """Return whether it stood idle too long."""
        return time.monotonic() - self.last >= self._idle

    def seen(self) -> None:
        """Begin the idle time anew: a line was typed."""
        self.last = time.monotonic()

    def publish(self, live: Config) -> None:
        """Make what was edited live; what others did to other objects stays."""
        for scope, path in dict.fromkeys((scope, path) for scope, path, _ in self.touched):
            keys = {key for s, p, key in self.touched if (s, p) == (scope, path)}
            _merge(live.scopes[scope][path], self.config.scopes[scope][path], keys)


def _merge(live: Block, done: Block, keys: set[str]) -> None:
    if not live.is_table and not done.is_table:
        live.entry = done.entry
        return
    rows = {
        key: row if key in keys else live.rows[key]
        for key, row in done.rows.items()
        if key in keys or key in live.rows
    }
    rows |= {key: row for key, row in live.rows.items() if key not in rows and key not in keys}
    live.rows.clear()
    live.rows.update(rows)


def transaction(session: "Session", texts: list[str]) -> Reply:
    """`execute config-transaction start [minutes] | commit | abort`."""
    options = session.host.options
    if not options.transactions:
        raise refusals.parse_error("config-transaction")
    if not texts:
        raise refusals.incomplete()
    if not session.permits("system global"):
        raise refusals.not_permitted()
    chosen = kinds.match(texts[0], ("start", "commit", "abort"))
    if (chosen == "start") == (session.transaction is not None):
        raise refusals.Refused(refusals.code(-1))
    if chosen == "start":
        idle = _parse_minutes(texts[1]) * options.minute if texts[1:] else None
        session.transaction = session.host.transactions.start(session.host.config, idle)
        return Reply()
    done, session.transaction = session.transaction, None
    if done is not None:
        session.host.transactions.close(done)
        if chosen == "commit":
            done.publish(session.host.config)
            session.host.changed()
    return Reply()


def _parse_minutes(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 60:
        raise refusals.bad_integer(text)
    return int(text)


def batch(session: "Session", texts: list[str]) -> Reply:
    """`batch start` records, `end` runs what was recorded, `lastlog` gives `<code>: <command>`."""
    if not texts:
        raise refusals.incomplete()
    chosen = kinds.match(texts[0], ("start", "end", "lastlog"))
    if chosen == "lastlog":
        return Reply(tuple(session.batch_log))
    if session.transaction is not None:
        raise refusals.not_permitted()
    recorded, session.batch = session.batch or [], [] if chosen == "start" else None
    if chosen == "end":
        session.batch_log = [f"{_get_return_code(session.obey(line))}: {line}" for line in recorded]
    return Reply()


def _get_return_code(reply: Reply) -> int:
    found = [re.match(r"Command fail\. Return code (-?\d+)", line) for line in reply.lines]
    return next((int(each.group(1)) for each in found if each), 0)
