"""FortiGates and hosts that are given by name: looked up in the background, never for a request."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.receiver.receiver_app import LINE, Receiver, module

EVENT = LINE % "203.0.113.9"


class Resolver:
    """A resolver that knows ``known``, and counts what it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **known: str) -> None:
        self.known = {name.replace("_", "."): address for name, address in known.items()}
        self.asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, name: str, port: None) -> list[Any]:
        self.asked.append(name)
        if name not in self.known:
            raise socket.gaierror(name)
        return [(0, 0, 0, "", (self.known[name], 0))]


class Stopped(Exception):
    """Ends the endless look-up of a name in a test."""


def look_up_all(receiver: Receiver) -> None:
    for name in receiver.names.names:
        receiver.names.look_up(name)


def test_a_fortigate_that_is_known_by_name_may_post_from_the_addresses_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, fw2_example_net="192.0.2.40")
    receiver = Receiver(tmp_path, allow=["192.0.2.1", "fw2.example.net", "gone.example.net"])
    look_up_all(receiver)
    assert receiver.post(EVENT, peer="192.0.2.40").status_code == 200
    assert receiver.post(EVENT, peer="192.0.2.41").status_code == 403


def test_no_request_looks_a_name_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch)
    receiver = Receiver(tmp_path, allow=["fw.example.net"], hosts=["ban.example.net"])
    for peer in ("192.0.2.40", "127.0.0.1"):
        receiver.post(EVENT, peer=peer)
        receiver.get("/healthz", peer=peer)
    assert resolver.asked == []


def test_until_a_name_was_looked_up_once_a_token_alone_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch)
    receiver = Receiver(tmp_path, allow=["fw.example.net"])
    assert receiver.post(EVENT, peer="192.0.2.40").status_code == 200
    assert receiver.post(EVENT, "wrong", peer="192.0.2.40").status_code == 401
    look_up_all(receiver)
    assert receiver.post(EVENT, peer="192.0.2.40").status_code == 403


def test_the_last_good_answer_is_kept_while_nobody_knows_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(monkeypatch, fw_example_net="192.0.2.40")
    receiver = Receiver(tmp_path, allow=["fw.example.net"])
    look_up_all(receiver)
    resolver.known.clear()
    look_up_all(receiver)
    assert receiver.post(EVENT, peer="192.0.2.40").status_code == 200
    resolver.known["fw.example.net"] = "192.0.2.50"
    look_up_all(receiver)
    assert receiver.post(EVENT, peer="192.0.2.40").status_code == 403
    assert receiver.post(EVENT, peer="192.0.2.50").status_code == 200


def test_a_name_is_looked_up_each_minute_and_sooner_while_nobody_knows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolver, pauses = Resolver(monkeypatch), list[float]()

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        resolver.known["fw.example.net"] = "192.0.2.40"
        if len(pauses) == 3:
            raise Stopped

    names = module("names").Names(["fw.example.net"])
    with pytest.raises(Stopped):
        module("names").keep_up_to_date(names, "fw.example.net", patient, sleep)
    assert pauses == [5, 60, 60]
    assert len(resolver.asked) == 3


def test_a_look_up_without_an_answer_is_given_up_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = list[float]()

    def look_up(name: str, port: None) -> list[Any]:
        raise TimeoutError  # as gevent ends it from outside

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        raise Stopped

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    names = module("names").Names(["fw.example.net"])
    with pytest.raises(Stopped):
        module("names").keep_up_to_date(names, "fw.example.net", patient, sleep)
    assert pauses == [5]
    assert not names.are_pending(["fw.example.net"])


@pytest.mark.parametrize("name", ["x" * 300, "fw..example.net", "\udce4"])
def test_a_name_that_cannot_be_one_has_no_address(name: str) -> None:
    names = module("names").Names([name])
    assert not names.look_up(name)
    assert names.find_addresses([name]) == set()


def test_a_host_of_the_site_that_is_known_by_name_is_never_taken_for_an_attacker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, ban_example_net="203.0.113.7")
    receiver = Receiver(tmp_path, hosts=["ban.example.net"])
    look_up_all(receiver)
    for address, outcome in (("203.0.113.7", "ignored"), ("203.0.113.8", "taken")):
        assert receiver.post(LINE % address).json["events"][0]["outcome"] == outcome


@contextlib.contextmanager
def patient(_: float) -> Iterator[None]:
    yield
