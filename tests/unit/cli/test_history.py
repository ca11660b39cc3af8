"""`bans --history`: as far back as it is asked, bounded, and harmless whatever attackers typed."""

from __future__ import annotations

import io
import json
import os
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared import audit_file
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from provision.cli.report import bans
from provision.cli.report.console import Report
from provision.linux.agent import audit as host_audit
from provision.linux.agent.host import HostError
from provision.linux.agent.protocol.requests import ReadHistory
from provision.linux.agent.protocol.wire import to_json
from provision.masking import Secrets
from provision.results import SiteResult, TargetResult


def entry(number: int, **more: Any) -> dict[str, Any]:
    return {"at": 1700000000.5 + number, "what": "ban", "address": f"203.0.113.{number}", **more}


def rotated(folder: Path, files: int, entries: int) -> str:
    """An audit of ``files`` files with so many entries each, numbered from the oldest on."""
    audit = folder / "audit.log"
    for age in range(files):
        path = Path(f"{audit}.{age}") if age else audit
        first = (files - 1 - age) * entries
        lines = [json.dumps(entry(n)) + "\n" for n in range(first, first + entries)]
        path.write_text("".join(lines))
    return str(audit)


def asked(audit: str, last: int) -> tuple[list[int], bool]:
    """The numbers of the entries that are answered, and whether any are left out."""
    answer = host_audit.list_history(ReadHistory(audit, last))
    return [int(e["at"] - 1700000000) for e in to_json(answer.history)], answer.left_out


@pytest.mark.parametrize("last", [1, 5, 6, 14, 50, 1000])
def test_it_goes_as_many_rotated_files_back_as_it_takes(tmp_path: Path, last: int) -> None:
    audit = rotated(tmp_path, files=10, entries=5)
    assert asked(audit, last) == (list(range(max(0, 50 - last), 50)), False)


def test_an_audit_that_was_just_rotated_hides_nothing(tmp_path: Path) -> None:
    audit = rotated(tmp_path, files=3, entries=5)
    Path(audit).unlink()
    assert asked(audit, 7) == ([3, 4, 5, 6, 7, 8, 9], False)
    assert asked(str(tmp_path / "none"), 7) == ([], False)


def test_a_file_that_is_rotated_while_it_is_read_counts_once(tmp_path: Path) -> None:
    audit = rotated(tmp_path, files=2, entries=3)
    lines = audit_file.read_newest_first(audit)
    first = [next(lines) for _ in range(3)]
    Path(f"{audit}.1").rename(f"{audit}.2")
    Path(audit).rename(f"{audit}.1")
    assert [json.loads(line)["at"] - 1700000000.5 for line in [*first, *lines]] == [
        5,
        4,
        3,
        2,
        1,
        0,
    ]


@given(
    st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), max_size=9),
    st.integers(1, 40),
)
def test_the_last_line_comes_first_however_much_is_read_at_once(
    lines: list[bytes], block: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_file, "BLOCK", block)
        audit = Path(folder) / "audit.log"
        audit.write_bytes(b"".join(line + b"\n" for line in lines))
        assert list(audit_file.read_newest_first(str(audit))) == [
            each for each in lines[::-1] if each
        ]


def test_of_a_long_audit_no_more_is_read_than_is_asked_for(tmp_path: Path) -> None:
    audit = tmp_path / "audit.log"
    with audit.open("wb") as file:
        file.truncate(20_000_000)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe last\n")
    tracemalloc.start()
    try:
        assert next(audit_file.read_newest_first(str(audit))) == b"the last"
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_an_answer_is_bounded_and_says_that_older_ones_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = rotated(tmp_path, files=3, entries=5)
    monkeypatch.setattr(host_audit, "MOST_HISTORY", 4 * len(json.dumps(entry(10)) + "\n"))
    assert asked(audit, 3) == ([12, 13, 14], False)
    assert asked(audit, 4) == ([11, 12, 13, 14], False)
    numbers, left_out = asked(audit, 1000)
    assert left_out
    assert numbers == [11, 12, 13, 14][-len(numbers) :]


