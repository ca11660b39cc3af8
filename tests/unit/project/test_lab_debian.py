"""The parts of the lab that need no host: sources, records of processes, listings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing_for_lab
from tests.lab.listing import list_files
from tests.lab.records import LabError, Process, find_process, is_alive, parse_stat
from tests.lab.roots import make_debian_sources

DEBIAN = """\
Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main non-free

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""


def suites(text: str) -> list[tuple[str, str]]:
    fields = [line.split(": ", 1)[1] for line in text.splitlines() if ": " in line]
    return list(zip(fields[1::5], fields[2::5], strict=True))


def test_sources_keep_the_machines_mirror_and_swap_the_suite() -> None:
    assert suites(make_debian_sources([("debian.sources", DEBIAN)], "bookworm", "trixie")) == [
        ("http://mirror.example/debian", "trixie"),
        ("http://mirror.example/debian", "trixie-updates"),
        ("http://mirror.example/debian-security", "trixie-security"),
    ]


def test_sources_in_the_one_line_form_are_understood() -> None:
    text = (
        "# deb http://no.example x main\ndeb [arch=amd64] http://m.example/debian bookworm main\n"
    )
    assert suites(make_debian_sources([("sources.list", text)], "bookworm", "bullseye")) == [
        ("http://m.example/debian", "bullseye")
    ]


def test_the_error_without_debian_sources_lists_what_the_lab_needs() -> None:
    text = "deb https://example.com/linux/debian bookworm stable\n"
    with pytest.raises(LabError, match="no Debian source of bookworm"):
        make_debian_sources([("other.list", text)], "bookworm", "bookworm")


def test_a_process_is_read_from_its_stat_whatever_its_name_holds() -> None:
    numbers = " ".join(str(number) for number in range(4, 25))
    assert parse_stat(f"7 (a) b (c) S {numbers}\n") == (Process(7, 22), "S")


def test_a_process_with_another_start_time_is_another_process() -> None:
    me = find_process(os.getpid())
    assert me is not None
    assert is_alive(me)
    assert not is_alive(Process(me.pid, me.started + 1))


def test_a_process_that_ended_and_was_not_collected_is_not_alive() -> None:
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert find_process(child.pid) is None


def test_a_listing_has_content_mode_and_link_target(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "link").symlink_to("/nowhere")
    (etc / "file").write_text("one")
    before = list_files(tmp_path, ["/etc", "/absent"], [])
    assert sorted(before) == ["/etc", "/etc/file", "/etc/link"]
    assert before["/etc/link"].content == "/nowhere"
    (etc / "file").write_text("two")
    after = list_files(tmp_path, ["/etc"], [])
    assert {path for path in before if before[path] != after[path]} == {"/etc/file"}


@pytest.mark.parametrize("pattern", ["/etc/sub/*", "*/name"])
def test_a_listing_leaves_out_ignored_paths(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "etc/sub").mkdir(parents=True)
    (tmp_path / "etc/sub/name").write_text("")
    assert "/etc/sub/name" not in list_files(tmp_path, ["/etc"], [pattern])
    assert "/etc/sub" in list_files(tmp_path, ["/etc"], [pattern])


def test_the_error_without_the_labs_programs_ends_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "systemd-nspawn, mmdebstrap" in missing_for_lab()
    assert "make test" in missing_for_lab()


def test_lab_tests_without_root_are_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in missing_for_lab()
