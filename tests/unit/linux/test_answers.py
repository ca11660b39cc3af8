"""What a ban host may answer: what the agent answers, and nothing else; an error quotes nothing of it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from banstitch_shared import ban_file
from hypothesis import given
from hypothesis import strategies as st

import roles.detection.role
from provision.desired import collect
from provision.errors import Failed
from provision.linux import answers, observation
from provision.linux.agent import audit, entry, memory, observe, rotation, spool
from provision.linux.agent.host import HostError
from provision.linux.agent.journal import Journal
from provision.linux.agent.protocol.answers import ANSWERS, Rotated
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.requests import Rotate
from provision.linux.agent.protocol.wire import dump, to_json
from provision.linux.answers import InvalidAnswer
from roles.detection.catalogue import CATALOGUE
from tests.e2e.fake_ban_host import deployed, leave_out
from tests.plays import PLAYS
from tests.unit.agent.agent_model import remember_in
from tests.unit.roles.sample_site import sample_site

SECRET = "Aa0" * 14 + "x"
BAN = {
    "address": "192.0.2.7",
    "jail": "banstitch-x",
    "until": -1,
    "since": 1_800_000_000.5,
    "failures": 3,
    "count": 1,
    "why": "by hand",
}


def asked(do: str, **fields: Any) -> Any:
    """A request of which only ``fields`` matter."""
    return SimpleNamespace(do=do, **fields)


def read(do: str, answer: Any, **request: Any) -> Any:
    text = json.dumps({"ok": True, **answer})
    return to_json(answers.read(asked(do, **request), text.encode()))


def look(request: Request[Any], answer: dict[str, Any]) -> Any:
    return to_json(answers.read(request, json.dumps({"ok": True, **answer}).encode()))


def refusal(do: str, answer: Any, **request: Any) -> str:
    with pytest.raises(InvalidAnswer) as error:
        read(do, answer, **request)
    return error.value.message


# --- what the agent answers -----------------------------------------------------------------------


@pytest.mark.parametrize("do", entry.DO)
def test_each_request_that_the_agent_knows_has_a_form_of_its_answer(do: str) -> None:
    assert do in ANSWERS
    assert entry.find_form(entry.find_function(do)).do == do


def test_a_host_with_everything_that_roles_can_ask_for_is_understood() -> None:
    enabled = tuple(CATALOGUE)
    site = sample_site(
        {
            "detection": roles.detection.role.Settings(
                detection_enabled=enabled, detection_settings={}
            )
        }
    )
    resources = collect.render_resources(site, PLAYS)
    request = observation.build_request(resources)
    assert len(request.jails) > len(enabled) > 1
    observed = deployed(resources)
    assert look(request, observed) == observed


def test_what_the_agent_sees_on_this_machine_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = remember_in(tmp_path / "state", monkeypatch)
    state.mkdir()
    journal = Journal(memory.new())
    journal.own(ResourceId("file", "/etc/banstitch/tokens.json"), None)
    journal.own(ResourceId("user", "banstitch"), {"theirs": True})
    journal.manifest.services["fail2ban.service"] = memory.ServiceMemory({}, [])
    journal.manifest.fortigates["fw1"] = {"whatever": ["a record"]}
    memory.save(journal.manifest)
    request = observation.build_request(collect.render_resources(sample_site(), PLAYS))
    found = observe.observe_host(request)
    assert answers.read(request, dump({"ok": True, **vars(found)}).encode()) == found


def test_live_bans_are_counted_for_our_jails_only(tmp_path: Path) -> None:
    for name in ("banstitch-a", "of somebody else"):
        (tmp_path / f"{name}.bans").write_text(f"{ban_file.HEAD}\nend 0\n")
    assert spool.count_live_bans([str(tmp_path)]) == {"banstitch-a": 0}


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
            max_leaves=5,
        )
        | st.just({"at": 1, "why": "x" * 20_000, "events": ["y"] * 1200})
        | st.just({"at": 1, "why": {"at": 1}})
        | st.just({"at": 1, "Count": 1}),
        max_size=5,
    )
)
def test_a_poisoned_line_of_the_audit_does_not_hide_the_others(poison: list[Any]) -> None:
    lines = [*(json.dumps(each).encode() for each in poison), b'{"at": 7, "what": "ban"}']
    found = [each for line in lines for each in audit.parse_entries(line)]
    answer = {"history": found, "left_out": False}
    assert read("history", answer, last=10)["history"][-1] == {"at": 7, "what": "ban"}


def answered(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    entry.main(dump(Rotate("", ())).encode(), "a-mark")
    return capfdbinary.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    "error",
    [
        HostError("a name that is no UTF-8: \udcff"),
        HostError("first\n" + "x" * 100_000 + "\nlast"),
        OSError("\udc80"),
        RuntimeError("\udc80" * 50_000),
    ],
    ids=["HostError", "long", "OSError", "RuntimeError"],
)
def test_whatever_the_agent_fails_with_is_an_answer_that_can_be_read(
    error: Exception, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: Rotate) -> Rotated:
        raise error

    monkeypatch.setattr(rotation, "begin", fail)
    raw = answered(capfdbinary, monkeypatch)
    with pytest.raises(Failed) as failed:
        answers.read(Rotate("", ()), raw)
    assert not isinstance(failed.value, InvalidAnswer)
    if "first" in str(error):
        assert failed.value.message.startswith("first\n")
        assert failed.value.message.endswith("\nlast")


# --- what nobody may answer --------------------------------------------------------------------------


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
    what = refusal("bans", {"bans": [{**BAN, **change}], "allowances": []}, jails=["banstitch-x"])
    assert what.startswith(f"the answer of this ban host is refused: {field} must ")
    assert SECRET not in what


def test_bans_of_a_jail_that_nobody_asked_for_are_refused() -> None:
    answer = {"bans": [BAN], "allowances": []}
    assert "that were asked for" in refusal("bans", answer, jails=["banstitch-y"])


def test_more_history_than_was_asked_for_is_refused() -> None:
    answer = {"history": [{"at": 1}, {"at": 2}], "left_out": False}
    assert "at most 1" in refusal("history", answer, last=1)
    assert "the time" in refusal("history", {"history": [{}], "left_out": False}, last=1)


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
            look(request, spoilt)


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
        look(request, {**short, "as_desired": [path]})


def test_what_is_not_ours_is_answered_for_directories_of_ours_only() -> None:
    request, observed = observation.build_request(RESOURCES), deployed(RESOURCES)
    found = {"names": ["notes.txt", "\x1b[2J"], "more": False}
    for path in ("/var/log/banstitch", "/var/lib/banstitch"):
        good = {**observed, "foreign": {path: found}}
        look(request, good)
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
        look(request, observed)


@pytest.mark.parametrize(
    "value", ["create", "x" * 42, "x" * 44, "", "x" * 42 + " ", "x" * 42 + "/"]
)
def test_only_what_has_the_form_of_a_secret_is_taken_for_one(value: str) -> None:
    request, observed = observation.build_request(RESOURCES), deployed(RESOURCES)
    observed["tokens"]["verify"] = value
    with pytest.raises(InvalidAnswer, match="tokens"):
        look(request, observed)


def test_an_answer_that_is_too_large_is_refused_before_it_is_read() -> None:
    raw = b'{"ok": true, "changed": true}' + b" " * answers.largest("rotate")
    with pytest.raises(InvalidAnswer, match="at most"):
        answers.read(Rotate("", ()), raw)


def test_an_object_with_very_many_keys_is_refused_as_one() -> None:
    paths = {f"/{number}": 1 for number in range(answers.MOST_KEYS + 1)}
    with pytest.raises(InvalidAnswer, match="one line of JSON"):
        read("observe", {"paths": paths})


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1.5"])
@pytest.mark.parametrize("do", sorted(entry.DO))
def test_an_answer_with_very_many_values_is_refused_before_it_is_decoded(
    do: str, value: bytes
) -> None:
    raw = b'{"ok": true, "facts": [' + b",".join([value] * answers.MOST_VALUES) + b"]}"
    with pytest.raises(InvalidAnswer, match=f"at most {answers.MOST_VALUES} values"):
        answers.read(asked(do), raw)


@pytest.mark.parametrize(
    "text",
    [
        b'{"ok": true, "bans": [%s], "allowances": []}',
        b'{"ok":true,"bans":[%s],"allowances":[]}',
        b'{"bans": [%s], "allowances": [], "ok": true}',
    ],
)
def test_an_answer_is_the_same_however_its_text_is_laid_out(text: bytes) -> None:
    read_bans = answers.read(asked("bans", jails=["banstitch-x"]), text % json.dumps(BAN).encode())
    assert to_json(read_bans)["bans"] == [BAN]


@pytest.mark.parametrize("text", [b'{"ok": true, "ok": true}', b'{"ok": true, "bans": [], "x": 1}'])
def test_a_text_that_begins_as_the_agents_is_checked_like_any_other(text: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        answers.read(asked("bans", jails=[]), text)


def test_what_somebody_typed_does_not_count_as_values() -> None:
    typed = '[{,"\\' * 1500
    entries = [{"at": 1.5, "event": typed} for _ in range(200)]
    found = read("history", {"history": entries, "left_out": False}, last=200)
    assert found["history"][0]["event"] == typed


def test_more_bans_than_a_feed_holds_are_read() -> None:
    bans = [{**BAN, "since": 1_800_000_000.5 + number} for number in range(140_000)]
    answer = {"bans": bans, "allowances": []}
    assert len(read("bans", answer, jails=["banstitch-x"])["bans"]) == len(bans)


@given(st.sampled_from(sorted(entry.DO)), st.binary(max_size=60))
def test_any_bytes_give_an_answer_or_our_own_error(do: str, raw: bytes) -> None:
    with pytest.raises(Failed):
        answers.read(asked(do), b'{"ok": true, "x": ' + raw)


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
    assert "events[...] must be" in refusal("evidence", answer)
