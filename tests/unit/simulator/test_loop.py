"""The simulator posts webhooks, fetches feeds and denies what they list."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.simulator import Options, Simulator
from tests.simulator.feed import parse

FAILED_LOGIN = (
    'date=2024-10-01 time=10:00:00 devname="FGT-A" logid="0101039426" type="event" vd="root" '
    'action="ssl-login-fail" remip=203.0.113.7 user="it\\"s remip=8.8.8.8" msg="x"'
)
LOOP = """\
config system automation-trigger
edit fail
set event-type event-log
set logid 39426
end
config system automation-action
edit post
set action-type webhook
set uri "127.0.0.1/log"
set port {port}
set http-body "%%log%%"
config http-headers
edit 1
set key "X-Token"
set value "abc"
end
end
config system automation-stitch
edit st
set trigger fail
config actions
edit 1
set action post
end
end
"""
FEED = """\
config system external-resource
edit bans
set type address
set username u
set password p
set resource "http://127.0.0.1:{port}/feed"
set refresh-rate 1
end
"""
NEGATED = (
    "config vpn ssl settings\nset source-address bans\nset source-address-negate enable\nend\n"
)


@dataclass
class Web:
    """The answers of a small server, and the requests that it received."""

    port: int = 0
    status: int = 200
    body: bytes = b""
    etag: str = ""
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            web.asked.append((self.command, self.path, dict(self.headers), body))
            cached = web.etag and self.headers.get("If-None-Match") == web.etag
            self.send_response(304 if cached else web.status)
            if web.etag:
                self.send_header("ETag", web.etag)
            self.send_header("Content-Length", str(0 if cached else len(web.body)))
            self.end_headers()
            self.wfile.write(b"" if cached else web.body)
            web.arrived.set()

        do_GET = do_PUT = do_POST  # noqa: N815 - the names are http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield web
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as made:
        yield made


def fortigate(**options: Any) -> Simulator:
    return Simulator(Options(**options))


def test_an_event_is_posted_to_the_webhook_with_the_whole_log_line(web: Web) -> None:
    simulator = fortigate()
    assert "Return code" not in simulator.run(LOOP.format(port=web.port))
    [delivery] = simulator.log_event(FAILED_LOGIN)
    assert (delivery.stitch, delivery.action, delivery.status) == ("st", "post", 200)
    [(method, path, headers, body)] = web.asked
    assert (method, path, body.decode()) == ("POST", "/log", FAILED_LOGIN)
    assert headers["X-Token"] == "abc"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "change",
    [
        "config system automation-stitch\nedit st\nset status disable\nend",
        "config system automation-trigger\nedit fail\nset logid 32002\nend",
        "config system automation-trigger\nedit fail\nconfig fields\nedit 1\nset name remip\n"
        "set value 10.*\nend\nend",
    ],
)
def test_an_event_that_no_stitch_matches_sends_nothing(web: Web, change: str) -> None:
    simulator = fortigate()
    simulator.run(LOOP.format(port=web.port) + change)
    assert simulator.log_event(FAILED_LOGIN) == []
    assert web.asked == []


def test_one_field_of_the_log_can_be_named_and_an_unknown_one_stays(web: Web) -> None:
    simulator = fortigate()
    simulator.run(LOOP.format(port=web.port))
    simulator.run(
        "config system automation-action\nedit post\n"
        'set http-body "{\\"ip\\":\\"%%log.remip%%\\",\\"c\\":\\"%%log.srccity%%\\"}"\nend'
    )
    simulator.log_event(FAILED_LOGIN)
    assert web.asked[0][3] == b'{"ip":"203.0.113.7","c":"%%log.srccity%%"}'


def test_variables_that_an_event_lacks_can_be_empty(web: Web) -> None:
    simulator = fortigate(absent_variables="empty")
    simulator.run(LOOP.format(port=web.port))
    simulator.run(
        "config system automation-action\nedit post\n"
        'set http-body "a=%%log.remip%% b=%%log.srccity%% c=%%nothing%%\n%%log%%"\nend'
    )
    simulator.log_event(FAILED_LOGIN)
    body = f"a=203.0.113.7 b= c=%%nothing%%\n{FAILED_LOGIN}"
    assert web.asked[0][3] == body.encode()


def test_events_inside_the_minimum_interval_are_dropped(web: Web) -> None:
    simulator = fortigate()
    simulator.run(LOOP.format(port=web.port))
    simulator.run("config system automation-action\nedit post\nset minimum-interval 600\nend")
    assert len(simulator.log_event(FAILED_LOGIN)) == 1
    assert simulator.log_event(FAILED_LOGIN) == []


def test_a_receiver_that_is_down_is_recorded_and_not_raised() -> None:
    simulator = fortigate()
    simulator.run(LOOP.format(port=1))
    [delivery] = simulator.log_event(FAILED_LOGIN)
    assert delivery.status == 0
    assert "refused" in delivery.error


def test_old_versions_post_the_headers_of_their_own_syntax(web: Web) -> None:
    simulator = fortigate(version="6.4.15")
    simulator.run(
        "config system automation-trigger\nedit fail\nset event-type event-log\nset logid 39426\n"
        "end\nconfig system automation-action\nedit post\nset action-type webhook\n"
        f"set uri 127.0.0.1/log\nset port {web.port}\nset http-body %%log%%\n"
        'set headers "X-Token:abc" "X-Two: 2"\nend\n'
        "config system automation-stitch\nedit st\nset trigger fail\nset action post\nend\n"
    )
    [delivery] = simulator.log_event(FAILED_LOGIN)
    assert delivery.status == 200
    assert web.asked[0][2]["X-Token"] == "abc"
    assert web.asked[0][2]["X-Two"] == "2"


def with_feed(web: Web, lines: str, **options: Any) -> Simulator:
    simulator = fortigate(**options)
    simulator.run(FEED.format(port=web.port) + NEGATED)
    web.body = lines.encode()
    simulator.poll_feeds()
    return simulator


def test_a_feed_is_fetched_with_basic_auth_and_denies_what_it_lists(web: Web) -> None:
    simulator = with_feed(web, "# ours\n203.0.113.7\n198.51.100.0/24\n192.0.2.1-192.0.2.9\n")
    headers = web.asked[0][2]
    assert headers["Authorization"] == "Basic dTpw"
    assert headers["User-Agent"] == "curl/7.58.0"
    for address in ("203.0.113.7", "198.51.100.200", "192.0.2.5"):
        assert simulator.denies(address) == ["ssl_vpn"]
    assert simulator.denies("8.8.8.8") == []


def test_a_feed_that_was_never_fetched_denies_nobody() -> None:
    simulator = fortigate()
    simulator.run(FEED.format(port=1) + NEGATED)
    assert simulator.denies("203.0.113.7") == []


def test_an_unchanged_feed_is_not_sent_again(web: Web) -> None:
    web.etag = '"v1"'
    simulator = with_feed(web, "203.0.113.7\n")
    simulator.poll_feeds()
    assert web.asked[1][2]["If-None-Match"] == '"v1"'
    state = simulator.feeds.feed("bans")
    assert state is not None
    assert state.status == 304
    assert simulator.denies("203.0.113.7") == ["ssl_vpn"]


def test_an_empty_answer_empties_the_feed_and_lets_everyone_in(web: Web) -> None:
    simulator = with_feed(web, "203.0.113.7\n")
    web.body = b""
    simulator.poll_feeds()
    assert simulator.denies("203.0.113.7") == []


def test_an_error_keeps_the_last_good_list(web: Web) -> None:
    simulator = with_feed(web, "203.0.113.7\n")
    web.status, web.body = 503, b""
    simulator.poll_feeds()
    state = simulator.feeds.feed("bans")
    assert state is not None
    assert state.error == "HTTP 503"
    assert simulator.denies("203.0.113.7") == ["ssl_vpn"]


def test_a_disabled_feed_is_not_fetched(web: Web) -> None:
    simulator = with_feed(web, "203.0.113.7\n")
    simulator.run("config system external-resource\nedit bans\nset status disable\nend")
    simulator.poll_feeds()
    assert len(web.asked) == 1


def test_the_poller_fetches_by_itself_at_its_own_pace(web: Web) -> None:
    web.body = b"203.0.113.7\n"
    with fortigate(minute=0.05) as simulator:
        simulator.run(FEED.format(port=web.port) + NEGATED)
        for _ in range(3):
            assert web.arrived.wait(60)
            web.arrived.clear()
        assert len(web.asked) >= 3


def test_bad_lines_are_counted_and_good_ones_used(web: Web) -> None:
    simulator = with_feed(web, "203.0.113.7\n203.0.113.8 # inline\nnonsense\n2001:db8::/32\n")
    shown = simulator.run("diagnose sys external-resource stats")
    assert "total lines: 4; valid lines: 2; error lines: 2; used: yes" in shown
    listed = simulator.run("diagnose sys external-address-resource list bans")
    assert "203.0.113.7-203.0.113.7" in listed


def test_an_older_fortigate_cuts_a_feed_at_its_own_limit() -> None:
    data = b"\n".join(b"10.%d.%d.%d" % (n >> 16, n >> 8 & 255, n & 255) for n in range(140000))
    assert len(parse(data, (7, 4, 3))[1]) == 131072
    assert len(parse(data, (7, 4, 4))[1]) == 140000


POLICY = (
    "config firewall policy\nedit 9\nset name deny\nset srcintf port1\nset dstintf port2\n"
    "set srcaddr bans\nset dstaddr all\nset schedule always\nset service ALL\nnext\n"
    "edit 8\nset name in\nset srcintf port1\nset dstintf any\nset srcaddr all\nset dstaddr all\n"
    "set schedule always\nset service ALL\nset action accept\nnext\nend\n"
)


def test_a_deny_policy_works_only_above_the_accept(web: Web) -> None:
    simulator = fortigate()
    simulator.run(FEED.format(port=web.port) + POLICY)
    web.body = b"203.0.113.7\n"
    simulator.poll_feeds()
    assert simulator.denies("203.0.113.7") == ["policy"]
    simulator.run("config firewall policy\nmove 8 before 9\nend")
    assert simulator.denies("203.0.113.7") == []


LOCAL_IN = (
    "config firewall local-in-policy\nedit 0\nset intf port1\nset srcaddr bans\n"
    "set dstaddr all\nset service ALL\nset schedule always\nend\n"
)


@pytest.mark.parametrize(
    ("version", "works"),
    [("7.0.17", False), ("7.2.0", False), ("7.2.11", True), ("7.4.1", True), ("8.0.0", True)],
)
def test_local_in_policies_take_a_feed_on_the_versions_that_do(
    web: Web, version: str, works: bool
) -> None:
    simulator = fortigate(version=version)
    simulator.run(FEED.format(port=web.port))
    shown = simulator.run(LOCAL_IN)
    web.body = b"203.0.113.7\n"
    simulator.poll_feeds()
    refused = "entry not found in datasource\r\n\r\nvalue parse error before 'bans'"
    assert (f"{refused}\r\nCommand fail. Return code -3" not in shown) is works
    assert simulator.denies("203.0.113.7") == (["local_in"] if works else [])


def test_another_process_controls_the_fortigate_through_the_control_port(web: Web) -> None:
    with fortigate(control_port=0) as simulator:
        base = f"http://127.0.0.1:{simulator.control_port}"

        def ask(path: str, body: str | None = None) -> str:
            data = None if body is None else body.encode()
            with urllib.request.urlopen(base + path, data) as answer:
                return str(answer.read().decode())

        ask("/run", LOOP.format(port=web.port) + FEED.format(port=web.port) + NEGATED)
        assert 'edit "st"' in ask("/show")
        assert json.loads(ask("/event", FAILED_LOGIN))[0]["status"] == 200
        web.body = b"203.0.113.7\n"
        ask("/poll", "")
        assert json.loads(ask("/denies?address=203.0.113.7")) == {
            "address": "203.0.113.7",
            "denied": True,
            "by": ["ssl_vpn"],
        }
        assert json.loads(ask("/journal"))["lines"] == []
