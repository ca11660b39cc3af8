"""Print what the demo does, run its commands, and check each claim."""

from __future__ import annotations

import os
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests import PROJECT
from tests.lab.stopwatch import Stopwatch, within

WIDTH = 88
# Seconds that a command may take before it counts as stuck.
PATIENCE = 600


class ClaimFailed(Exception):
    """A claim of the demo is false."""


@dataclass
class Step:
    """One line of the summary."""

    title: str
    seconds: float = 0.0
    outcome: str = "not finished"


class Narrator:
    """A printer of plain lines, without colors and cursor movements."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """``environment`` is added to that of every command."""
        self._environment = dict(os.environ) | dict(environment)
        self.steps: list[Step] = []

    def say(self, text: str) -> None:
        """Print a paragraph, wrapped."""
        print(textwrap.fill(" ".join(text.split()), WIDTH), flush=True)

    def show(self, lines: Iterable[str]) -> None:
        """Print lines as they are, indented."""
        for line in lines:
            print("    " + line, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Begin a numbered step. Its outcome is `ok` unless the step sets another."""
        step = Step(title)
        self.steps.append(step)
        print(f"\n== {len(self.steps)}. {title}\n", flush=True)
        begun = time.monotonic()
        try:
            yield step
        except ClaimFailed:
            step.outcome = "FAILED"
            raise
        except BaseException:
            step.outcome = "interrupted"
            raise
        else:
            step.outcome = "ok" if step.outcome == "not finished" else step.outcome
        finally:
            step.seconds = time.monotonic() - begun

    def claim(self, what: str, holds: bool, seen: object = "") -> None:
        """Print a claim, and whether it is true.

        Raises:
            ClaimFailed: it is false.
        """
        print(f"  {'ok' if holds else 'NO'}: {what}", flush=True)
        if not holds:
            raise ClaimFailed(f"{what}{f': {seen}' if seen else ''}")

    def run_command(self, line: str, code: int) -> str:
        """Run ``line``, print its output, and claim its exit code; return the output."""
        print(f"$ {line}", flush=True)
        process = subprocess.Popen(
            line.split(),
            cwd=PROJECT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        printed: list[str] = []
        with process:
            try:
                self.show(_record_lines(process.stdout or (), printed))
                process.wait(PATIENCE)
            except BaseException:
                process.terminate()
                raise
        print(flush=True)
        self.claim(f"exit code {code}", process.returncode == code, process.returncode)
        return "\n".join(printed)

    def claim_within(self, seconds: float, what: str, holds: Callable[[], bool]) -> float:
        """Claim that something becomes true in time; return the seconds that it took."""
        with Stopwatch() as watch:
            if not within(seconds, holds):
                self.claim(f"{what} within {seconds:g} s", False)
            took = watch.seconds
        self.claim(f"{what} (after {took:.1f} s)", True)
        return took

    def print_summary(self) -> None:
        """Print the table of all steps."""
        width = max(len(step.title) for step in self.steps)
        print(f"\n{'step':<{width + 4}}  seconds  outcome")
        for number, step in enumerate(self.steps, 1):
            print(f"{number:>2}. {step.title:<{width}}  {step.seconds:7.1f}  {step.outcome}")
        print(f"{'':<{width + 4}}  {sum(step.seconds for step in self.steps):7.1f}", flush=True)


def _record_lines(lines: Iterable[str], into: list[str]) -> Iterator[str]:
    for line in lines:
        into.append(line.rstrip("\n"))
        yield into[-1]
