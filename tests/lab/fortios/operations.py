"""execute, diagnose and the `get` statements that are no table.

Sources: the vendor's knowledge base on workspace mode (199281), feeds (421292) and stitches
(224116, 921599).
"""

import copy
import re
from typing import TYPE_CHECKING, Protocol

from tests.lab.fortios import kinds, refusals
from tests.lab.fortios.config import Config
from tests.lab.fortios.frames import Reply, Words
from tests.lab.fortios.options import Options
from tests.lab.fortios.status import hostname_of, status_lines

if TYPE_CHECKING:
    from tests.lab.fortios.cli import Session


class Host(Protocol):
    """What these statements need of the unit."""

    config: Config

    @property
    def options(self) -> Options: ...
    def save(self) -> None: ...
    def feed_ranges(self, name: str) -> list[str] | None: ...
    def feed_stats(self) -> list[str]: ...
    def log_event(self, line: str) -> object: ...
    def stitch_summary(self) -> list[str]: ...


_EXECUTE = ("batch", "config-transaction", "cfg", "log", "date", "time")
_READ_ONLY = ("log", "date", "time")


def writes(words: Words) -> bool:
    """Tell whether an `execute` or `sudo` line could change the unit."""
    texts = [word.text for word in words]
    if "sudo".startswith(texts[0]):  # sudo <scope> <command>
        command = texts[2] if len(texts) > 2 else ""
        nested = command.startswith("exec") and writes(words[2:])
        return nested or command.startswith("conf")
    return len(texts) > 1 and texts[1] not in _READ_ONLY


def get(session: "Session", words: Words) -> list[str] | None:
    """`get system status` and its kin; None when the words name a table."""
    texts = [word.text for word in words]
    if not texts:
        raise refusals.incomplete()
    if len(texts) >= 2 and "system".startswith(texts[0]) and len(texts[0]) > 1:
        if "status".startswith(texts[1]) and len(texts[1]) > 3:
            return status_lines(session.host.config, session.host.options)
        if texts[1:] == ["ha", "status"]:
            return _ha_status(session)
    return None


def _ha_status(session: "Session") -> list[str]:
    host = session.host
    name = hostname_of(host.config, host.options)
    if not host.options.ha_role:
        return ["HA Health Status: OK", "Model: FortiGate-VM64-KVM", "Mode: Standalone"]
    other = "Secondary" if host.options.ha_role == "Primary" else "Primary"
    return [
        "HA Health Status: OK",
        f"Model: {host.options.model}",
        "Mode: HA A-P",
        f"{host.options.ha_role:<12}: {name}, {host.options.serial}, HA cluster index = 0",
        f"{other:<12}: {name}-peer, FGVM00TM00000001, HA cluster index = 1",
    ]


def run(session: "Session", verb: str, words: Words) -> Reply:
    """Run an `execute` or `diagnose` line; raises Refused for what the unit does not know."""
    texts = [word.text for word in words]
    if not texts:
        raise refusals.incomplete()
    if verb == "diagnose":
        return Reply(tuple(_diagnose(session, texts)))
    command = kinds.match(texts[0], _EXECUTE)
    if command == "config-transaction":
        return Reply(tuple(_transaction(session, texts[1:])))
    if command == "batch":
        return Reply(tuple(_batch(session, texts[1:])))
    if command == "cfg":
        if texts[1:] not in (["save"], ["reload"]):
            raise refusals.parse_error(texts[1]) if texts[1:] else refusals.incomplete()
        if texts[1] == "reload":
            return Reply()
        session.host.save()
        return Reply(("config saved.",))
    return Reply()


def _transaction(session: "Session", texts: list[str]) -> list[str]:
    if not session.host.options.transactions:
        raise refusals.parse_error("config-transaction")
    if not texts:
        raise refusals.incomplete()
    if not session.permits("system global"):
        raise refusals.not_permitted()
    chosen = kinds.match(texts[0], ("start", "commit", "abort"))
    if (chosen == "start") == (session.transaction is not None):
        raise refusals.Refused(refusals.code(-1))
    if chosen == "start":
        session.transaction, session.touched = copy.deepcopy(session.host.config), set()
        return []
    if chosen == "commit":
        _publish(session)
    session.transaction = None
    return []


def _batch(session: "Session", texts: list[str]) -> list[str]:
    """`batch start` records, `end` runs what was recorded, `lastlog` gives `<code>: <command>`."""
    if not texts:
        raise refusals.incomplete()
    chosen = kinds.match(texts[0], ("start", "end", "lastlog"))
    if chosen == "lastlog":
        return session.batch_log
    if session.transaction is not None:
        raise refusals.not_permitted()
    recorded, session.batch = session.batch or [], [] if chosen == "start" else None
    if chosen == "end":
        session.batch_log = [f"{_code(session.obey(line))}: {line}" for line in recorded]
    return []


def _code(reply: Reply) -> int:
    found = [re.match(r"Command fail\. Return code (-?\d+)", line) for line in reply.lines]
    return next((int(each.group(1)) for each in found if each), 0)


def _publish(session: "Session") -> None:
    done = session.transaction
    if done is None:
        return
    live = session.host.config
    for scope, path in session.touched:
        live.scopes[scope][path] = done.scopes[scope][path]
    session.host.changed()


def _diagnose(session: "Session", texts: list[str]) -> list[str]:
    host = session.host
    if texts[:3] == ["sys", "external-address-resource", "list"] and len(texts) > 3:
        ranges = host.feed_ranges(texts[3])
        if ranges is None:
            raise refusals.missing_entry()
        return [f"IPv4 ranges of uuid-idx 15846 (num={len(ranges)})", *ranges]
    if texts[:3] == ["sys", "external-resource", "stats"]:
        return host.feed_stats()
    if texts[:2] == ["automation", "test"] and len(texts) > 2:
        if len(texts) > 3:
            host.log_event(texts[3])
        return [f"automation test is done. stitch:{texts[2]}"]
    if texts[:4] == ["test", "application", "autod", "2"]:
        return host.stitch_summary()
    if texts[0] == "debug":
        return []
    raise refusals.parse_error(texts[-1])
