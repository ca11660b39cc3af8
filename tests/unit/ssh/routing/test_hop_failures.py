"""Jump hosts that fail: what is tried again, and what the error names."""

from __future__ import annotations

import dataclasses
import itertools
import socket
import threading
import time
from pathlib import Path

import pytest
from paramiko.common import OPEN_FAILED_RESOURCE_SHORTAGE

from provision.ssh import causes
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from provision.ssh.routing import hops
from tests.unit.ssh.logins import RIGHT
from tests.unit.ssh.routing.chains import (
    HOP_KEY,
    build_hop,
    get_error,
    make_rules,
    open_chain,
)
from tests.unit.ssh.ssh_server import HOST_KEY, Rules, listening


def test_an_error_names_the_jump_host_that_failed_and_the_target(access: Access) -> None:
    with open_chain(make_rules(), password=RIGHT) as chain:
        first = dataclasses.replace(build_hop(1), host="jump host b0")
        second = dataclasses.replace(chain.hop, via=first)
        error = get_error(dataclasses.replace(chain.target, via=second), access)
    assert error.message.startswith("fgt1 (admin@127.0.0.1:")
    assert "jump host b0 (jumper@127.0.0.1:1): cannot connect: Connection refused" in error.message
    assert "b1" not in error.message
    assert "HostName" in error.remedy


def test_a_changed_host_key_of_a_jump_host_is_refused(access: Access, home: Path) -> None:
    with open_chain(make_rules(), password=RIGHT) as chain:
        (home / "known_hosts").write_text(
            f"[127.0.0.1]:{chain.hop.port} {HOST_KEY.get_name()} {HOST_KEY.get_base64()}\n"
        )
        error = get_error(chain.target, access)
    assert "jump host b1" in error.message
    assert "has CHANGED" in error.message
    assert chain.hop_saw.attempts == []


def test_a_connection_to_a_jump_host_that_broke_is_opened_again(access: Access) -> None:
    with open_chain(make_rules(), password=RIGHT) as chain:
        connect(chain.target, access).close()
        chain.hop_saw.transports[0].close()
        connect(chain.target, access).close()
    assert chain.hop_saw.connections == 2


def test_a_jump_host_that_refused_its_user_is_not_asked_again(access: Access) -> None:
    with open_chain(Rules(host_key=HOP_KEY), password=RIGHT) as chain:
        first = get_error(chain.target, access)
        second = get_error(dataclasses.replace(chain.target, host="fgt2"), access)
    assert chain.hop_saw.connections == 1
    assert second.message == first.message.replace("fgt1", "fgt2")


@pytest.mark.parametrize(("seconds", "expected"), [(60.0, "refused"), (0.0, "no SSH banner")])
def test_a_jump_host_that_was_down_is_tried_again_after_a_while(
    access: Access, monkeypatch: pytest.MonkeyPatch, seconds: float, expected: str
) -> None:
    monkeypatch.setattr(hops, "FAILED_FOR", seconds)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        hop = build_hop(server.getsockname()[1], timeout=0.3)
        login = Login("fgt1", "127.0.0.1", "admin", via=hop)
        assert "refused" in get_error(login, access).message
        server.listen()
        assert expected in get_error(login, access).message


def test_a_jump_host_that_drops_a_burst_is_tried_again(access: Access) -> None:
    with open_chain(make_rules(busy=1), password=RIGHT) as chain:
        connect(chain.target, access).close()
    assert chain.hop_saw.connections == 2


def test_a_target_behind_a_jump_host_that_drops_a_burst_is_tried_again(access: Access) -> None:
    with open_chain(make_rules(), Rules(busy=1), password=RIGHT) as chain:
        connect(chain.target, access).close()
    assert (chain.hop_saw.connections, chain.target_saw.connections) == (1, 2)


def test_a_jump_host_that_has_no_room_for_a_channel_is_asked_again(access: Access) -> None:
    shortage = make_rules(refusals=[OPEN_FAILED_RESOURCE_SHORTAGE])
    with open_chain(shortage, password=RIGHT) as chain:
        connect(chain.target, access).close()
    assert len(chain.hop_saw.forwarded) == 2
    assert chain.hop_saw.connections == 1


def test_a_target_that_is_reached_too_late_ends_nothing_else(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_clock, late, is_known = time.time, threading.Event(), threading.Event()
    hours = itertools.count(time.time(), 3600)

    def wait() -> None:
        if not is_known.is_set():
            # as when a laptop wakes up, whether the client has looked at the clock by now or not
            monkeypatch.setattr(time, "time", lambda: next(hours))
            late.wait(30)

    with open_chain(make_rules(before_channel=wait), password=RIGHT) as chain:
        error = get_error(chain.target, access)
        is_known.set()
        monkeypatch.setattr(time, "time", read_clock)
        late.set()
        connect(chain.target, access).close()
    assert isinstance(error, causes.TimedOut)
    assert "has not connected to it" in error.message
    assert chain.hop_saw.connections == 1


def test_a_jump_host_that_forwards_nothing_is_named(access: Access) -> None:
    rules = dataclasses.replace(make_rules(), forwards=False)
    with open_chain(rules, password=RIGHT) as chain:
        error = get_error(chain.target, access)
    assert isinstance(error, causes.RefusedByPolicy)
    assert "jump host b1" in error.message
    assert "does not forward connections to it" in error.message
    assert "AllowTcpForwarding" in error.remedy


def test_a_target_that_its_jump_host_cannot_reach_is_named(access: Access) -> None:
    with open_chain(make_rules(), password=RIGHT) as chain:
        error = get_error(dataclasses.replace(chain.target, port=1), access)
    assert error.message.startswith("fgt1 (admin@127.0.0.1:1): jump host b1 (jumper@127.0.0.1:")
    assert "cannot connect to it" in error.message


def test_a_jump_host_that_never_answers_ends_at_the_time_limit(access: Access) -> None:
    def say_nothing(_: socket.socket, over: threading.Event) -> None:
        over.wait(30)

    with listening(say_nothing) as port:
        login = Login("fgt1", "127.0.0.1", "admin", 1, via=build_hop(port, timeout=0.3))
        error = get_error(login, access)
    assert "jump host b1" in error.message
    assert "no SSH banner within 0.3 s" in error.message
