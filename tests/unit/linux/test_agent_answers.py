"""Answers of the agent are understood, whatever it found and whatever it failed with."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
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
from provision.linux.agent.protocol.requests import Rotate
from provision.linux.agent.protocol.wire import dump
from provision.linux.answers import InvalidAnswer
from roles.detection.catalogue import CATALOGUE
from tests.e2e.fake_ban_host import deployed
from tests.plays import PLAYS
from tests.unit.agent.agent_model import remember_in
from tests.unit.linux.reading import read_answer, read_look
from tests.unit.roles.sample_site import sample_site


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
    assert read_look(request, observed) == observed


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
    assert read_answer("history", answer, last=10)["history"][-1] == {"at": 7, "what": "ban"}


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
