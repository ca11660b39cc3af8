"""The `execute` and `diagnose` lines, and which of them can change a FortiGate."""

from typing import TYPE_CHECKING, Protocol

from tests.simulator import diagnostics, kinds, refusals, transactions
from tests.simulator.config import Config
from tests.simulator.frames import Reply, Words
from tests.simulator.options import Options

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
    def feed_stats(self) -> list[str]: ...
    def log_event(self, line: str) -> object: ...
    def stitch_summary(self) -> list[str]: ...


_EXECUTE = ("batch", "config-transaction", "cfg", "log", "date", "time")
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
