"""Log lines, in each form in which operators have them."""

from __future__ import annotations

import gzip
import sys
import time
from pathlib import Path

import pytest

from provision.errors import InputError
from provision.replay.logs import LogFiles, NotALogLine, assign_lines, read_log_line

LINE = (
    'date=2024-10-14 time=13:46:40 devname="fw1" devid="FG1" eventtime=1728938800841267391 tz="-0700"'
    ' logid="0101039426" type="event" remip=203.0.113.9 user="alice" msg="failed"'
)
AT = 1728938800.841267391


@pytest.mark.parametrize(
    "before",
    [
        "",
        "<185>",
        "1: ",
        "Oct 14 13:46:40 fw1 ",
        "<185>1 2024-10-14T13:46:40Z fw1.example - - - - ",
        '<185>1 2024-10-14T13:46:40Z fw1 - - - [meta sequenceId="7"][origin ip="192.0.2.1"] ',
    ],
)
def test_what_a_syslog_server_or_the_cli_puts_before_a_line_is_left_out(before: str) -> None:
    line = read_log_line(before + LINE)
    assert line.text == LINE
    assert line.at == pytest.approx(AT)
    assert line.fortigate == "fw1"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("date=2024-10-14 time=13:46:40 eventtime=1728938800 logid=1", 1728938800),
        ("date=2024-10-14 time=13:46:40 eventtime=1728938800841 logid=1", 1728938800.841),
        ('date=2024-10-14 time=13:46:40 tz="-0700" logid=1', 1728938800),
        ("date=2024-10-14 time=20:46:40 logid=1", 1728938800),
        ('date=2024-10-15 time=02:16:40 tz="+0530" logid=1', 1728938800),
        ('date=2024-10-14 time=23:59:59 tz="-0700" logid=1', 1728975599),
        ('{"at": 12.5, "line": "logid=1 remip=203.0.113.9"}', 12.5),
    ],
)
def test_the_time_of_a_line(text: str, at: float) -> None:
    assert read_log_line(text).at == pytest.approx(at)


def test_a_long_line_that_is_no_log_line_takes_no_time() -> None:
    began = time.process_time()
    with pytest.raises(NotALogLine):
        read_log_line("a" * 1_000_000)
    assert time.process_time() - began < 1


def test_json_lines_name_their_time_and_fortigate() -> None:
    line = read_log_line('{"at": 5, "fortigate": "fw9", "line": "logid=1 devname=other"}')
    assert (line.at, line.fortigate, line.text) == (5, "fw9", "logid=1 devname=other")


def test_a_time_that_somebody_typed_does_not_count() -> None:
    line = read_log_line(
        'date=2024-10-14 time=20:46:40 logid=1 user="x" eventtime=1999999999 devname="fw2"'
    )
    assert line.at == 1728938800
    assert line.fortigate == ""


@pytest.mark.parametrize(
    "text",
    [
        "logid=1 remip=203.0.113.9",
        "date=2024-99-14 time=13:46:40 logid=1",
        "date=2024-10-14 time=24:00:00 logid=1",
        'date=2024-10-14 time=13:46:40 tz="+9999" logid=1',
        "{",
        '{"at": 5}',
        '{"at": true, "line": "x"}',
        '{"at": 5, "line": 7}',
        '{"at": 5, "fortigate": 7, "line": "x"}',
        '{"at": NaN, "line": "x"}',
        '{"at": Infinity, "line": "x"}',
        '{"at": -5, "line": "x"}',
        '{"at": 1e12, "line": "x"}',
        '{"at": 1%s, "line": "x"}' % ("0" * 400),
        '{"at": ' + "[" * 100_000,
        "date=0001-01-01 time=00:00:00 logid=1",
        "date=9999-12-31 time=23:59:59 logid=1",
        "",
    ],
)
def test_lines_without_a_time_are_refused(text: str) -> None:
    with pytest.raises(NotALogLine):
        read_log_line(text)