def test_lines_that_are_no_entries_are_passed_over(tmp_path: Path) -> None:
    audit = tmp_path / "audit.log"
    broken = ['{"at": 17000', "[1]", "null", '{"at": "x"}', "[" * 5000, "\x00\xff", "{}"]
    audit.write_text("\n".join([*broken, json.dumps(entry(1)), *broken]))
    assert asked(str(audit), 100) == ([1], False)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_the_receiver_s_user_put_in_place_of_the_audit_is_not_read(
    tmp_path: Path, kind: str
) -> None:
    audit, theirs = tmp_path / "audit.log", tmp_path / "theirs"
    theirs.write_text(json.dumps(entry(1)))
    audit.symlink_to(theirs) if kind == "link" else os.mkfifo(audit)
    with pytest.raises((HostError, OSError)):
        host_audit.list_history(ReadHistory(str(audit), 5))


# --- how it is shown --------------------------------------------------------------------------


def site(*entries: dict[str, Any]) -> list[SiteResult]:
    target = TargetResult("bh1", "linux", "ok", details={"history": list(entries)})
    return [SiteResult("s", (target,))]


def shown(found: list[SiteResult], stream: io.StringIO) -> list[str]:
    report = Report(Secrets(), stream, live=False, verbose=0)
    report.print_table(bans.HISTORY_HEADS, bans.build_history_rows(found), bans.list_events(found))
    return stream.getvalue().splitlines()


def test_a_ban_is_shown_with_the_firewall_that_saw_it_and_its_log_line_below() -> None:
    ban = entry(
        1, jail="banstitch-x", fortigate="fw1", event='logid="1" user="bob"', why="3 events"
    )
    unban = entry(2, what="unban", jail="banstitch-x", fortigate=None, event=None, by="root@pc")
    _, row, event, last = shown(site(ban, unban), io.StringIO())
    assert row.split() == [
        "s",
        "2023-11-14",
        "22:13:21Z",
        "ban",
        "203.0.113.1",
        "x",
        "fw1",
        "3",
        "events",
    ]
    assert event == '    logid="1" user="bob"'
    assert last.split() == ["s", "2023-11-14", "22:13:22Z", "unban", "203.0.113.2", "x", "root@pc"]


@pytest.mark.parametrize(
    ("jail", "told"),
    [
        ("banstitch-sslvpn_login_failed", "sslvpn_login_failed"),
        ("banstitch-sslvpn_login_failed-unknown_user", "sslvpn_login_failed/unknown_user"),
        ("sshd", "sshd"),
        ("my-own", "my-own"),
    ],
)
def test_each_entry_is_shown_with_the_detection_and_the_rule_of_its_jail(
    jail: str, told: str
) -> None:
    (row,) = bans.build_history_rows(site(entry(1, jail=jail)))
    assert dict(zip(bans.HISTORY_HEADS, row, strict=True))["detection"] == told


def test_a_cut_event_says_so() -> None:
    assert bans.list_events(site(entry(1, event="user=", cut=5000))) == [
        "user= ... (5000 characters)"
    ]


@given(st.text(max_size=200), st.sampled_from(["event", "fortigate", "why", "by", "what"]))
def test_whatever_was_typed_stays_on_its_line_and_steers_no_terminal(text: str, key: str) -> None:
    stream = io.StringIO()
    lines = shown(site(entry(1, **{key: text}), entry(2, what="end")), stream)
    assert len(lines) == (4 if key == "event" and text else 3)
    assert all(line.isprintable() for line in lines)
    assert stream.getvalue().count("\n") == len(lines)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1)))
@example(["a" * 60, "\N{EMOJI MODIFIER FITZPATRICK TYPE-4}"])
def test_on_a_terminal_a_long_event_is_wrapped_and_none_of_it_is_lost(words: list[str]) -> None:
    event = " ".join(["date=2026-11-22", *words, 'remip="203.0.113.1" user="' + "東" * 100 + '"'])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        patch.setenv("TERM", "dumb")
        lines = shown(site(entry(1, event=event), entry(2, what="end")), Terminal())
    wrapped = [line for line in lines[1:] if line.startswith("    ")]
    told = "".join(line[4:] for line in wrapped)
    assert "".join(bans.format_one_line(event).split()) in "".join(told.split())
    assert all(cell_len(line) <= 80 for line in wrapped)
    assert any('remip="203.0.113.1"' in line for line in wrapped)


def test_where_there_is_no_terminal_an_event_is_one_line_for_who_greps_it() -> None:
    event = 'user="' + "東" * 300
    assert len(shown(site(entry(1, event=event)), io.StringIO())[2]) == len(event) + 4
