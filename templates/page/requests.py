"""Carry out the requests of the page, as root: ``python3 -m page.requests``.

The page faces people's browsers, so it may ask for three things only: to unban one source, to allow one
source for at most 7 days, and to take back what the page allowed. Root looks up the author's role itself.
Acts within an hour are capped for each author and for the page as a whole, and each is in the audit. The hour
is one of seconds since the boot, so that a clock that is set lifts no limit. With a boot, it begins anew: the
page cannot cause one.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import sys
import time
from collections.abc import Iterator
from typing import Any

from banstitch_shared.hourly import HOUR, format_one_more, read_last_hour
from banstitch_shared.request_file import take_requests
from banstitch_shared.service import read_uptime, replace_file

from page.acts import Act, read_act
from page.carrying import Refused, carry_out
from page.settings import Settings, read_settings
from page.spool import ANSWERS, Answer

USER = "banstitch-page"
# Acts of the whole page within an hour, as a multiple of those of one user.
WHOLE_PAGE = 5
# Seconds for which a file may be being written.
FRESH = 10.0
# Answers that are kept, and characters of a sentence.
MOST_ANSWERS, LONGEST = 200, 300
# Acts within the last hour, and the boot in which they were carried out, beside the ban files.
ACTS = "page_acts.json"


def main() -> None:
    """Carry out what waits. A flood of files starts this twice a second, not more often."""
    time.sleep(0.5)
    uid = pwd.getpwnam(USER).pw_uid
    settings = read_settings()
    for text in take_requests(settings.requests, uid, FRESH):
        handle(settings, text, time.time())


def handle(settings: Settings, text: bytes, now: float) -> None:
    """Carry out one request, and leave an answer to it."""
    try:
        act = read_act(text)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        print("a request is refused: %s" % str(error)[:200])  # noqa: T201 - the journal
        return
    try:
        check_author(settings, act)
        take_turn(settings, act)
        answer = Answer(True, tuple(carry_out(settings, act, now)))
    except (Refused, OSError) as error:
        answer = Answer(False, (str(error),))
        print("%s of %s by %s: %s" % (act.do, act.network, act.by, error), file=sys.stderr)  # noqa: T201
    keep_answer(settings, act, answer)


def check_author(settings: Settings, act: Act) -> None:
    """Raise Refused unless the author exists and may act."""
    user = settings.users.get(act.by)
    if user is None or not user.may_act:
        raise Refused("%s may not do this" % act.by)


def take_turn(settings: Settings, act: Act) -> None:
    """Count an act. Raises Refused if its author, or the page as a whole, did enough within this hour."""
    path = os.path.join(settings.answers, ACTS)
    done = read_last_hour(path)
    own = sum(each.by == act.by for each in done)
    if own >= settings.acts or len(done) >= WHOLE_PAGE * settings.acts:
        raise Refused(
            "the limit of acts for this hour is reached; ask an operator to use the command line"
        )
    _write(path, format_one_more(done, act.by))


def keep_answer(settings: Settings, act: Act, answer: Answer) -> None:
    """Keep an answer for the page, beside the last ones."""
    path, now = os.path.join(settings.answers, ANSWERS), read_uptime()
    kept = dict(_list_recent(_read(path, {}), now))
    said = [each[:LONGEST] for each in answer.said]
    _write(path, json.dumps({**kept, act.id: {"ok": answer.ok, "said": said, "at": now}}))


def _list_recent(found: Any, now: float) -> Iterator[tuple[str, Any]]:
    for key, each in list(found.items())[-MOST_ANSWERS:]:
        if now - HOUR < each["at"] <= now:
            yield key, each


def _read(path: str, otherwise: Any) -> Any:
    """Return the content of one of root's own files."""
    with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as stream:
        return json.load(stream)
    return otherwise


def _write(path: str, text: str) -> None:
    replace_file(path, text, 0o640)
    os.chmod(path, 0o640)  # the unit's umask is stricter
    os.chown(path, -1, os.stat(os.path.dirname(path)).st_gid)


if __name__ == "__main__":
    main()
