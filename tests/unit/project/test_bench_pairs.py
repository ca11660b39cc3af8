"""Commands that a bench compares take turns, and one slow turn decides nothing."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from provision.linux.kinds.file import File
from provision.linux.kinds.package import Package
from provision.linux.kinds.user import User
from tests.bench.peers.desired import write_desired
from tests.bench.process import Cost, compare_seconds, measure, measure_in_turn, take_medians
from tests.bench.rerun import main


def seconds(*each: float) -> list[Cost]:
    return [Cost(number, number / 2, 10) for number in each]


def test_the_commands_take_turns_and_the_first_turn_does_not_count() -> None:
    order: list[str] = []

    def take(name: str) -> Cost:
        order.append(name)
        return Cost(len(order), 0, 0)

    ours, theirs = measure_in_turn(2, partial(take, "ours"), partial(take, "theirs"))
    assert order == ["ours", "theirs"] * 3
    assert [cost.seconds for cost in ours] == [3, 5]
    assert [cost.seconds for cost in theirs] == [4, 6]


def test_a_factor_is_the_median_of_those_of_the_turns() -> None:
    # in the second turn the machine was slow
    assert compare_seconds(seconds(1, 10, 1), seconds(4, 40, 5)) == 4
    assert take_medians(seconds(1, 10, 2)) == Cost(2, 1, 10)


def test_a_command_that_fails_is_no_measurement() -> None:
    assert measure(["sh", "-c", "echo $WORD"], {"WORD": "said"}).out == "said\n"
    with pytest.raises(RuntimeError, match=r"exit code 3; all output: .*\nwhy"):
        measure(["sh", "-c", "echo why; exit 3"])


def test_peers_get_the_content_mode_and_owner_of_each_file_but_not_what_some_hosts_lack(
    tmp_path: Path,
) -> None:
    write_desired(
        tmp_path / "bh1",
        (
            Package("fail2ban"),
            User("banstitch"),
            File("/etc/banstitch/rules.json", "{}\n", 0o640, "root", "banstitch"),
            File("/etc/only/some.conf", "x\n", when="sshd_jail_without_log"),
            File("/var/log/events.log", None, 0o660),
        ),
    )
    found = json.loads((tmp_path / "bh1/desired.json").read_text())
    assert found["packages"] == ["fail2ban"]
    (rules,) = found["files"]
    assert Path(rules.pop("source")).read_text() == "{}\n"
    assert rules == {
        "path": "/etc/banstitch/rules.json",
        "mode": "0640",
        "owner": "root",
        "group": "banstitch",
    }
    assert [log["path"] for log in found["logs"]] == ["/var/log/events.log"]


def test_an_unknown_line_is_refused_with_the_names_of_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "rerun,nonsense"])
    assert "nonsense: choose from check, thousand" in capsys.readouterr().err
