"""Fire automation stitches: trigger, stitch, action, and a webhook that is really sent.

Sources: FortiOS admin guide (automation stitches), KB 403001 (one execution per matching log
while `minimum-interval` is 0; later ones inside the window are dropped), CLI reference (cli-script).
"""

import fnmatch
import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.simulator.config import Config
from tests.simulator.logline import fields, parse_message_id
from tests.simulator.options import Options
from tests.simulator.tree import Block, Entry, get_effective
from tests.simulator.trust import client, list_authorities

TIMEOUT = 30.0
Settled = Callable[[], tuple[Config, threading.RLock]]
RunScript = Callable[[str, str], list[str]]  # script, access profile


@dataclass(frozen=True)
class Delivery:
    """One action that a stitch ran. `status` is the HTTP status, 0 when no answer came.

    Of a `cli-script`, `body` is the script and `error` what it printed.
    """

    stitch: str
    action: str
    url: str
    status: int = 0
    error: str = ""
    body: str = ""


@dataclass(frozen=True)
class _Request:
    stitch: str
    action: str
    url: str
    method: str
    secure: bool
    verify: bool
    trust: str
    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str
    delay: int
    interval: int
    script: str = ""
    profile: str = ""


def expand(text: str, line: str, results: str, escape: bool, absent: str = "literal") -> str:
    """Replace %%log%%, %%log.field%% and %%results%%.

    A field that the log has not stays as it is, or becomes nothing where `absent` is "empty".
    """
    known = fields(line)
    whole = line.replace("\\", "\\\\").replace('"', '\\"') if escape else line

    def one(found: re.Match[str]) -> str:
        name = found.group(1)
        if name == "log":
            return whole
        if name == "results":
            return results
        field = name.removeprefix("log.")
        if field not in known and absent == "empty" and field != name:
            return ""
        return known.get(field, found.group(0))

    return re.sub(r"%%([A-Za-z0-9_.\-]+)%%", one, text)


