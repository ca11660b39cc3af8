"""`diagnose`, `execute log` and the `get` statements that are no table.

Sources: the vendor's knowledge base on feeds (421292), stitches (224116, 921599) and log display.
"""

import re
from typing import TYPE_CHECKING

from tests.simulator import kinds, refusals
from tests.simulator.frames import Words
from tests.simulator.status import list_ha_lines, list_status_lines

if TYPE_CHECKING:
    from tests.simulator.session import Session

_CATEGORIES = ("traffic", "event", "virus", "webfilter", "attack", "spam", "anomaly")
_VIEW_LINES = 10


def get(session: "Session", words: Words) -> list[str] | None:
    """`get system status` and its kin; None when the words name a table."""
    texts = [word.text for word in words]
    if not texts:
        raise refusals.incomplete()
    if len(texts) >= 2 and "system".startswith(texts[0]) and len(texts[0]) > 1:
        if "status".startswith(texts[1]) and len(texts[1]) > 3:
            return list_status_lines(session.host.config, session.host.options)
        if texts[1:] == ["ha", "status"]:
            return list_ha_lines(session.host.config, session.host.options)
    return None


def check_offered(session: "Session", how: str, word: str) -> None:
    """Refuse a command that is "absent" on this FortiGate, or "refused" by the profile."""
    if how == "absent":
        raise refusals.parse_error(word)
    if how == "refused" and session.profile != "super_admin":
        raise refusals.not_permitted(session.host.options.denied_words)


def diagnose(session: "Session", texts: list[str]) -> list[str]:
    """Return what a `diagnose` line prints; raises Refused for one that is not known."""
    host = session.host
    if texts[0] == "sys" and len(texts) > 1:
        check_offered(session, host.options.diagnose, texts[1])
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


def log(session: "Session", texts: list[str]) -> list[str]:
    """`execute log filter ...` is kept for the session, `execute log display` prints by it."""
    if not texts:
        raise refusals.incomplete()
    chosen = kinds.match(texts[0], ("filter", "display", "delete", "delete-all"))
    if chosen == "display":
        return _display_log(session)
    if chosen != "filter":
        raise refusals.not_permitted()
    return _filter(session.log_filter, texts[1:])


def _filter(held: dict[str, str], texts: list[str]) -> list[str]:
    if not texts:
        raise refusals.incomplete()
    chosen = kinds.match(texts[0], ("reset", "device", "category", "field", "view-lines", "dump"))
    if chosen == "reset":
        held.clear()
    elif chosen == "dump":
        return [f"{name}: {text}" for name, text in held.items()]
    elif chosen == "field":
        if len(texts) < 3:
            raise refusals.incomplete()
        held[f"field {texts[1]}"] = " ".join(texts[2:])
    elif len(texts) < 2:
        raise refusals.incomplete()
    else:
        held[chosen] = texts[1]
    return []


def _display_log(session: "Session") -> list[str]:
    held = session.log_filter
    found = [line for line in reversed(session.host.logged) if _matches_filter(held, line)]
    shown = found[: int(held.get("view-lines", _VIEW_LINES))]
    lines = [f"{len(found)} logs found.", f"{len(shown)} logs returned.", ""]
    return lines + [f"{number}: {line}" for number, line in enumerate(shown, 1)]


def _matches_filter(held: dict[str, str], line: str) -> bool:
    wanted = {name.split(" ", 1)[1]: text for name, text in held.items() if " " in name}
    category = held.get("category", "event")
    if category.isdigit():
        category = dict(enumerate(_CATEGORIES)).get(int(category), category)
    kind = re.search(r'\btype="?(\w+)', line)
    if kind and kind[1] != category:
        return False
    return all(
        re.search(rf'(?:^|\s){re.escape(name)}="?{re.escape(text)}(?:"|\s|$)', line)
        for name, text in wanted.items()
    )
