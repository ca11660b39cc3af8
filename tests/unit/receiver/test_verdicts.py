"""What becomes of one event: which detection takes it, of whom, and what is said of those left out."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.receiver.receiver_app import DETECTION, Receiver, module

EVENT = 'logid="%s" remip="%s" reason="%s" user="x"'
ATTACKER = "45.1.2.3"


def outcome(receiver: Receiver, log_id: str, address: str, reason: str = "") -> tuple[int, Any]:
    """Status of a post, and what came of its event."""
    answer = receiver.post(EVENT % (log_id, address, reason))
    (event,) = answer.json.get("events", [None])
    return answer.status_code, event


@pytest.mark.parametrize("address", ["", "N/A", "(null)"])
def test_an_event_that_names_no_address_is_ignored_and_not_called_unreadable(
    tmp_path: Path, address: str
) -> None:
    ignored = {"outcome": "ignored", "reason": "the event names no address"}
    assert outcome(Receiver(tmp_path), "0101039426", address) == (200, ignored)


@pytest.mark.parametrize(
    "log_id", ["0101039426x", "0101039426 ", "99990101039426", "039426\u0661", "-39426", "39426.0"]
)
def test_what_only_begins_or_ends_like_a_log_id_is_refused(tmp_path: Path, log_id: str) -> None:
    assert outcome(Receiver(tmp_path), log_id, ATTACKER) == (400, None)


@pytest.mark.parametrize("log_id", ["39426", "0101039426"])
def test_a_log_id_is_known_by_its_last_six_digits(tmp_path: Path, log_id: str) -> None:
    assert outcome(Receiver(tmp_path), log_id, ATTACKER)[1]["address"] == ATTACKER


@pytest.mark.parametrize("pattern", ["*[sS]hared*[mM]ismatch*", "*shared*MISMATCH*"])
@pytest.mark.parametrize("said", ["Pre-Shared key Mismatch", "pre-SHARED key mismatch"])
def test_upper_and_lower_case_make_no_difference_to_a_condition(
    tmp_path: Path, pattern: str, said: str
) -> None:
    receiver = Receiver(tmp_path, detections=[DETECTION | {"where": {"reason": [pattern]}}])
    assert outcome(receiver, "0101039426", ATTACKER, said)[1]["outcome"] == "taken"
    unmet = {"outcome": "ignored", "reason": "its reason is not one that counts"}
    assert outcome(receiver, "0101039426", ATTACKER, "proposal") == (200, unmet)


def test_a_python_that_takes_leading_zeros_for_decimal_does_not_make_us_ban_a_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian 11 has such a one; elsewhere 010 is 8."""
    real, verdicts = ipaddress.ip_address, module("sources")
    lenient = {"010.8.8.8": "10.8.8.8", "45.01.2.3": ATTACKER}
    receiver = Receiver(tmp_path)
    monkeypatch.setattr(verdicts.ipaddress, "ip_address", lambda t: real(lenient.get(str(t)) or t))
    for address in lenient:
        assert outcome(receiver, "0101039426", address) == (400, None)
    assert outcome(receiver, "0101039426", ATTACKER)[1]["outcome"] == "taken"


@pytest.mark.parametrize("ui", ["." * 60000 + "x", "0" * 60000, ":" * 60000, "1." * 30000])
def test_a_field_that_only_looks_like_an_address_is_refused_at_once(
    tmp_path: Path, ui: str
) -> None:
    receiver = Receiver(tmp_path, detections=[DETECTION | {"address_inside": "ui"}])
    answer = receiver.post(f"banstitch logid=39426 devid=F remip= srcip= ui={ui} status= reason=\n")
    assert answer.json["events"][0]["reason"] == "the event names no address"
