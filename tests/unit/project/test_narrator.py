"""What tells the demo: a claim that does not hold ends it, and nothing is left out in silence."""

from __future__ import annotations

import os
import sys

import pytest

from tests.demo import __main__
from tests.demo.narrator import Broken, Narrator


def test_a_claim_that_does_not_hold_is_shown_and_ends_the_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell = Narrator({})
    with pytest.raises(Broken, match="two is one: 2"), tell.step("counting"):
        tell.claim("two is one", False, 2)
    tell.summary()
    shown = capsys.readouterr().out
    assert "  NO: two is one" in shown
    assert "NOT as promised" in shown


def test_a_step_that_is_interrupted_is_not_told_as_promised() -> None:
    tell = Narrator({})
    with pytest.raises(KeyboardInterrupt), tell.step("waiting"):
        raise KeyboardInterrupt
    assert tell.steps[0].outcome == "interrupted or failed"


def test_a_command_is_shown_with_both_outputs_and_held_to_its_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell = Narrator({"WORD": "seen"})
    line = f"{sys.executable} -c import(os);print(os.environ['WORD'])"
    with pytest.raises(Broken, match="exit code 0: 1"):
        tell.command(line, 0)
    shown = capsys.readouterr().out
    assert f"$ {line}\n" in shown
    assert "SyntaxError" in shown
    assert tell.command("printenv WORD", 0) == "seen"


def test_what_does_not_come_true_in_time_is_broken() -> None:
    tell = Narrator({})
    with pytest.raises(Broken, match="within 0 s"):
        tell.within(0, "rain", lambda: False)
    assert tell.within(0, "sun", lambda: True) >= 0


def test_the_demo_names_what_it_needs_where_it_cannot_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert __main__.main([]) == 1
    assert capsys.readouterr().err == (
        "the demo boots a Debian host, which needs root: sudo make demo\n"
    )
