"""Answers that no ban host may give are refused, and the error quotes nothing of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.desired import collect
from provision.errors import Failed
from provision.linux import answers, observation
from provision.linux.agent import entry
from provision.linux.agent.protocol.requests import Rotate
from provision.linux.agent.protocol.wire import to_json
from provision.linux.answers import InvalidAnswer
from tests.e2e.fake_ban_host import deployed, leave_out
from tests.plays import PLAYS
from tests.unit.linux.reading import BAN, SECRET, build_request, get_refusal, read_answer, read_look
from tests.unit.roles.sample_site import sample_site


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": "192.0.2.7\x1b[2J"}, "bans[...].address"),
        ({"jail": "sshd"}, "bans[...].jail"),
        ({"until": "for ever"}, "bans[...].until"),
        ({"until": True}, "bans[...].until"),
        ({"until": -2}, "bans[...].until"),
        ({"failures": 10**400}, "bans[...].failures"),
        ({"failures": 1.5}, "bans[...].failures"),
        ({"why": "x" * 10_001}, "bans[...].why"),
        ({"why": None}, "bans[...].why"),
        ({SECRET: 1}, "bans[...]"),
    ],
)
def test_an_error_names_the_field_and_not_its_content(change: dict[str, Any], field: str) -> None:
    what = get_refusal(
        "bans", {"bans": [{**BAN, **change}], "allowances": []}, jails=["banstitch-x"]
    )
    assert what.startswith(f"the answer of this ban host is refused: {field} must ")
    assert SECRET not in what


def test_bans_of_a_jail_that_nobody_asked_for_are_refused() -> None:
    answer = {"bans": [BAN], "allowances": []}
    assert "that were asked for" in get_refusal("bans", answer, jails=["banstitch-y"])


def test_more_history_than_was_asked_for_is_refused() -> None:
    answer = {"history": [{"at": 1}, {"at": 2}], "left_out": False}
    assert "at most 1" in get_refusal("history", answer, last=1)
    assert "the time" in get_refusal("history", {"history": [{}], "left_out": False}, last=1)


RESOURCES = collect.render_resources(sample_site(), PLAYS)


@pytest.mark.parametrize(
    "field", ["paths", "packages", "users", "services", "jails", "certificates"]
)
def test_a_look_answers_for_all_that_was_asked_and_for_nothing_else(field: str) -> None:
    request, observed = observation.build_request(RESOURCES), deployed(RESOURCES)
    names = list(observed[field])
    more = {"paths": "/etc/shadow", "certificates": "/etc/x", "services": "banstitch-x.service"}
    other = more.get(field, "banstitch-other")
    fewer = {**observed, field: {name: observed[field][name] for name in names[1:]}}
    extra = {**observed, field: {**observed[field], other: observed[field][names[0]]}}
    for spoilt in (fewer, extra):
        with pytest.raises(InvalidAnswer, match=f"{field} must answer for"):
            read_look(request, spoilt)


def test_contents_that_were_left_out_are_those_of_the_inventory() -> None:
    request, observed = observation.build_request(RESOURCES), deployed(RESOURCES)
    short = leave_out(to_json(request), observed)
    assert len(short["as_desired"]) > 50
    found = answers.read(request, json.dumps({"ok": True, **short}).encode())
    assert to_json(observation.fill_contents(found, RESOURCES)) == observed


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("/etc/banstitch/tokens.json", {}),
        ("/etc/fail2ban/jail.d/banstitch.conf", {"content": "eA=="}),
        ("/etc/fail2ban/jail.d/banstitch.conf", {"type": "directory"}),
        ("/etc/fail2ban/jail.d/banstitch.conf", None),
        ("/etc/shadow", None),
    ],
)
def test_nothing_else_may_be_left_out(path: str, state: dict[str, Any] | None) -> None:
    request, observed = observation.build_request(RESOURCES), deployed(RESOURCES)
    short = leave_out(to_json(request), observed)
    spoilt = state if state is None else {**short["paths"][path], "content": None, **state}
    if path in request.paths:
        short["paths"][path] = spoilt
    with pytest.raises(InvalidAnswer, match="as_desired must name files"):
        read_look(request, {**short, "as_desired": [path]})


def test_what_is_not_ours_is_answered_for_directories_of_ours_only() -> None:
    request, observed = observation.build_request(RESOURCES), deployed(RESOURCES)
    found = {"names": ["notes.txt", "\x1b[2J"], "more": False}
    for path in ("/var/log/banstitch", "/var/lib/banstitch"):
        good = {**observed, "foreign": {path: found}}
        read_look(request, good)
    for foreign in (
        {"/etc": found},
        {"/var/log/banstitch": {**found, "names": []}},
        {"/var/log/banstitch": {**found, "names": ["x" * 2000]}},
        {"/var/log/banstitch": {**found, "names": ["x"] * 101}},
    ):
        bad = json.dumps({"ok": True, **observed, "foreign": foreign}).encode()
        with pytest.raises(InvalidAnswer, match="foreign"):
            answers.read(request, bad)


@pytest.mark.parametrize(
    "identity",
    [
        "file:/etc/shadow",
        "file:/etc/banstitch/../passwd",
        "file:/etc/banstitch//x",
        "file:/etc/banstitch/.hidden",
        "file:/etc/banstitch/x\n",
        "file:etc/banstitch/x",
        "directory:/",
        "directory:/etc/fail2ban",
        "file:/etc/fail2ban/jail.conf",
        "file:/etc/systemd/system/ssh.service",
        "tokens:/var/lib/other",
        "user:Root",
        "user:x y",
        "system admin:evil",
        "",
    ],
)
def test_an_object_is_of_a_kind_and_in_a_place_that_ours_can_be(identity: str) -> None:
    request, observed = observation.build_request(RESOURCES), deployed(RESOURCES)
    observed["manifest"]["objects"].append({"id": identity, "restores": False, "data": False})
    with pytest.raises(InvalidAnswer, match=r"manifest\.objects\[\.\.\.\]\.id must be"):
        read_look(request, observed)


@pytest.mark.parametrize(
    "value", ["create", "x" * 42, "x" * 44, "", "x" * 42 + " ", "x" * 42 + "/"]
)
def test_only_what_has_the_form_of_a_secret_is_taken_for_one(value: str) -> None:
    request, observed = observation.build_request(RESOURCES), deployed(RESOURCES)
    observed["tokens"]["verify"] = value
    with pytest.raises(InvalidAnswer, match="tokens"):
        read_look(request, observed)


def test_an_answer_that_is_too_large_is_refused_before_it_is_read() -> None:
    raw = b'{"ok": true, "changed": true}' + b" " * answers.get_limit("rotate")
    with pytest.raises(InvalidAnswer, match="at most"):
        answers.read(Rotate("", ()), raw)


def test_an_object_with_very_many_keys_is_refused_as_one() -> None:
    paths = {f"/{number}": 1 for number in range(answers.MOST_KEYS + 1)}
    with pytest.raises(InvalidAnswer, match="one line of JSON"):
        read_answer("observe", {"paths": paths})


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1.5"])
@pytest.mark.parametrize("do", sorted(entry.DO))
def test_an_answer_with_very_many_values_is_refused_before_it_is_decoded(
    do: str, value: bytes
) -> None:
    raw = b'{"ok": true, "facts": [' + b",".join([value] * answers.MOST_VALUES) + b"]}"
    with pytest.raises(InvalidAnswer, match=f"at most {answers.MOST_VALUES} values"):
        answers.read(build_request(do), raw)


@pytest.mark.parametrize(
    "text",
    [
        b'{"ok": true, "bans": [%s], "allowances": []}',
        b'{"ok":true,"bans":[%s],"allowances":[]}',
        b'{"bans": [%s], "allowances": [], "ok": true}',
    ],
)
def test_an_answer_is_the_same_however_its_text_is_laid_out(text: bytes) -> None:
    read_bans = answers.read(
        build_request("bans", jails=["banstitch-x"]), text % json.dumps(BAN).encode()
    )
    assert to_json(read_bans)["bans"] == [BAN]


@pytest.mark.parametrize("text", [b'{"ok": true, "ok": true}', b'{"ok": true, "bans": [], "x": 1}'])
def test_a_text_that_begins_as_the_agents_is_checked_like_any_other(text: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        answers.read(build_request("bans", jails=[]), text)


def test_what_somebody_typed_does_not_count_as_values() -> None:
    typed = '[{,"\\' * 1500
    entries = [{"at": 1.5, "event": typed} for _ in range(200)]
    found = read_answer("history", {"history": entries, "left_out": False}, last=200)
    assert found["history"][0]["event"] == typed


def test_more_bans_than_a_feed_holds_are_read() -> None:
    bans = [{**BAN, "since": 1_800_000_000.5 + number} for number in range(140_000)]
    answer = {"bans": bans, "allowances": []}
    assert len(read_answer("bans", answer, jails=["banstitch-x"])["bans"]) == len(bans)


@given(st.sampled_from(sorted(entry.DO)), st.binary(max_size=60))
def test_any_bytes_give_an_answer_or_our_own_error(do: str, raw: bytes) -> None:
    with pytest.raises(Failed):
        answers.read(build_request(do), b'{"ok": true, "x": ' + raw)


@pytest.mark.parametrize(
    "event",
    [
        "1700000000.5 fw1 sslvpn_login_failed failure 192.0.2.7 - -\n",
        "1700000000.5 fw1 sslvpn_login_failed failure 192.0.2.7 \x1b[2J -",
        "170000000000.5 fw1 sslvpn_login_failed failure 192.0.2.7 - -",
        "1700000000.5 sslvpn_login_failed 192.0.2.7",
        f"1700000000.5 fw1 sslvpn_login_failed failure 192.0.2.7 {'61' * 129} -",
    ],
)
def test_evidence_that_is_no_event_is_refused(event: str) -> None:
    answer = {"events": [event], "left_out": False}
    assert "events[...] must be" in get_refusal("evidence", answer)
