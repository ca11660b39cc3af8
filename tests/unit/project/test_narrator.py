"""The narrator of the demo: a claim that is false ends it, and every command is shown."""

from __future__ import annotations

import os
import sys

import pytest

from tests.demo import __main__
from tests.demo.narrator import ClaimFailed, Narrator


def test_a_false_claim_is_printed_and_ends_the_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    narrator = Narrator({})
    with pytest.raises(ClaimFailed, match="two is one: 2"), narrator.step("counting"):
        narrator.claim("two is one", False, 2)
    narrator.print_summary()
    shown = capsys.readouterr().out
    assert "  NO: two is one" in shown
    assert "FAILED" in shown


def test_an_interrupted_step_is_reported_as_interrupted() -> None:
    narrator = Narrator({})
    with pytest.raises(KeyboardInterrupt), narrator.step("waiting"):
        raise KeyboardInterrupt
    assert narrator.steps[0].outcome == "interrupted"


def test_a_command_is_printed_with_its_output_and_its_exit_code_is_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    narrator = Narrator({"WORD": "seen"})
    line = f"{sys.executable} -c import(os);print(os.environ['WORD'])"
    with pytest.raises(ClaimFailed, match="exit code 0: 1"):
        narrator.run_command(line, 0)
    shown = capsys.readouterr().out
    assert f"$ {line}\n" in shown
    assert "SyntaxError" in shown
    assert narrator.run_command("printenv WORD", 0) == "seen"


def test_a_claim_that_does_not_come_true_in_time_fails() -> None:
    narrator = Narrator({})
    with pytest.raises(ClaimFailed, match="within 0 s"):
        narrator.claim_within(0, "rain", lambda: False)
    assert narrator.claim_within(0, "sun", lambda: True) >= 0


def test_the_demo_says_what_it_needs_where_it_cannot_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert __main__.main([]) == 1
    assert capsys.readouterr().err == (
        "the demo boots a Debian host, which needs root: run sudo make demo\n"
    )
