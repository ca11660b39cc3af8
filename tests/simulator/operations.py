"""The `execute` and `diagnose` lines, and which of them can change a FortiGate."""

from typing import TYPE_CHECKING, Protocol

from tests.simulator import diagnostics, kinds, refusals, transactions
from tests.simulator.config import Config
from tests.simulator.frames import Reply, Words
from tests.simulator.options import Options
from tests.simulator.schema import parse_version

if TYPE_CHECKING:
    from tests.simulator.session import Session


class Host(Protocol):
    """The interface of a FortiGate that these statements need."""

    config: Config
    transactions: transactions.Transactions
    logged: list[str]

    @property
    def options(self) -> Options: ...
    def save(self) -> None: ...
    def restart(self) -> None: ...
    def changed(self) -> None: ...
    def feed_ranges(self, name: str) -> list[str] | None: ...
    def refresh_feed(self, name: str, scope: str) -> bool: ...
    def feed_stats(self) -> list[str]: ...
    def log_event(self, line: str) -> object: ...
    def stitch_summary(self) -> list[str]: ...


_REFRESH = "update-external-resource"
_EXECUTE = ("batch", "config-transaction", "cfg", "log", "date", "time", _REFRESH)
_READ_ONLY = ("log", "date", "time")


def writes(words: Words) -> bool:
    """Return whether an `execute` or `sudo` line could change the FortiGate."""
    texts = [word.text for word in words]
    if "sudo".startswith(texts[0]):  # sudo <scope> <command>
        command = texts[2] if len(texts) > 2 else ""
        nested = command.startswith("exec") and writes(words[2:])
        return nested or command.startswith("conf")
    return len(texts) > 1 and texts[1] not in _READ_ONLY


def run(session: "Session", verb: str, words: Words) -> Reply:
    """Run an `execute` or `diagnose` line; raises Refused for what the FortiGate does not know."""
    texts = [word.text for word in words]
    if not texts:
        raise refusals.incomplete()
    if verb == "diagnose":
        return Reply(tuple(diagnostics.diagnose(session, texts)))
    command = kinds.match(texts[0], _EXECUTE)
    if command == "config-transaction":
        return transactions.transaction(session, texts[1:])
    if command == "batch":
        return transactions.batch(session, texts[1:])
    if command == "cfg":
        return _run_cfg(session, texts[1:])
    if command == _REFRESH:
        return _refresh_feed(session, texts)
    if command == "log":
        return Reply(tuple(diagnostics.log(session, texts[1:])))
    return Reply()


def _run_cfg(session: "Session", texts: list[str]) -> Reply:
    """`execute cfg save | reload`: with cfg-save manual or revert, keep or drop what is unsaved."""
    if texts not in (["save"], ["reload"]):
        raise refusals.parse_error(texts[0]) if texts else refusals.incomplete()
    if not session.permits("system global"):
        raise refusals.not_permitted()
    if texts == ["reload"]:
        session.host.restart()
        return Reply(close=True)
    session.host.save()
    return Reply(("config saved.",))


def _refresh_feed(session: "Session", texts: list[str]) -> Reply:
    """`execute update-external-resource NAME`, in the CLI references from 7.6.5 on.

    Which right it needs is not documented: here a group of the options and, from 7.4.2 on, `cli-exec`.
    """
    options = session.host.options
    version = parse_version(options.version)
    how = options.refresh or ("present" if version >= (7, 6, 5) else "absent")
    diagnostics.check_offered(session, how, texts[0])
    if session.profile != "super_admin" and not _may_execute(session, options.refresh_profile):
        raise refusals.not_permitted(options.denied_words)
    if len(texts) < 2:
        raise refusals.incomplete()
    if not session.host.refresh_feed(texts[1], session.scope):
        raise refusals.no_such_reference(texts[1])
    return Reply()


def _may_execute(session: "Session", group: str) -> bool:
    """Return whether the access profile of a session may write `group` and run `execute`."""
    config = session.host.config
    block = config.block("system accprofile", "global" if config.multi else "")
    row = block.rows.get(session.profile) if block else None
    if block is None or row is None:
        return False
    names = [group] + (["cli-exec"] if block.table.attribute("cli-exec") else [])
    return all(row.texts(name) in (("read-write",), ("enable",)) for name in names)