def test_files_are_read_one_after_the_other_and_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"one\n\n  two\xff\n")
    with gzip.open(tmp_path / "b.log.gz", "wt") as file:
        file.write("three\n")
    names = [str(tmp_path / "a.log"), str(tmp_path / "b.log.gz")]
    assert list(LogFiles(names)) == ["one", "two\N{REPLACEMENT CHARACTER}", "three"]


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.log: cannot be read: No such file"):
        list(LogFiles([str(tmp_path / "none.log")]))


def test_standard_input_may_hold_other_bytes_and_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.log").write_bytes(b"J\xf6rg\n")
    with (tmp_path / "a.log").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert list(LogFiles(["-", "-"])) == ["J\N{REPLACEMENT CHARACTER}rg"]


def test_a_damaged_gz_file_is_named(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LINE.encode() * 100))
    packed[20:40] = bytes(byte ^ 0x55 for byte in packed[20:40])
    (tmp_path / "a.gz").write_bytes(packed)
    with pytest.raises(InputError, match=r"a\.gz: cannot be read"):
        list(LogFiles([str(tmp_path / "a.gz")]))


@pytest.mark.parametrize("form", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_a_file_that_windows_wrote_is_read(tmp_path: Path, form: str) -> None:
    mark = "\ufeff" if form == "utf-16-be" else ""
    (tmp_path / "a.log").write_bytes(f"{mark}{LINE}\r\n{LINE}\r\n".encode(form))
    (tmp_path / "a.log.gz").write_bytes(gzip.compress((tmp_path / "a.log").read_bytes()))
    names = [str(tmp_path / "a.log"), str(tmp_path / "a.log.gz")]
    assert [read_log_line(line).text for line in LogFiles(names)] == [LINE] * 4


def test_what_the_cli_prints_above_the_lines_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(
        f"2 logs found.\n1 logs returned.\n1.5% of logs has been searched.\n\n1: {LINE}\n\n"
    )
    assert list(LogFiles([str(tmp_path / "a.log")])) == [f"1: {LINE}"]


def write_log(folder: Path, *lines: str) -> LogFiles:
    """Return the lines of a file that has an empty line first, behind a file of another line."""
    (folder / "first.log").write_text('{"at": 1, "fortigate": "a1", "line": "first"}\n')
    (folder / "vpn.log").write_text("\n".join(("", *lines)))
    return LogFiles([str(folder / "first.log"), str(folder / "vpn.log")])


def test_lines_go_to_the_site_of_their_fortigate(tmp_path: Path) -> None:
    lines = ['{"at": 1, "fortigate": "a1", "line": "x"}', LINE]
    assigned = assign_lines(write_log(tmp_path, *lines), {"a": {"a1"}, "b": {"fw1"}})
    found = {site: list(own)[-1] for site, own in assigned.items()}
    assert found == {"a": lines[0], "b": lines[1]}


def test_all_lines_are_those_of_the_only_site(tmp_path: Path) -> None:
    assert list(assign_lines(write_log(tmp_path, LINE), {"a": {"other"}})["a"])[1:] == [LINE]


def test_a_damaged_line_is_left_to_a_site_that_counts_it(tmp_path: Path) -> None:
    assigned = assign_lines(write_log(tmp_path, "{", LINE), {"a": {"a1"}, "b": {"fw1"}})
    assert (list(assigned["a"])[1:], list(assigned["b"])) == (["{"], [LINE])


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (LINE, "names fw1, which no chosen site has"),
        ("eventtime=1728938800 x=1", "names no FortiGate"),
    ],
)
def test_a_fortigate_of_no_site_is_named_with_its_place(
    tmp_path: Path, line: str, named: str
) -> None:
    with pytest.raises(InputError, match=rf"vpn\.log:2: the line {named}; choose one site with -l"):
        assign_lines(write_log(tmp_path, line), {"a": {"a1"}, "b": {"b1"}})
