"""Every sample line of roles/detection/detections.yml gives the address it names, and nothing else does.

The tests are made from that file: a detection without samples, or two that want the same event, fail here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roles.detection.catalogue import CATALOGUE, Detection
from tests.unit.receiver.receiver_app import config, digests, module

MATCHES = [(d.name, m.line, m.address) for d in CATALOGUE.values() for m in d.matches]
IGNORES = [(d.name, line) for d in CATALOGUE.values() for line in d.ignores]


def client_of(folder: Path, detection: Detection) -> Any:
    (folder / "digests.json").write_text(json.dumps(digests({"webhook:fw1": "secret"})))
    for log in ("events.log", "evidence.log", "rejected.log"):
        (folder / log).touch()
    one = {
        "name": detection.name,
        "jail": detection.name,
        "log_ids": list(detection.log_ids),
        "address_field": detection.address_field,
        "address_inside": detection.address_inside or "",
        "where": {name: list(values) for name, values in detection.where.items()},
        "ignore": [],
    }
    made = config(folder, detections=[one], allow=None, ipv6_prefix=128)
    return module("app").create_app(made).test_client()


def addresses_taken(client: Any, line: str) -> list[str]:
    headers = {"X-Banstitch-Token": "secret"}
    answer = client.post("/receive-logs", data=line.encode(), headers=headers)
    assert answer.status_code in (200, 400)
    return [e["address"] for e in answer.json.get("events", ()) if e["outcome"] == "taken"]


@pytest.mark.parametrize(("name", "line", "address"), MATCHES)
def test_a_sample_that_must_match_gives_its_address(
    tmp_path: Path, name: str, line: str, address: str
) -> None:
    client = client_of(tmp_path, CATALOGUE[name])
    assert addresses_taken(client, line) == [address]
    whole_body_escaped = json.dumps(line, ensure_ascii=False).replace("\\n", "\n")
    assert addresses_taken(client, whole_body_escaped) == [address]


@pytest.mark.parametrize(("name", "line"), IGNORES)
def test_a_sample_that_must_not_match_bans_nobody(tmp_path: Path, name: str, line: str) -> None:
    assert addresses_taken(client_of(tmp_path, CATALOGUE[name]), line) == []


@pytest.mark.parametrize("detection", CATALOGUE.values(), ids=lambda d: d.name)
def test_every_detection_has_samples_of_both_kinds(detection: Detection) -> None:
    assert detection.matches
    assert detection.ignores


@pytest.mark.parametrize("detection", CATALOGUE.values(), ids=lambda d: d.name)
def test_every_log_id_of_a_detection_has_a_sample(detection: Detection) -> None:
    for log_id in detection.log_ids:
        assert any(f"{log_id}" in match.line for match in detection.matches)


def test_no_two_detections_want_the_same_log_id() -> None:
    wanted = [log_id for d in CATALOGUE.values() for log_id in d.log_ids]
    assert len(wanted) == len(set(wanted))
