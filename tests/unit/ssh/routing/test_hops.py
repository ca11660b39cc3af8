"""Targets behind jump hosts: who is asked what, what is shared, and what an error names."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.common import OPEN_FAILED_RESOURCE_SHORTAGE

from provision.errors import UnknownKey, Unreachable
from provision.ssh import causes
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from provision.ssh.routing import hops
from provision.ssh.routing.hops import HopFailed, Hops
from tests.simulator.server import host_key
from tests.unit.ssh.logins import ECDSA, RIGHT, RSA, save_key
from tests.unit.ssh.ssh_server import HOST_KEY, Rules, Seen, TypedCodes, listening, ssh_server
from tests.unit.ssh.transports import Enter, both_transports

HOP_KEY = host_key("")


@dataclass
class Chain:
    """A target behind one jump host, and what both have seen."""

    target: Login
    target_saw: Seen
    hop_saw: Seen

    @property
    def hop(self) -> Login:
        assert self.target.via
        return self.target.via


def build_hop(port: int, **more: Any) -> Login:
    return Login("jump host b1", "127.0.0.1", "jumper", port, is_hop=True, **more)


@contextlib.contextmanager
def open_chain(
    hop_rules: Rules, target_rules: Rules | None = None, **login: Any
) -> Iterator[Chain]:
    with ssh_server(target_rules or Rules()) as (port, seen), ssh_server(hop_rules) as (hop, saw):
        target = Login("fgt1", "127.0.0.1", "admin", port, via=build_hop(hop), **login)
        yield Chain(target, seen, saw)


def make_rules(**more: Any) -> Rules:
    """Return the rules of a jump host that lets the operator's default key in."""
    return Rules(key=ECDSA, forwards=True, host_key=HOP_KEY, **more)


@pytest.fixture
def access(home: Path) -> Iterator[Access]:
    """Return an access that trusts new host keys; the operator has a default key."""
    save_key(ECDSA, home / ".ssh" / "id_ecdsa")
    with Hops() as shared:
        yield Access(home / "known_hosts", accept_new=True, hops=shared)


def get_error(login: Login, access: Access) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        connect(login, access)
    return caught.value


@both_transports
def test_a_target_is_logged_in_to_through_a_jump_host(enter: Enter, access: Access) -> None:
    with open_chain(make_rules(), password=RIGHT) as chain:
        enter(chain.target, access)
    assert chain.hop_saw.forwarded == [("127.0.0.1", chain.target.port)]
    assert chain.target_saw.attempts == [("password", RIGHT)]


def test_nothing_that_belongs_to_the_target_is_offered_to_a_jump_host(
    access: Access, home: Path
) -> None:
    named = save_key(RSA, home / "of_the_target")
    refusing = Rules(steps=(("publickey", "password", "keyboard-interactive"),), host_key=HOP_KEY)
    with open_chain(refusing, password=RIGHT, private_key_file=named) as chain:
        error = get_error(chain.target, access)
    assert chain.hop_saw.attempts == [("publickey", ECDSA.fingerprint)]
    assert chain.target_saw.connections == 0
    assert isinstance(error, HopFailed)
    assert "fgt1 (admin@127.0.0.1" in error.message
    assert "jump host b1 (jumper@127.0.0.1" in error.message
    assert "key refused for jumper" in error.message
    assert "ansible" not in error.remedy


def test_a_code_for_a_jump_host_is_asked_for_in_its_name_and_only_once(home: Path) -> None:
    hop_rules = make_rules(
        steps=(("keyboard-interactive",),), rounds=([("Code: ", False)],), answers=("123456",)
    )
    codes = TypedCodes("123456")
    with Hops() as shared, open_chain(hop_rules, password=RIGHT) as chain:
        access = Access(home / "known_hosts", accept_new=True, codes=codes, hops=shared)
        connect(chain.target, access).close()
        connect(chain.target, access).close()
    assert codes.prompts == ["jump host b1: Code:"]
    assert chain.hop_saw.attempts == [("keyboard-interactive", "123456")]


def test_several_jump_hosts_follow_one_another(access: Access) -> None:
    with (
        open_chain(make_rules(), password=RIGHT) as chain,
        ssh_server(make_rules()) as (port, first_saw),
    ):
        second = dataclasses.replace(chain.hop, via=build_hop(port))
        connect(dataclasses.replace(chain.target, via=second), access).close()
    assert first_saw.forwarded == [("127.0.0.1", second.port)]
    assert chain.hop_saw.forwarded == [("127.0.0.1", chain.target.port)]


