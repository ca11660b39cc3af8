"""Take one request on the host and print one answer, whatever happens."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from provision.linux.agent.host import HostError, explain
from provision.linux.agent.protocol.bounds import LONGEST_ERROR
from provision.linux.agent.protocol.wire import dump, from_json

# The function that carries out each request. Only its module is imported: Python compiles it anew each time.
DO = {
    "observe": "observe.observe_alone",
    "apply": "apply.apply_steps",
    "remember": "records.remember",
    "lease": "leases.take",
    "release": "leases.release",
    "self-test": "self_test.run_self_test",
    "rotate": "rotation.begin",
    "bans": "bans.list_bans",
    "ban": "bans.ban_address",
    "unban": "bans.unban_address",
    "allow": "allowances.allow_network",
    "unallow": "allowances.unallow_network",
    "shield": "shields.set_shield",
    "history": "audit.list_history",
    "evidence": "evidence.list_evidence",
    "status": "status.read_status",
    "alarms": "alarms.list_alarms",
    "try-channels": "alarms.try_channels",
    "note-drift": "alarms.note_drift",
}


def main(raw: bytes, mark: str) -> None:
    """Answer the request in ``raw``. What was begun is finished even if nobody is left to hear of it.

    ``mark``: a word that the controller chose for this answer.
    """
    for unheard in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(unheard, signal.SIG_IGN)
    os.umask(0o022)
    try:
        answer = _answer(json.loads(raw))
    except HostError as error:
        answer = _refuse(str(error))
    except OSError as error:
        answer = _refuse(explain(error))
    except Exception as error:  # noqa: BLE001 - the last line of defence: the answer must name the place
        answer = _refuse(_unexpected(error))
    try:
        sys.stdout.buffer.write(_frame(mark, answer))
        sys.stdout.buffer.flush()
    except OSError:
        os._exit(0)


def find_function(do: str) -> Callable[[Any], object]:
    """Return the function that carries out a request."""
    module, _, name = DO[do].partition(".")
    found: Callable[[Any], object] = getattr(
        importlib.import_module(f"provision.linux.agent.{module}"), name
    )
    return found


def find_form(function: Callable[[Any], object]) -> type[Any]:
    """Return the form of the requests that a function carries out."""
    form: type[Any] = get_type_hints(function)["request"]
    return form


def _answer(request: Any) -> Mapping[str, object]:
    if os.geteuid() != 0:
        raise HostError("the agent must run as root; set ansible_become: true, or log in as root")
    function = find_function(request["do"])
    return {"ok": True, **vars(function(from_json(find_form(function), request)))}


def _refuse(text: str) -> Mapping[str, object]:
    """Return a refusal, with the beginning of the reason, and the end, which has the state of the host."""
    half = LONGEST_ERROR // 2 - 10
    is_short = len(text) <= LONGEST_ERROR
    return {"ok": False, "error": text if is_short else text[:half] + "\n...\n" + text[-half:]}


def _frame(mark: str, answer: Mapping[str, object]) -> bytes:
    """Return one line behind its mark and length, so that what else is printed around it does not matter.

    A byte of a name or a log that is no UTF-8 must not make the answer unreadable.
    """
    line = dump(answer, ascii_only=False).encode("utf-8", "replace")
    return b"\n%s:answer:%d\n%s\n" % (mark.encode(), len(line), line)


def _unexpected(error: Exception) -> str:
    """Return an unexpected error and its place on one line."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f"{os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno}" if last else ""
    return f"error in the agent: {type(error).__name__}: {error} ({place}); please report it"
