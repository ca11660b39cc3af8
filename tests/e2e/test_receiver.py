"""The receiver on a real host: attacked, restarted, out of room; its events and its feed go on."""

from __future__ import annotations

import base64
import itertools
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.bench.load import get, run
from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.receiver_site import Deployed, Traffic, open_connection

pytestmark = pytest.mark.lab
ATTACKERS = tuple(f"127.0.2.{n}" for n in range(1, 101))
IDLE = 3000
# Bytes: several times of what the buffers of a connection hold.
FLOOD = 32 << 20
# linux/tcp.h; Python has no name for it
TCP_REPAIR = 19


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, ready_root: Path) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("site") / "inventory"
    # what it stands is asked for in plain words; https is tried in test_tls.py
    settings = "receiver_tls: off\nreceiver_status_page: true\ndetection_ban_time: 1h"
    with LabSite(folder, ready_root, [fortigate_options()], settings=settings) as site:
        done = site.run("apply", "-y")
        assert done.code == 0, done.out + done.err
        yield Deployed(site)


HOSTILE = {
    "clients that say nothing": b"",
    "clients that stop within the first line": b"POST /rece",
    "clients that stop within the headers": b"POST /receive-logs HTTP/1.1\r\nHost: x\r\nX-A: ",
    "clients that send garbage": bytes(range(256)) * 16,
    "TLS where there is none": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "endless headers": b"GET / HTTP/1.1\r\n" + b"X-Y: " + b"z" * 200000,
    "bodies of 100 MB with a wrong token": (
        b"POST /receive-logs HTTP/1.1\r\nHost: x\r\nX-Banstitch-Token: wrong\r\n"
        b"Content-Length: 104857600\r\n\r\n" + b"x" * 65536
    ),
    "bodies without end with a wrong token": (
        b"POST /receive-logs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n"
        + b"x" * 65536
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_events_are_taken_and_the_feed_is_served_beside(deployed: Deployed, what: str) -> None:
    sources = itertools.cycle(ATTACKERS)
    with ExitStack() as attack:
        for _ in range(IDLE):
            attack.enter_context(open_connection(deployed.peer, next(sources), HOSTILE[what]))
        events = run(deployed.peer, deployed.events(200), at_once=8, patience=10)
        polls = run(deployed.peer, itertools.repeat(deployed.feed_request(), 20), at_once=1)
    assert events.statuses == {200: 200}
    assert polls.statuses == {200: 20}


def test_clients_that_are_gone_without_a_word_cost_nobody_anything(deployed: Deployed) -> None:
    """Half-open connections: their other end was never told, as after a power cut."""
    sources = itertools.cycle(ATTACKERS)
    for _ in range(IDLE):
        half = open_connection(deployed.peer, next(sources), b"POST /rece")
        half.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)  # is closed without a packet
        half.close()
    events = run(deployed.peer, deployed.events(200), at_once=8, patience=10)
    polls = run(deployed.peer, itertools.repeat(deployed.feed_request(), 20), at_once=1)
    assert events.statuses == {200: 200}
    assert polls.statuses == {200: 20}


def test_a_body_of_the_fortigate_that_never_ends_keeps_nobody_else_out(deployed: Deployed) -> None:
    head = (
        "POST /receive-logs HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n"
        f"X-Banstitch-Token: {deployed.token}\r\n\r\nlogid="
    )
    with ExitStack() as attack:
        for _ in range(300):
            attack.enter_context(open_connection(deployed.peer, "127.0.2.1", head.encode()))
        events = run(deployed.peer, deployed.events(200), at_once=8, patience=10)
    assert events.statuses == {200: 200}


@pytest.mark.parametrize("body", [b"", b"fffffff\r\n"], ids=["a line", "a chunk"])
def test_a_fortigate_that_never_stops_sending_is_cut_off_and_keeps_no_worker_busy(
    deployed: Deployed, body: bytes
) -> None:
    head = (
        "POST /receive-logs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        f"X-Banstitch-Token: {deployed.token}\r\n\r\n"
    )
    sent = 0
    with socket.create_connection(deployed.peer) as flood, suppress(OSError):
        flood.sendall(head.encode() + body)
        while sent < FLOOD:
            sent += flood.send(b"0" * 65536)
    assert sent < FLOOD
    events = run(deployed.peer, deployed.events(20), at_once=1)
    assert events.statuses == {200: 20}


def test_a_restart_of_the_receiver_refuses_no_event_and_no_poll(deployed: Deployed) -> None:
    deployed.ban("203.0.113.5")
    traffic = Traffic(deployed, "203.0.113.5")
    traffic.during(*["systemctl restart banstitch-receiver"] * 3)
    assert traffic.missing == []
    assert set(traffic.polls) == set(traffic.events) == {200}
    assert traffic.cut == 0


def test_a_crash_of_the_receiver_costs_what_it_was_answering_and_no_more(
    deployed: Deployed,
) -> None:
    deployed.ban("203.0.113.5")
    traffic = Traffic(deployed, "203.0.113.5")
    traffic.during(
        "systemctl kill -s KILL --kill-who=main banstitch-receiver",
        "until systemctl is-active -q banstitch-receiver; do sleep 0.1; done",
    )
    assert traffic.missing == []
    lost = traffic.cut + traffic.polls.get(0, 0) + traffic.events.get(0, 0)
    # a slow machine has more under way
    assert lost <= max(8, 2 * traffic.usual)
    assert set(traffic.polls) | set(traffic.events) <= {200, 0}


def test_counts_survive_a_restart(deployed: Deployed) -> None:
    tokens = json.loads(deployed.host.read("/etc/banstitch/tokens.json"))
    login = base64.b64encode(f"status:{tokens['status']}".encode()).decode()
    run(deployed.peer, deployed.events(5), at_once=1)
    deployed.host.console("systemctl restart banstitch-receiver", check=True)
    answers: list[bytes] = []
    request = get("/metrics", Authorization=f"Basic {login}")
    run(deployed.peer, iter([request]), at_once=1, look=answers.append)
    counted = b'banstitch_events_total{fortigate="fgt1",detection="sslvpn_login_failed"} '
    assert int(answers[0].split(counted)[1].split()[0]) >= 5


@pytest.mark.parametrize("trouble", ["the disk is full", "the file system is read-only"])
def test_without_a_disk_to_write_to_the_feed_goes_on_and_health_says_so(
    deployed: Deployed, trouble: str
) -> None:
    host, log = deployed.host, "/var/log/banstitch"
    deployed.ban("203.0.113.6")
    spoil, mend = {
        "the disk is full": (f"cat /dev/zero > {log}/fill; true", f"rm {log}/fill"),
        "the file system is read-only": (
            f"mount -o remount,ro {log}",
            f"mount -o remount,rw {log}",
        ),
    }[trouble]
    prepare = (
        f"mount -t tmpfs -o size=4m,mode=0750 tmpfs {log} && chown banstitch: {log}"
        f" && install -o banstitch -g banstitch -m 0640 /dev/null {log}/events.log"
        " && systemctl restart banstitch-receiver"
    )
    host.console(prepare, check=True)
    try:
        assert deployed.health()[0] == 200
        host.console(spoil, check=True)
        assert run(deployed.peer, deployed.events(1), at_once=1).statuses == {503: 1}
        code, said = deployed.health()
        assert code == 503
        assert "event log" in said
        status, listed = deployed.feed()
        assert (status, "203.0.113.6" in listed) == (200, True)
        host.console(mend, check=True)
        assert deployed.health()[0] == 200
        assert run(deployed.peer, deployed.events(3), at_once=1).statuses == {200: 3}
        lines = host.read(f"{log}/events.log").splitlines()
        assert [len(line.split()) for line in lines] == [7, 7, 7]
    finally:
        host.console(f"umount -l {log}; systemctl restart banstitch-receiver", check=True)


def test_the_unit_is_as_closed_as_it_can_be(deployed: Deployed) -> None:
    said = deployed.host.console("systemd-analyze security banstitch-receiver", check=True).stdout
    (line,) = [line for line in said.splitlines() if "Overall exposure" in line]
    assert float(line.split(":")[1].split()[0]) <= 1.2, line


def test_a_new_address_to_listen_on_takes_effect_at_apply(deployed: Deployed) -> None:
    port = deployed.peer[1]
    site = deployed.site
    site.write_inventory("receiver_tls: off\nreceiver_port: 5001")
    done = site.run("apply", "-y")
    assert done.code == 0, done.out + done.err
    deployed.peer = (deployed.peer[0], 5001)
    assert deployed.health()[0] == 200
    assert site.run("plan").code == 0
    site.write_inventory()
    assert site.run("apply", "-y").code == 0
    deployed.peer = (deployed.peer[0], port)
    assert deployed.health()[0] == 200