def test_an_error_names_the_jump_host_that_failed_and_the_target(access: Access) -> None:
    with open_chain(make_rules(), password=RIGHT) as chain:
        first = dataclasses.replace(build_hop(1), host="jump host b0")
        second = dataclasses.replace(chain.hop, via=first)
        error = get_error(dataclasses.replace(chain.target, via=second), access)
    assert error.message.startswith("fgt1 (admin@127.0.0.1:")
    assert "jump host b0 (jumper@127.0.0.1:1): cannot connect: Connection refused" in error.message
    assert "b1" not in error.message
    assert "HostName" in error.remedy


def test_the_host_key_of_a_jump_host_must_be_known(home: Path) -> None:
    access = Access(home / "known_hosts", accept_new=False)
    with open_chain(make_rules(), password=RIGHT) as chain:
        error = get_error(chain.target, access)
    assert isinstance(error, UnknownKey)
    assert "jump host b1" in error.message
    assert "--accept-new-host-keys" in error.remedy
    assert chain.hop_saw.attempts == []


def test_a_changed_host_key_of_a_jump_host_is_refused(access: Access, home: Path) -> None:
    with open_chain(make_rules(), password=RIGHT) as chain:
        (home / "known_hosts").write_text(
            f"[127.0.0.1]:{chain.hop.port} {HOST_KEY.get_name()} {HOST_KEY.get_base64()}\n"
        )
        error = get_error(chain.target, access)
    assert "jump host b1" in error.message
    assert "has CHANGED" in error.message
    assert chain.hop_saw.attempts == []


def test_the_host_key_of_the_target_is_checked_behind_a_jump_host(
    access: Access, home: Path
) -> None:
    with open_chain(make_rules(), password=RIGHT) as chain:
        (home / "known_hosts").write_text(
            f"[127.0.0.1]:{chain.target.port} {HOP_KEY.get_name()} {HOP_KEY.get_base64()}\n"
        )
        error = get_error(chain.target, access)
    assert "has CHANGED" in error.message
    assert "jump host" not in error.message
    assert chain.target_saw.attempts == []


def test_a_host_key_is_known_by_its_alias_and_from_the_files_that_are_named(
    access: Access, home: Path
) -> None:
    (home / "own_known_hosts").write_text(
        f"fgt1-alias {HOST_KEY.get_name()} {HOST_KEY.get_base64()}\n"
    )
    strict = Access(home / "none", accept_new=False)
    with ssh_server(Rules()) as (port, _):
        login = Login("fgt1", "127.0.0.1", "admin", port, RIGHT, host_key_alias="fgt1-alias")
        with pytest.raises(UnknownKey):
            connect(login, strict)
        known = dataclasses.replace(login, known_hosts=(str(home / "own_known_hosts"),))
        connect(known, strict).close()


def test_targets_share_one_connection_to_their_jump_host(access: Access) -> None:
    with (
        open_chain(make_rules(), password=RIGHT) as chain,
        ThreadPoolExecutor(8) as pool,
    ):
        connections = list(pool.map(lambda _: connect(chain.target, access), range(8)))
        assert all(each.is_open() for each in connections)
        for each in connections:
            each.close()
    assert chain.hop_saw.connections == 1
    assert len(chain.hop_saw.forwarded) == chain.target_saw.connections == 8


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


def test_at_most_the_permitted_number_of_logins_goes_one_way_at_a_time() -> None:
    shared, both_inside = Hops(), threading.Barrier(2, timeout=30)
    inside, most, guard = [0], [0], threading.Lock()
    login = Login("fgt1", "127.0.0.1", "admin", via=build_hop(22), hop_limit=2)

    def enter(_: int) -> None:
        with shared.wait_for_turn(login):
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            both_inside.wait()  # ends only if two are inside at once
            with guard:
                inside[0] -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(enter, range(6)))
    assert most == [2]


def test_a_server_that_is_reached_directly_has_no_limit() -> None:
    shared = Hops()
    login = Login("fgt1", "127.0.0.1", "admin", hop_limit=1)
    with shared.wait_for_turn(login), shared.wait_for_turn(login):
        pass


def test_keys_of_the_configuration_are_offered_where_the_inventory_names_none(
    access: Access, home: Path
) -> None:
    other = paramiko.ECDSAKey.generate()
    configured = save_key(other, home / "configured")
    with ssh_server(Rules(key=other)) as (port, seen):
        login = Login("b", "127.0.0.1", "joe", port, identity_files=(configured, "/nowhere"))
        connect(login, access).close()
    assert seen.attempts == [("publickey", other.fingerprint)]


def test_a_password_of_the_inventory_comes_before_keys_of_the_configuration(
    access: Access, home: Path
) -> None:
    configured = save_key(RSA, home / "configured")
    with ssh_server(Rules()) as (port, seen):
        login = Login("b", "127.0.0.1", "joe", port, RIGHT, identity_files=(configured,))
        connect(login, access).close()
    assert seen.attempts == [("password", RIGHT)]
