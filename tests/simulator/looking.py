"""`show` and `get` of one session, relative to its context."""

from typing import TYPE_CHECKING

from tests.simulator import diagnostics, editing, reading, refusals
from tests.simulator.config import GLOBAL, Config
from tests.simulator.frames import Words
from tests.simulator.status import config_header
from tests.simulator.tree import Block, Writer

if TYPE_CHECKING:
    from tests.simulator.session import Session


def show(session: "Session", words: Words) -> list[str]:
    """`show [full-configuration] [path [key]]`; raises Refused for what is not there."""
    full = bool(words) and len(words[0].text) > 1
    full = full and "full-configuration".startswith(words[0].text)
    rest = words[1:] if full else words
    writer = session.host.writer(full)
    if session.kind in ("table", "entry"):
        return reading.show_block(writer, editing.pending_block(session.frames[-1]), rest)
    if not rest:
        return _show_everything(session, writer)
    if session.scope == GLOBAL and [word.text for word in rest] == ["system", "vdom-property"]:
        return _show_vdom_properties(session)
    block, rest = _find_named_block(session, rest)
    return reading.show_block(writer, block, rest)


def get(session: "Session", words: Words) -> list[str]:
    """`get path [key]`, or one of the statements that are no table."""
    if session.kind in ("table", "entry"):
        return reading.get_block(editing.pending_block(session.frames[-1]), words)
    special = diagnostics.get(session, words)
    if special is not None:
        return special
    block, rest = _find_named_block(session, words)
    return reading.get_block(block, rest)


def _show_everything(session: "Session", writer: Writer) -> list[str]:
    config = session.config
    if session.kind in ("scope", "vdoms"):
        return Config(config.tables, {"": session.blocks()}).text(writer)
    return [*config_header(session.host.options, config.multi), *config.text(writer)]


def _show_vdom_properties(session: "Session") -> list[str]:
    """A FortiGate keeps one entry of properties for each VDOM, and gives it its `snmp-index` itself."""
    lines = ["config system vdom-property"]
    for number, name in enumerate(session.config.vdoms, 1):
        lines += [
            f'    edit "{name}"',
            f'        set description "property limits for vdom {name}"',
        ]
        lines += [f"        set snmp-index {number}", "    next"]
    return [*lines, "end"]


def _find_named_block(session: "Session", words: Words) -> tuple[Block, Words]:
    if not session.blocks():  # the top of a FortiGate with VDOMs holds no table
        raise refusals.parse_error(words[0].text)
    path, rest = reading.find_path(words, session.blocks())
    hidden = session.host.options.unreadable
    if session.profile != "super_admin" and hidden and path.startswith(hidden):
        raise refusals.parse_error(path.split()[-1])
    return session.blocks()[path], rest
