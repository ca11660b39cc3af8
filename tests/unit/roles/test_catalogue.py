"""Every sample line of roles/detection/detections.yml gives the address it names, and nothing else does.

The tests are made from that file: a detection without samples, or two that want the same event, fail here.
"""

from __future__ import annotations

import importlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from provision.errors import InputError
from roles.detection.catalogue import CATALOGUE, Detection, Match, read_catalogue
from roles.detection.role import Enabled
from roles.receiver.events import describe_detection
from roles.webhook import BODY
from tests.simulator.webhook import expand
from tests.unit.receiver.hostile_lines import DETECTIONS
from tests.unit.receiver.receiver_app import config, digests, module

MATCHES = [(d.name, m) for d in CATALOGUE.values() for m in d.matches]
IGNORES = [(d.name, line) for d in CATALOGUE.values() for line in d.ignores]


def client_of(folder: Path, detection: Detection) -> Any:
    (folder / "digests.json").write_text(json.dumps(digests({"webhook:fw1": "secret"})))
    for log in ("events.log", "evidence.log", "rejected.log"):
        (folder / log).touch()
    one = describe_detection(Enabled(detection, 1, 1, 1), ["127.0.0.0/8"], [])
    made = config(folder, detections=[one], allow=None, ipv6_prefix=128)
    return module("app").create_app(made).test_client()


def addresses_taken(client: Any, line: str) -> list[str]:
    headers = {"X-Banstitch-Token": "secret"}
    answer = client.post("/receive-logs", data=line.encode(), headers=headers)
    assert answer.status_code in (200, 400)
    return [e["address"] for e in answer.json.get("events", ()) if e["outcome"] == "taken"]


def entries(folder: Path) -> list[Any]:
    """Return what stands in the event log."""
    read_line = importlib.import_module("banstitch_shared.eventlog").read_line
    return [read_line(line) for line in (folder / "events.log").read_text("ascii").splitlines()]


@pytest.mark.parametrize(("name", "match"), MATCHES)
def test_a_sample_that_must_match_gives_its_address(
    tmp_path: Path, name: str, match: Match
) -> None:
    client = client_of(tmp_path, CATALOGUE[name])
    assert addresses_taken(client, match.line) == [match.address]
    whole_body_escaped = json.dumps(match.line, ensure_ascii=False).replace("\\n", "\n")
    assert addresses_taken(client, whole_body_escaped) == [match.address]
    assert [entry.kind for entry in entries(tmp_path)] == [match.kind] * 2
    if match.user is not None:
        assert {entry.user for entry in entries(tmp_path)} == {match.user}


@pytest.mark.parametrize(("name", "line"), IGNORES)
def test_a_sample_that_must_not_match_bans_nobody(tmp_path: Path, name: str, line: str) -> None:
    assert addresses_taken(client_of(tmp_path, CATALOGUE[name]), line) == []


@pytest.mark.parametrize("detection", CATALOGUE.values(), ids=lambda d: d.name)
def test_every_detection_has_samples_of_both_kinds(detection: Detection) -> None:
    assert detection.matches
    assert detection.ignores


@pytest.mark.parametrize("detection", CATALOGUE.values(), ids=lambda d: d.name)
def test_every_log_id_of_a_detection_has_a_sample(detection: Detection) -> None:
    kinds = {
        "failure": detection.log_ids,
        "success": detection.success_ids,
        "lockout": detection.lockout_ids,
    }
    for kind, log_ids in kinds.items():
        lines = [match.line for match in detection.matches if match.kind == kind]
        for log_id in log_ids:
            assert any(f"{log_id}" in line for line in lines), (kind, log_id)


def test_each_sample_is_taken_by_its_own_detection_where_all_are_on(tmp_path: Path) -> None:
    """Two detections may want the same log id. Their conditions tell their events apart."""
    judge, read_event = module("verdicts").judge, module("lines").read_event
    for name, match in MATCHES:
        verdict = judge(read_event(match.line), DETECTIONS, (), True, 128)
        assert verdict.detection == name or is_unreadable(match), match.line
    for name, line in IGNORES:
        with suppress(module("lines").Malformed):
            assert judge(read_event(line), DETECTIONS, (), True, 128).detection != name, line


def test_a_sample_gives_the_same_behind_the_header_line_that_fortigates_post() -> None:
    judge, read_event = module("verdicts").judge, module("lines").read_event
    for name, match in MATCHES:
        if match.user is None:
            continue
        for absent in ("literal", "empty"):
            body = expand(BODY, match.line, "", False, absent)
            assert body.startswith("banstitch logid=0")
            assert body.endswith(match.line)
            verdict = judge(read_event(body), DETECTIONS, (), True, 128)
            told = (verdict.detection, verdict.kind, verdict.address, verdict.user)
            assert told == (name, match.kind, match.address, match.user), body


def is_unreadable(match: Match) -> bool:
    """Return whether another detection may have taken the event, since nothing removes it."""
    return match.address == "9.8.7.7"


@pytest.mark.parametrize(
    "text",
    [
        "x: {}",
        "Bad-Name: {description: x}",
        "x:\n  description: x\n  unknown: 1",
        "x: 3",
        "x:",
        "- x",
        "",
    ],
)
def test_a_broken_block_of_detections_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "detections.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"detections\.yml"):
        read_catalogue(path)
