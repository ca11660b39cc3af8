"""Ask root to free an address, and show what became of it.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later.
"""

from __future__ import annotations

import re
import time

from banstitch_shared.addresses import spell_ban
from flask import Response, request

from page import views
from page.access import Visitor
from page.acts import ALLOW, Act, check_act
from page.signing_in import go_to
from page.spool import ask, await_answer, make_id, read_answer
from page.state import State

# Seconds that a request waits for root. Then the browser asks again by itself.
PATIENCE = 4.0
_ID = re.compile(r"[0-9a-f]{32}")
_SECONDS = re.compile(r"[0-9]{1,9}")


def act(state: State, visitor: Visitor) -> Response:
    """Ask root for what a form asks for."""
    if not visitor.user.may_act:
        return views.refuse(state, 403, "You may look at everything and change nothing.", visitor)
    form, now = request.form, time.time()
    try:
        do = form.get("do", "")
        wanted = Act(
            make_id(),
            do,
            spell_ban(form.get("network", "").strip()),
            _read_seconds(form.get("seconds", "")) if do == ALLOW else 0,
            visitor.name,
            " ".join(form.get("why", "").split()),
        )
        check_act(wanted)
    except ValueError as error:
        return views.refuse(state, 400, "Nothing was done: %s." % error, visitor)
    try:
        ask(state.settings.requests, wanted, now)
    except OSError:
        return views.refuse(state, 503, "Nothing was done: the request cannot be written.", visitor)
    await_answer(state.settings.answers, wanted.id, PATIENCE)
    return go_to("/done/%s?network=%s" % (wanted.id, wanted.network))


def _read_seconds(text: str) -> int:
    """Return the duration of an allowance, as the form offers it."""
    if not _SECONDS.fullmatch(text):
        raise ValueError("the duration must be a number of seconds")
    return int(text)


def show_answer(state: State, visitor: Visitor, act_id: str) -> Response:
    """Show what became of a request."""
    if not _ID.fullmatch(act_id):
        return views.refuse(state, 404, "There is no such page.", visitor)
    answer = read_answer(state.settings.answers, act_id)
    network = request.args.get("network", "")[:50]
    return views.render(state, "done.html", visitor, answer=answer, network=network)
