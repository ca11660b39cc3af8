"""The entry point on the host: one request in, one answer out, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from provision.linux.agent import audit, bans, leases, rotation, status
from provision.linux.agent import manifest as memory
from provision.linux.agent.apply import apply
from provision.linux.agent.host import HostError, explain
from provision.linux.agent.observe import observe
from provision.linux.agent.protocol import LONGEST_ERROR
from provision.linux.agent.self_test import run_self_test

Request = dict[str, Any]


def _observe(request: Request) -> dict[str, Any]:
    with memory.Lock(exclusive=False):
        return observe(request)


def _remember(request: Request) -> dict[str, Any]:
    """Keep (or, given null, forget) what was pushed to one FortiGate.

    ``retire``: names of secrets in the file ``tokens`` whose old ones it does not use any more.
    """
    never = HostError("this ban host was never deployed; run apply for it first")
    if memory.load() is None:  # before the lock, which would leave its directory behind
        raise never
    with memory.Lock(exclusive=True):
        manifest = memory.load()
        if manifest is None:
            raise never
        if request["record"] is None:
            manifest["fortigates"].pop(request["fortigate"], None)
        else:
            manifest["fortigates"][request["fortigate"]] = request["record"]
        memory.save(manifest)
        rotation.retire(request["tokens"], request["retire"])
    return {}


DO: dict[str, Callable[[Request], dict[str, Any]]] = {
    "observe": _observe,
    "apply": apply,
    "remember": _remember,
    "lease": leases.take,
    "release": leases.release,
    "self-test": run_self_test,
    "rotate": rotation.begin,
    "bans": bans.list_bans,
    "ban": bans.ban_address,
    "unban": bans.unban_address,
    "history": audit.list_history,
    "status": status.read_status,
}


def main(raw: bytes, mark: str) -> None:
    """Answer the request in ``raw``. What was begun is finished even if nobody is left to hear of it.

    ``mark``: a word that the controller chose for this answer.
    """
    for unheard in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(unheard, signal.SIG_IGN)
    os.umask(0o022)
    request = json.loads(raw)
    try:
        if os.geteuid() != 0:
            raise HostError("not root here; set ansible_become: true or log in as root")
        answer = {"ok": True, **DO[request["do"]](request)}
    except HostError as error:
        answer = {"ok": False, "error": _shortened(str(error))}
    except OSError as error:
        answer = {"ok": False, "error": _shortened(explain(error))}
    except Exception as error:  # noqa: BLE001 - the last line of defence: the answer must name the place
        answer = {"ok": False, "error": _shortened(_unexpected(error))}
    try:
        sys.stdout.buffer.write(_framed(mark, answer))
        sys.stdout.buffer.flush()
    except OSError:
        os._exit(0)


def _framed(mark: str, answer: dict[str, Any]) -> bytes:
    """Return one line behind its mark and length, so that what else is printed around it does not matter.

    A byte of a name or a log that is no UTF-8 must not make the answer unreadable.
    """
    line = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
    return b"\n%s:answer:%d\n%s\n" % (mark.encode(), len(line), line)


def _unexpected(error: Exception) -> str:
    """Return what nobody expected, and where it happened, on one line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(last.filename)}:{last.lineno}"
    return f"error in the agent: {type(error).__name__}: {error} ({place}); please report it"


def _shortened(text: str) -> str:
    """Keep the beginning, where the reason is, and the end, which says what state the host is in."""
    half = LONGEST_ERROR // 2 - 10
    return text if len(text) <= LONGEST_ERROR else text[:half] + "\n...\n" + text[-half:]
