"""POST /receive-logs, as a WSGI application of its own: the one path that an attack makes busy.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from banstitch_shared.addresses import Address, parse_peer
from banstitch_shared.eventlog import SUCCESS, Entry, write_line
from banstitch_shared.looked_up import LookedUp
from banstitch_shared.number_names import (
    EVENTS,
    IGNORED,
    LAST_EVENT,
    LIMITED,
    LOGINS,
    MALFORMED,
    REFUSED_ADDRESS,
    REFUSED_TOKEN,
    TOO_LARGE,
    name_by_detection,
    name_number,
)
from banstitch_shared.receiver_api import TOKEN_HEADER
from banstitch_shared.tokens import VERIFY

from receiver import clocks, evidence, fetches, unreadable
from receiver.files import Unavailable, append
from receiver.lines import Event, Malformed, read_event
from receiver.numbers import KEPT, RATE
from receiver.settings import Config
from receiver.verdicts import Detection, Verdict, judge, read_detection

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from receiver.state import State

# The key of the token's header in a WSGI environment.
TOKEN_KEY = "HTTP_" + TOKEN_HEADER.upper().replace("-", "_")
# Bytes of an unreadable body that are kept for the operator.
KEPT_OF_BODY = 2048
_LENGTH = re.compile(r"[0-9]{1,12}")
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    413: "Payload Too Large",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


class Refused(Exception):
    """The answer to a request of which nothing is used."""

    def __init__(self, status: int, count: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.count = count


class Webhook:
    """Accepts events from those who may post, and writes one line for each that counts."""

    def __init__(self, config: Config, state: State) -> None:
        self.config = config
        self.refusals = state.refusals
        self.names = state.names
        self.tokens = state.tokens
        self.peers = state.peers
        self.counts = state.counts
        self.looked_up = LookedUp(config.get("looked_up", ""))
        self.detections = self._read_detections()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        answer: dict[str, object]
        try:
            status, answer = 200, self.receive(environ)
        except Refused as refused:
            status, answer = refused.status, {"status": "refused", "reason": str(refused)}
        except Unavailable as error:
            status, answer = 503, {"status": "refused", "reason": str(error)}
        body = json.dumps(answer).encode() + b"\n"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response("%d %s" % (status, REASONS[status]), headers)
        return [body]

    def _read_detections(self) -> list[Detection]:
        """Return the detections, each of which also ignores the names and URLs of the site."""
        looked_up = self.looked_up.read()
        return [
            read_detection({**each, "ignore": [*each["ignore"], *looked_up]})
            for each in self.config["detections"]
        ]

    def receive(self, environ: WSGIEnvironment) -> dict[str, object]:
        """Return the answer to an accepted request. The body of another one is not read.

        Raises:
            Refused: the request is not accepted.
            Unavailable: its event cannot be recorded.
        """
        now, peer, data = time.time(), parse_peer(environ["REMOTE_ADDR"]), b""
        try:
            who = self._authenticate(environ, peer)
            self._check_rate(who, now)
            data = read_body(environ, self.config["body_limit"])
            event = read_event(data.decode("utf-8", "replace"))
            verdict = self._judge(event, who, peer)
        except Refused as refused:
            self.refusals.record(refused.count, "a post", peer, refused)
            raise
        except Malformed as error:
            self._keep(who, peer, data, str(error), now)
            raise Refused(400, MALFORMED, str(error)) from None
        if not verdict.ignored:
            self._write(verdict, event, who)
        self._count(who, verdict, event, now)
        return {"status": "success", "events": [verdict.make_answer()]}

    def _authenticate(self, environ: WSGIEnvironment, peer: Address) -> str:
        """Return the FortiGate that posts. The token of `verify` counts only on the ban host itself."""
        own = self.peers.is_own(peer)
        if not own and not self.peers.may_post(peer):
            raise Refused(403, REFUSED_ADDRESS, "this address may not post")
        who = self.tokens.find_poster(environ.get(TOKEN_KEY, ""))
        if not who or (who == VERIFY and not own):
            raise Refused(401, REFUSED_TOKEN, "no valid token in " + TOKEN_HEADER)
        if who != VERIFY and not self.peers.may_post(peer):
            raise Refused(403, REFUSED_ADDRESS, "this address may not post")
        return who

    def _check_rate(self, who: str, now: float) -> None:
        rate, burst = self.config["rate"], self.config["burst"]
        if not self.counts.take_token(name_number(RATE, who), rate, burst, now):
            raise Refused(429, name_number(LIMITED, who), "more than %d posts a second" % rate)

    def _judge(self, event: Event, who: str, peer: Address) -> Verdict:
        if self.looked_up.is_changed():
            self.detections = self._read_detections()
        documentation = who == VERIFY or self.config["accept_documentation"]
        # the site's own hosts that the inventory gives by name; addresses are on the ignore lists
        own = self.names.find_addresses(self.config["hosts"])
        spared: Collection[Address] = () if who == VERIFY else {peer, *own}
        prefix = self.config["ipv6_prefix"]
        return judge(event, self.detections, spared, documentation, prefix)

    def _write(self, verdict: Verdict, event: Event, who: str) -> None:
        """Write the evidence, then the event's line, whose readers look the evidence up.

        The evidence of a login is kept as well: it shows who logged in if a password was guessed.
        The time is taken here, because a body may take seconds to arrive: both files are in its order.
        """
        entry = Entry(
            time.time(),
            who,
            verdict.detection,
            verdict.kind,
            verdict.address,
            verdict.user,
            verdict.reason,
        )
        line, config = write_line(entry) + "\n", self.config
        evidence.keep_event(config["evidence_log"], line, event, who, config["evidence_most"])
        append(config["events_log"], [line], "the event log")

    def _count(self, who: str, verdict: Verdict, event: Event, now: float) -> None:
        with self.counts.locked():
            self.counts[name_number(LAST_EVENT, who)] = now
            clocks.note_time(self.counts, who, event.text, now)
            if verdict.kind != SUCCESS:
                fetches.note_event(self.counts, who, now)
            what = LOGINS if verdict.kind == SUCCESS else EVENTS
            self.counts[name_by_detection(what, who, verdict.detection or IGNORED)] += 1

    def _keep(self, who: str, peer: Address, data: bytes, reason: str, now: float) -> None:
        """Record an unreadable post, quoted and cut, so that the operator can see what was sent."""
        with self.counts.locked():
            self.counts[name_number(MALFORMED, who)] += 1
            unreadable.note_post(self.counts, who, now)
        if not self.counts.take_token(KEPT, 5, 100, now):
            return
        entry = {
            "at": round(now, 3),
            "fortigate": who,
            "peer": str(peer),
            "reason": reason,
            "bytes": len(data),
            "body": data[:KEPT_OF_BODY].decode("utf-8", "backslashreplace"),
        }
        try:
            line, most = json.dumps(entry) + "\n", self.config["rejected_most"]
            append(self.config["rejected_log"], [line], "rejected.log", most)
        except Unavailable:
            pass  # the events themselves come first; /healthz reports the disk


def read_body(environ: WSGIEnvironment, limit: int) -> bytes:
    """Return the body as it arrived, whatever its content type.

    Raises:
        Refused: it is longer than ``limit`` bytes.
        Malformed: it ends before its length.
    """
    length = environ.get("CONTENT_LENGTH") or "0"
    if not _LENGTH.fullmatch(length) or int(length) > limit:
        raise Refused(413, TOO_LARGE, "the body is longer than %d bytes" % limit)
    chunked = environ.get("wsgi.input_terminated") and not int(length)
    try:
        data: bytes = environ["wsgi.input"].read(limit + 1 if chunked else int(length))
    except OSError as error:
        raise Malformed("the body cannot be read: %s" % error) from None
    if len(data) > limit:
        raise Refused(413, TOO_LARGE, "the body is longer than %d bytes" % limit)
    if len(data) < int(length):
        raise Malformed("the body ended after %d of %s bytes" % (len(data), length))
    return data
