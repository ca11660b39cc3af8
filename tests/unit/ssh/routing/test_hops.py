"""Targets behind jump hosts: who is asked what, and what is shared."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from provision.errors import UnknownKey
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from provision.ssh.routing.hops import HopFailed, Hops
from tests.unit.ssh.logins import ECDSA, RIGHT, RSA, save_key
from tests.unit.ssh.routing.chains import (
    HOP_KEY,
    build_hop,
    get_error,
    make_rules,
    open_chain,
)
from tests.unit.ssh.ssh_server import HOST_KEY, Rules, TypedCodes, ssh_server
from tests.unit.ssh.transports import Enter, both_transports


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


def test_the_host_key_of_a_jump_host_must_be_known(home: Path) -> None:
    access = Access(home / "known_hosts", accept_new=False)
    with open_chain(make_rules(), password=RIGHT) as chain:
        error = get_error(chain.target, access)
    assert isinstance(error, UnknownKey)
    assert "jump host b1" in error.message
    assert "--accept-new-host-keys" in error.remedy
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
