"""`alarms` and `status --stale`: what they print of the answers of ban hosts."""

from __future__ import annotations

import time
from typing import Any

from provision.cli.report import notes
from provision.results import Exit, SiteResult, TargetResult, exit_code

NOW = time.time()


def site(**details: Any) -> SiteResult:
    return SiteResult("ban1", (TargetResult("ban1", "linux", "ok", details=details),))


def polls(**at: float) -> str:
    return "".join(
        f'banstitch_last_poll_seconds{{fortigate="{name}"}} {moment:.0f}\n'
        for name, moment in at.items()
    )


def test_each_alarm_is_a_row() -> None:
    alarm = {"key": "rules", "severity": "critical", "since": 0.0, "text": "down"}
    (row,) = notes.build_alarm_rows([site(alarms=[alarm])])
    assert (row[0], row[1], row[3]) == ("ban1", "critical", "down")


def test_channels_that_fail_are_lines_and_a_test_has_a_line_for_each() -> None:
    results = [site(channels={"mail": "", "chat": "refused"})]
    assert notes.list_channels(results, tested=False) == ["ban1: chat fails: refused"]
    results = [site(channels={"mail": "ok: sent", "chat": "failed: refused"})]
    assert notes.list_channels(results, tested=True) == [
        "ban1: mail: ok: sent",
        "ban1: chat: failed: refused",
    ]
    assert exit_code(map(notes.mark_failed_channels, results)) == Exit.FAILED
    assert exit_code([notes.mark_failed_channels(site(channels={"mail": "ok: x"}))]) == Exit.OK


def test_status_names_alarms_that_no_other_note_is_about() -> None:
    active = [
        {"key": "attacked:x", "severity": "warning", "since": 0.0, "text": "attacked"},
        {"key": "posts:fw1", "severity": "warning", "since": 0.0, "text": "silent"},
        {"key": "rules", "severity": "critical", "since": 0.0, "text": "down"},
    ]
    assert notes.list_alarm_notes({"active": active}) == ["2 alarms (see `alarms`): down; silent"]
    assert notes.list_alarm_notes({"active": active[:1]}) == []


def test_a_fortigate_that_has_not_polled_is_stale() -> None:
    metrics = polls(fw1=NOW - 7300, fw2=NOW - 60, fw3=0)
    found = notes.add_stale(site(metrics=metrics), ["fw1", "fw2", "fw3"], 3600, NOW)
    errors = {target.host: target.error for target in found.targets}
    assert errors == {
        "ban1": "",
        "fw1": "has not polled for 2 h 1 min",
        "fw2": "",
        "fw3": "has not polled yet, as far as its ban host knows",
    }
    assert exit_code([found]) == Exit.FAILED
    well = notes.add_stale(site(metrics=metrics), ["fw2"], 3600, NOW)
    assert exit_code([well]) == Exit.OK


def test_without_an_answer_of_the_receiver_all_are_stale() -> None:
    found = notes.add_stale(site(metrics=""), ["fw1"], 3600, NOW)
    assert exit_code([found]) == Exit.FAILED


def test_an_error_of_the_ban_host_stays_its_own() -> None:
    down = SiteResult("ban1", (TargetResult("ban1", "linux", "unreachable", error="no route"),))
    assert notes.add_stale(down, ["fw1"], 3600, NOW) == down
