"""The list of verbs that ``site.py -h`` prints."""

from __future__ import annotations

from click.testing import CliRunner

from provision.cli import main
from provision.cli.verbs import VERBS


def list_summaries() -> dict[str, str]:
    """Return the summary of each verb, as a terminal of 80 columns shows it."""
    shown = CliRunner().invoke(main.cli, ["-h"], terminal_width=80).output
    lines = shown.split("Commands:\n")[1].splitlines()
    return {
        verb: summary.strip()
        for verb, _, summary in (line.strip().partition(" ") for line in lines)
    }


def test_verbs_are_listed_in_the_order_of_their_use() -> None:
    assert list(list_summaries()) == [verb.name for verb in VERBS]


def test_the_summary_of_each_verb_fits_on_its_line() -> None:
    assert [verb for verb, text in list_summaries().items() if text.endswith("...")] == []
