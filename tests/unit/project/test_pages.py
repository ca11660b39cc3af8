"""Check the parts of the documentation that :mod:`tests.pages` writes."""

from __future__ import annotations

import pytest

from provision.cli import main
from tests import pages


@pytest.mark.parametrize(
    ("role", "row"),
    [
        (
            "page",
            "| `page_idle` | `30m` | time after which an unused session ends, from 1m to 1d |",
        ),
        ("alarms", "| `heartbeat_interval` | `5m` | time between two heartbeats |"),
        ("feed", "| `feed_refresh_rate` | `1` | minutes between two fetches, from 1 to 43200 |"),
        ("webhook", "| `webhook_verify_certificate` | `true` | check the receiver's certificate"),
        (
            "detection",
            "| `detection_ban_time` | the detection's | duration of a ban; -1: permanent |",
        ),
    ],
)
def test_defaults_and_ranges_are_spelt_as_an_operator_writes_them(role: str, row: str) -> None:
    assert any(line.startswith(row) for line in pages.list_settings(role))


def test_an_option_of_most_verbs_names_only_the_exceptions() -> None:
    lines = list(pages.list_common_options(""))
    assert lines[0] == (
        "Every verb except `show`, `merge`, `hash-password`, `share-ca` and `completion` takes"
        " these options."
    )
    (limit,) = (line for line in lines if line.startswith("| `-l`, `--limit PATTERN` |"))
    assert limit.endswith("a:b for both, !c to exclude. |")
    (report,) = (line for line in lines if line.startswith("| `--report FORM:PATH` |"))
    assert report.endswith("May be repeated. Also for `show` and `merge`, not for `replay`. |")


def test_an_option_of_some_verbs_names_them() -> None:
    assert "| `--note-drift` | `plan` |" in "\n".join(pages.list_options(""))


def test_each_option_of_each_verb_is_in_one_of_the_two_tables() -> None:
    tables = "\n".join([*pages.list_common_options(""), *pages.list_options("")])
    flags = {
        each for command in main.cli.commands.values() for p in command.params for each in p.opts
    }
    assert [flag for flag in flags if flag.startswith("-") and f"`{flag}" not in tables] == []
