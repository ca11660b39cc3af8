"""The simulator posts webhooks, fetches feeds and denies what they list."""

import json
import urllib.request

import pytest

from tests.unit.simulator.loop_config import FAILED_LOGIN, FEED, LOOP, NEGATED, Web, make_fortigate


def test_an_event_is_posted_to_the_webhook_with_the_whole_log_line(web: Web) -> None:
    simulator = make_fortigate()
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
    simulator = make_fortigate()
    simulator.run(LOOP.format(port=web.port) + change)
    assert simulator.log_event(FAILED_LOGIN) == []
    assert web.asked == []


def test_one_field_of_the_log_can_be_named_and_an_unknown_one_stays(web: Web) -> None:
    simulator = make_fortigate()
    simulator.run(LOOP.format(port=web.port))
    simulator.run(
        "config system automation-action\nedit post\n"
        'set http-body "{\\"ip\\":\\"%%log.remip%%\\",\\"c\\":\\"%%log.srccity%%\\"}"\nend'
    )
    simulator.log_event(FAILED_LOGIN)
    assert web.asked[0][3] == b'{"ip":"203.0.113.7","c":"%%log.srccity%%"}'


def test_variables_that_an_event_lacks_can_be_empty(web: Web) -> None:
    simulator = make_fortigate(absent_variables="empty")
    simulator.run(LOOP.format(port=web.port))
    simulator.run(
        "config system automation-action\nedit post\n"
        'set http-body "a=%%log.remip%% b=%%log.srccity%% c=%%nothing%%\n%%log%%"\nend'
    )
    simulator.log_event(FAILED_LOGIN)
    body = f"a=203.0.113.7 b= c=%%nothing%%\n{FAILED_LOGIN}"
    assert web.asked[0][3] == body.encode()


def test_events_inside_the_minimum_interval_are_dropped(web: Web) -> None:
    simulator = make_fortigate()
    simulator.run(LOOP.format(port=web.port))
    simulator.run("config system automation-action\nedit post\nset minimum-interval 600\nend")
    assert len(simulator.log_event(FAILED_LOGIN)) == 1
    assert simulator.log_event(FAILED_LOGIN) == []


def test_a_receiver_that_is_down_is_recorded_and_not_raised() -> None:
    simulator = make_fortigate()
    simulator.run(LOOP.format(port=1))
    [delivery] = simulator.log_event(FAILED_LOGIN)
    assert delivery.status == 0
    assert "refused" in delivery.error


def test_old_versions_post_the_headers_of_their_own_syntax(web: Web) -> None:
    simulator = make_fortigate(version="6.4.15")
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


def test_another_process_controls_the_fortigate_through_the_control_port(web: Web) -> None:
    with make_fortigate(control_port=0) as simulator:
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
