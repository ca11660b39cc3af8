"""Take one request on the host and print one answer, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from provision.linux.agent import (
    allowances,
    audit,
    bans,
    evidence,
    leases,
    memory,
    rotation,
    shields,
    status,
)
from provision.linux.agent.apply import apply_steps
from provision.linux.agent.host import HostError, explain
from provision.linux.agent.observe import observe_host
from provision.linux.agent.protocol import requests
from provision.linux.agent.protocol.answers import Done, Refusal
from provision.linux.agent.protocol.bounds import LONGEST_ERROR
from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.wire import dump, from_json
from provision.linux.agent.self_test import run_self_test


def _observe(request: requests.Observe) -> Observed:
    with memory.Lock(exclusive=False):
        return observe_host(request)


def _remember(request: requests.Remember) -> Done:
    """Store or drop the record of one FortiGate."""
    never = HostError("this ban host was never deployed; run apply for it first")
    if memory.load() is None:  # checked before the lock, which would leave its directory behind
        raise never
    with memory.Lock(exclusive=True):
        manifest = memory.load()
        if manifest is None:
            raise never
        if request.record is None:
            manifest.fortigates.pop(request.fortigate, None)
        else:
            manifest.fortigates[request.fortigate] = request.record
        memory.save(manifest)
        rotation.retire(request.tokens, request.retire)
    return Done()


DO: dict[str, Callable[[Any], object]] = {
    "observe": _observe,
    "apply": apply_steps,
    "remember": _remember,
    "lease": leases.take,
    "release": leases.release,
    "self-test": run_self_test,
    "rotate": rotation.begin,
    "bans": bans.list_bans,
    "ban": bans.ban_address,
    "unban": bans.unban_address,
    "allow": allowances.allow_network,
    "unallow": allowances.unallow_network,
    "shield": shields.set_shield,
    "history": audit.list_history,
    "evidence": evidence.list_evidence,
    "status": status.read_status,
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
        answer = Refusal(_shortened(str(error)))
    except OSError as error:
        answer = Refusal(_shortened(explain(error)))
    except Exception as error:  # noqa: BLE001 - the last line of defence: the answer must name the place
        answer = Refusal(_shortened(_unexpected(error)))
    try:
        sys.stdout.buffer.write(_frame(mark, answer))
        sys.stdout.buffer.flush()
    except OSError:
        os._exit(0)


def _answer(request: Any) -> object:
    if os.geteuid() != 0:
        raise HostError("the agent must run as root; set ansible_become: true, or log in as root")
    do = request["do"]
    return DO[do](from_json(requests.REQUESTS[do], request))


def _frame(mark: str, answer: object) -> bytes:
    """Return one line behind its mark and length, so that what else is printed around it does not matter.

    A byte of a name or a log that is no UTF-8 must not make the answer unreadable.
    """
    fields = {"ok": not isinstance(answer, Refusal), **vars(answer)}
    line = dump(fields, ascii_only=False).encode("utf-8", "replace")
    return b"\n%s:answer:%d\n%s\n" % (mark.encode(), len(line), line)


def _unexpected(error: Exception) -> str:
    """Return an unexpected error and its place on one line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(last.filename)}:{last.lineno}"
    return f"error in the agent: {type(error).__name__}: {error} ({place}); please report it"


def _shortened(text: str) -> str:
    """Return the beginning, which has the reason, and the end, which has the state of the host."""
    half = LONGEST_ERROR // 2 - 10
    return text if len(text) <= LONGEST_ERROR else text[:half] + "\n...\n" + text[-half:]
