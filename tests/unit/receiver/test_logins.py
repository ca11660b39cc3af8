"""Logins that succeed and lock-outs: what the receiver writes of them, and that nobody types a login."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.receiver.hostile_lines import DETECTIONS, ESCAPINGS, FORMS, HEAD, OTHER, PIECES
from tests.unit.receiver.receiver_app import DETECTION, LINE, Receiver, module

LOGIN = (
    'logid="0101039424" remip=%s user="%s" group="staff" reason="login successfully"'
    ' msg="SSL tunnel established"'
)
OWN = "45.1.2.3"
# A negotiation in which nobody logged in; the peer chooses what it calls itself.
TUNNEL = (
    HEAD
    % "0101037120"
    + f'msg="negotiate IPsec phase 1" action="negotiate" remip={OWN} locip=192.0.2.1 remport=500 locport=500'
    ' outintf="port2" srccountry="Reserved" cookies="0011223344556677/8899aabbccddeeff" user="<>"'
    ' group="N/A" useralt="N/A" %s="N/A" %s="N/A" assignip=N/A vpntunnel="branch" status="success"'
    ' result="OK" peer_notif="N/A" fctuid="N/A" advpnsc=0'
)
BUILDS = (("eapuser", "eapauthgroup"), ("xauthuser", "xauthgroup"))
WORDS = (
    *PIECES,
    'eapuser="alice',
    'eapauthgroup="x',
    'xauthuser="alice',
    'xauthgroup="x',
    'group="N/A',
)


def outcome(receiver: Receiver, body: str) -> Any:
    (event,) = receiver.post(body).json["events"]
    return event


def test_a_login_is_written_with_its_user_and_answered_as_one(receiver: Receiver) -> None:
    answer = {"outcome": "taken", "detection": DETECTION["name"], "address": OWN, "kind": "success"}
    assert outcome(receiver, LOGIN % (OWN, "alice")) == answer
    (entry,) = receiver.entries()
    assert (entry.kind, entry.address, entry.user) == ("success", OWN, "alice")
    assert entry.reason == "login_successfully"


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.7.8", "198.51.100.9", "203.0.113.250"])
def test_a_login_from_a_private_or_ignored_address_makes_its_user_known(
    receiver: Receiver, address: str
) -> None:
    assert outcome(receiver, LINE % address)["outcome"] == "ignored"
    assert outcome(receiver, LOGIN % (address, "alice"))["outcome"] == "taken"
    assert [entry.address for entry in receiver.entries()] == [address]


@pytest.mark.parametrize("address", ["198.51.100.250", "192.0.2.1", "127.0.0.1", "0.0.0.0", "N/A"])
def test_a_login_from_the_site_itself_or_from_nowhere_says_nothing(
    receiver: Receiver, address: str
) -> None:
    assert outcome(receiver, LOGIN % (address, "alice"))["outcome"] == "ignored"
    assert receiver.entries() == []


@pytest.mark.parametrize(
    "line",
    [
        LOGIN[:-1] % (OWN, "alice"),
        LOGIN % (OWN, 'alice" y="'),
        LOGIN % (OWN, 'alice" group="'),
        LOGIN.replace("user=", "x=1 user=") % (OWN, "a" * 1000),
        f'user="x" logid="0101039424" remip={OWN} group="x" msg="SSL tunnel established"',
    ],
)
def test_a_login_that_cannot_be_read_for_certain_does_not_count(
    receiver: Receiver, line: str
) -> None:
    assert outcome(receiver, line)["outcome"] == "ignored"
    assert receiver.entries() == []


def test_logins_are_counted_apart_from_failures(receiver: Receiver) -> None:
    for body in (LINE % OWN, LOGIN % (OWN, "alice"), LOGIN % (OWN, "alice")):
        receiver.post(body)
    text = receiver.get("/metrics", auth=("status", "s-secret")).text
    labels = '{fortigate="fw1",detection="sslvpn_login_failed"}'
    assert f"banstitch_events_total{labels} 1\n" in text
    assert f"banstitch_logins_total{labels} 2\n" in text


def test_the_evidence_of_a_login_is_kept(receiver: Receiver) -> None:
    receiver.post(LOGIN % (OWN, "alice"))
    kept = receiver.evidence.read_text("ascii")
    assert kept.startswith(receiver.log.read_text("ascii")[:-1])
    assert json.loads(kept[kept.index("{") :])["event"] == LOGIN % (OWN, "alice")


def test_a_lock_out_is_written_as_one(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, detections=[DETECTION | {"lockout_ids": [32021]}])
    line = f'logid="0100032021" remip={OWN} reason="exceed_limit" msg="Login disabled"'
    assert outcome(receiver, line)["kind"] == "lockout"
    assert [(e.kind, e.address, e.user) for e in receiver.entries()] == [("lockout", OWN, "")]


@given(
    name=st.lists(st.sampled_from(WORDS), max_size=8).map("".join),
    escape=st.sampled_from(ESCAPINGS),
    form=st.sampled_from(sorted(FORMS)),
    build=st.sampled_from(BUILDS),
    cut=st.integers(0, 3000),
)
@settings(deadline=None)
def test_nobody_types_a_login(
    name: str, escape: Callable[[str], str], form: str, build: tuple[str, str], cut: int
) -> None:
    lines, judge = module("lines"), module("verdicts").judge
    whole = FORMS[form](TUNNEL.replace("<>", escape(name)) % build) if "%" not in name else ""
    for body in (whole, whole[: cut % (len(whole) + 1)]):
        try:
            verdict = judge(lines.read_event(body), DETECTIONS, (), False, 64)
        except lines.Malformed:
            continue
        assert verdict.ignored, (body, verdict)
    assert OTHER != OWN


FIELDS = 'logid="0101039426" remip=45.1.2.3 user="%s" group="x" a="%s" b="%s" msg="failed"'


@pytest.mark.parametrize(
    ("where", "values", "counts"),
    [
        ({"a|b": ["yes"]}, ("no", "YES"), True),
        ({"a|b": ["yes"]}, ("no", "no"), False),
        ({"a|b": "a name"}, ("N/A", "alice"), True),
        ({"a|b": "a name"}, ("N/A", "10.1.2.3"), False),
        ({"a|b": "a name"}, ("(null)", ""), False),
        ({"a|b": "none"}, ("N/A", ""), True),
        ({"a|b": "none"}, ("N/A", "x"), False),
        ({"a": "none", "b": "a name"}, ("N/A", "x"), True),
        ({"a": "none", "b": "a name"}, ("x", "x"), False),
        ({"c|d": "a name"}, ("x", "x"), True),  # a field that is not there may have been cut
    ],
)
def test_conditions_of_several_fields_names_and_nothing(
    tmp_path: Path, where: dict[str, Any], values: tuple[str, str], counts: bool
) -> None:
    receiver = Receiver(tmp_path, detections=[DETECTION | {"where": where}])
    taken = outcome(receiver, FIELDS % ("x", *values))["outcome"] == "taken"
    assert taken is counts


def test_the_first_field_that_is_a_name_is_the_user(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, detections=[DETECTION | {"user_fields": ["a", "b"]}])
    for values in (("N/A", "bob"), ("alice", "bob"), ("10.1.2.3", "N/A")):
        receiver.post(FIELDS % ("x", *values))
    assert [entry.user for entry in receiver.entries()] == ["bob", "alice", ""]
