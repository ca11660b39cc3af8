"""Two sites share: what is offered, to whom, and what a hostile client gets."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.share.peers_world import (
    GROUP,
    JAIL,
    Authority,
    describe_peer,
    module,
    read_taken,
    serve,
    write_bans,
)

ATTACKER = "45.9.9.9"


def group_of(authority: Authority, *sites: str) -> dict[str, dict[str, Any]]:
    return {
        GROUP: {
            "certificate": authority.sign("a"),
            "ca": str(authority.path),
            "sites": list(sites or ("b",)),
        }
    }


def pull(peer: Any, memory: Path) -> Any:
    puller = module("watch.peers").Puller(str(memory), peer)
    puller.pull()
    return puller


def test_a_ban_of_one_site_is_taken_by_the_other(
    authority: Authority, spool: Path, memory: Path
) -> None:
    write_bans(spool, {ATTACKER: time.time() + 600})
    with serve(group_of(authority), spool, [JAIL]) as port:
        pull(describe_peer(authority, port), memory)
    assert read_taken(memory) == [ATTACKER]


def test_a_list_that_did_not_change_is_not_sent_again(
    authority: Authority, spool: Path, memory: Path
) -> None:
    write_bans(spool, {ATTACKER: time.time() + 600})
    shared = module("banstitch_shared.shared_bans")
    path = Path(shared.find_list(str(memory), GROUP, "a"))
    with serve(group_of(authority), spool, [JAIL]) as port:
        puller = pull(describe_peer(authority, port), memory)
        first = path.stat().st_ino, path.stat().st_mtime_ns
        Path(shared.find_answer(str(path))).unlink()
        puller.pull()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == first
    assert read_taken(memory) == [ATTACKER]


def test_only_bans_that_events_of_the_site_caused_are_offered(
    authority: Authority, spool: Path, memory: Path
) -> None:
    later = time.time() + 600
    network, asn, by_hand = (f"{JAIL}-{rule}" for rule in ("network", "asn", "hand"))
    write_bans(spool, {ATTACKER: later, "45.9.9.8": time.time() - 1, "192.0.2.66": later})
    write_bans(spool, {"45.8.0.0/24": later, "45.0.0.0/16": later}, jail=network)
    write_bans(spool, {"45.7.7.0/24": later}, jail=asn)
    write_bans(spool, {"45.6.6.6": -1}, failures=0, jail=by_hand)
    with serve(group_of(authority), spool, [JAIL, network, asn, by_hand]) as port:
        pull(describe_peer(authority, port), memory)
    assert read_taken(memory) == ["45.8.0.0/24", ATTACKER]


def test_a_site_that_was_removed_gets_nothing(
    authority: Authority, spool: Path, memory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(group_of(authority, "c"), spool, [JAIL]) as port:
        pull(describe_peer(authority, port), memory)
    assert read_taken(memory) is None
    assert "it answers 403" in caplog.text


def test_a_certificate_of_another_ca_is_refused(
    tmp_path: Path, authority: Authority, spool: Path, memory: Path
) -> None:
    forged = Authority(tmp_path)
    with serve(group_of(authority), spool, [JAIL]) as port:
        peer = describe_peer(authority, port)._replace(certificate=forged.sign("b"))
        pull(peer, memory)
    assert read_taken(memory) is None


def test_a_certificate_of_another_group_is_refused(
    authority: Authority, spool: Path, memory: Path
) -> None:
    with serve(group_of(authority), spool, [JAIL]) as port:
        # signed by the same CA, as if two groups had one
        other = describe_peer(authority, port)._replace(certificate=authority.sign("b", "south"))
        pull(other, memory)
    assert read_taken(memory) is None


def test_a_group_that_the_site_does_not_belong_to_is_refused(
    authority: Authority, spool: Path, memory: Path
) -> None:
    with serve(group_of(authority), spool, [JAIL]) as port:
        other = describe_peer(authority, port)._replace(group="south")
        pull(other, memory)
    assert read_taken(memory) is None


def test_a_host_that_is_another_site_is_refused(
    authority: Authority, spool: Path, memory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_bans(spool, {ATTACKER: time.time() + 600})
    with serve(group_of(authority), spool, [JAIL]) as port:
        pull(describe_peer(authority, port, site="c"), memory)
    assert read_taken(memory, "c") is None
    assert "another site answers there: 'a'" in caplog.text


def test_bans_that_are_not_known_are_not_offered_as_none(
    authority: Authority, spool: Path, memory: Path
) -> None:
    (spool / f"{JAIL}.bans").write_text("# banstitch 1\n")
    with serve(group_of(authority), spool, [JAIL]) as port:
        pull(describe_peer(authority, port), memory)
    assert read_taken(memory) is None


def test_strangers_who_say_nothing_do_not_keep_a_known_peer_out(
    authority: Authority, spool: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module("share.server"), "MOST_AT_ONCE", 1)
    write_bans(spool, {ATTACKER: time.time() + 600})
    with serve(group_of(authority), spool, [JAIL], known=["127.0.0.1"]) as port:
        silent = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
        # the room of strangers is taken, so another one is turned away
        other = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.3", 0))
        other.settimeout(10)
        assert other.recv(1) == b""
        pull(describe_peer(authority, port), memory)
        silent.close()
        other.close()
    assert read_taken(memory) == [ATTACKER]


def test_one_peer_does_not_keep_the_others_out(
    authority: Authority, spool: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module("share.server"), "MOST_OF_ONE", 2)
    write_bans(spool, {ATTACKER: time.time() + 600})
    known = ["127.0.0.1", "127.0.0.2"]
    with serve(group_of(authority), spool, [JAIL], known) as port:
        held = [
            socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
            for _ in range(3)
        ]
        held[-1].settimeout(10)
        assert held[-1].recv(1) == b""
        pull(describe_peer(authority, port), memory)
        for each in held:
            each.close()
    assert read_taken(memory) == [ATTACKER]