class Stitcher:
    """The stitches of a FortiGate, and a list of what they delivered."""

    def __init__(self, options: Options, settled: Settled, run_script: RunScript) -> None:
        self._options, self._settled, self._run_script = options, settled, run_script
        self._last: dict[str, float] = {}
        self._hits: dict[str, int] = {}
        self.deliveries: list[Delivery] = []

    def log(self, line: str) -> list[Delivery]:
        """Fire every enabled stitch whose trigger matches `line`; errors are in the answer."""
        config, lock = self._settled()
        done: list[Delivery] = []
        with lock:
            stitches = [list(each) for each in self._find_matching(config, line)]
        for requests in stitches:
            done += self._run(requests, line)
        self.deliveries += done
        return done

    def summary(self) -> list[str]:
        """Return the stitches as `diagnose test application autod 2` lists them."""
        config, lock = self._settled()
        with lock:
            enabled = [
                s
                for s in _list_rows(config, "stitch")
                if _is(config, "stitch", s, "status", "enable")
            ]
            lines = ["csf: disabled root:no", f"total stitches activated: {len(enabled)}", ""]
            for stitch in enabled:
                name = stitch.key.text
                lines += [
                    f"stitch: {name}",
                    "        destinations: all",
                    f"        trigger: {' '.join(stitch.texts('trigger'))}",
                    "",
                    f"        local hit: {self._hits.get(name, 0)} relayed to: 0 relayed from: 0",
                    "        actions:",
                ]
                lines += [
                    f"                {action} type:{_get(config, 'action', action)} interval:0"
                    for action, _ in _list_actions(stitch)
                ]
        return lines

    def _find_matching(self, config: Config, line: str) -> Iterator[Iterator[_Request]]:
        for stitch in _list_rows(config, "stitch"):
            trigger = _find_row(config, "trigger", " ".join(stitch.texts("trigger")))
            enabled = _is(config, "stitch", stitch, "status", "enable")
            if enabled and trigger and _matches_trigger(config, trigger, line):
                name = stitch.key.text
                self._hits[name] = self._hits.get(name, 0) + 1
                yield self._list_requests(config, stitch)

    def _list_requests(self, config: Config, stitch: Entry) -> Iterator[_Request]:
        for name, delay in _list_actions(stitch):
            action = _find_row(config, "action", name)
            kinds = [("webhook",), ("cli-script",)]
            if action and _get_values(config, "action", action, "action-type") in kinds:
                yield _request(config, stitch.key.text, action, delay)

    def _run(self, requests: list[_Request], line: str) -> list[Delivery]:
        done: list[Delivery] = []
        results = ""
        for request in requests:
            now = time.monotonic()
            last = self._last.get(request.action)
            if request.interval and last is not None and now - last < request.interval:
                continue
            self._last[request.action] = now
            if request.delay:
                time.sleep(request.delay * self._options.minute / 60)
            delivery, results = self._send(request, line, results)
            done.append(delivery)
        return done

    def _send(self, request: _Request, line: str, results: str) -> tuple[Delivery, str]:
        body = expand(
            request.body, line, results, self._options.escape_log, self._options.absent_variables
        )
        known = Delivery(request.stitch, request.action, request.url, body=body)
        if request.script:
            printed = "\n".join(self._run_script(request.script, request.profile))
            return replace(known, url="", body=request.script, error=printed), printed
        try:
            status, answer = self._send_request(request, line, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Delivery(known.stitch, known.action, known.url, 0, str(error), body), ""
        return Delivery(known.stitch, known.action, known.url, status, "", body), answer

    def _send_request(self, request: _Request, line: str, body: str) -> tuple[int, str]:
        connection = _connect(request)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}
        for name, text in request.headers:
            known = next((each for each in headers if each.lower() == name.lower()), name)
            headers.pop(known, None)
            headers[name] = expand(text, line, "", False)
        try:
            data = body.encode("utf-8", "surrogateescape")
            connection.request(request.method.upper(), request.path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()


def _connect(request: _Request) -> http.client.HTTPConnection:
    if not request.secure:
        return http.client.HTTPConnection(request.host, request.port, timeout=TIMEOUT)
    context = client(request.trust, "full" if request.verify else "none")
    return http.client.HTTPSConnection(request.host, request.port, timeout=TIMEOUT, context=context)


def _get_scope(config: Config) -> str:
    return "global" if config.multi else ""


def _get_block(config: Config, kind: str) -> Block:
    found = config.block(f"system automation-{kind}", _get_scope(config))
    if found is None:
        raise KeyError(kind)
    return found


def _list_rows(config: Config, kind: str) -> list[Entry]:
    return list(_get_block(config, kind).rows.values())


def _find_row(config: Config, kind: str, name: str) -> Entry | None:
    return _get_block(config, kind).rows.get(name)


def _get_values(config: Config, kind: str, entry: Entry, name: str) -> tuple[str, ...]:
    return get_effective(_get_block(config, kind).table, entry, name)


def _is(config: Config, kind: str, entry: Entry, name: str, wanted: str) -> bool:
    return _get_values(config, kind, entry, name) == (wanted,)


def _get(config: Config, kind: str, name: str) -> str:
    entry = _find_row(config, kind, name)
    return " ".join(_get_values(config, kind, entry, f"{kind}-type")) if entry else ""


def _list_actions(stitch: Entry) -> list[tuple[str, int]]:
    """Return (action, delay in seconds) in order, for both forms of the stitch."""
    nested = stitch.block("actions")
    rows = [
        (" ".join(row.texts("action")), int((row.texts("delay") or ("0",))[0]))
        for row in (nested.rows.values() if nested else ())
    ]
    return rows or [(name, 0) for name in stitch.texts("action")]


def _matches_trigger(config: Config, trigger: Entry, line: str) -> bool:
    known = fields(line)
    logid = str(parse_message_id(known.get("logid", "")))
    wanted = _get_values(config, "trigger", trigger, "logid")
    vdoms = trigger.texts("vdom")
    if not _is(config, "trigger", trigger, "event-type", "event-log") or logid not in wanted:
        return False
    if vdoms and known.get("vd", "root") not in vdoms:
        return False
    nested = trigger.block("fields")
    return all(
        fnmatch.fnmatchcase(
            known.get(" ".join(row.texts("name")), ""), " ".join(row.texts("value"))
        )
        for row in (nested.rows.values() if nested else ())
    )


def _request(config: Config, stitch: str, action: Entry, delay: int) -> _Request:
    def one(name: str) -> str:
        return " ".join(_get_values(config, "action", action, name))

    secure = one("protocol") == "https"
    where = re.sub(r"^https?://", "", one("uri"))
    host, _, path = where.partition("/")
    name, colon, inline = host.rpartition(":")
    port = int(one("port") or 0) or (int(inline) if colon and inline.isdigit() else 0)
    port = port or (443 if secure else 80)
    name = name if colon else host
    return _Request(
        stitch,
        action.key.text,
        f"{one('protocol')}://{name}:{port}/{path}",
        one("method"),
        secure,
        one("verify-host-cert") == "enable",
        list_authorities(config),
        name,
        port,
        f"/{path}",
        tuple(_list_headers(action)),
        " ".join(action.texts("http-body")),
        delay or int(one("delay") or 0),
        int(one("minimum-interval") or 0),
        one("script") if one("action-type") == "cli-script" else "",
        one("accprofile"),
    )


def _list_headers(action: Entry) -> Iterator[tuple[str, str]]:
    for text in action.texts("headers"):
        name, _, rest = text.partition(":")
        yield name.strip(), rest.strip()
    nested = action.block("http-headers")
    for row in nested.rows.values() if nested else ():
        yield " ".join(row.texts("key")), " ".join(row.texts("value"))
