"""The command line on an inventory of one site with two FortiGates."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from provision.cli.main import main
from tests.plays import load_plays

PASSWORD = "hunter2-of-the-firewall"
HOSTS = f"""\
    all:
      children:
        ban_hosts:
          hosts:
            bh1: {{ansible_host: 192.0.2.10}}
        fortigates:
          hosts:
            fw1: {{ansible_host: 192.0.2.1, ansible_password: {PASSWORD}, ban_host: bh1}}
            fw2: {{ansible_host: 192.0.2.2, ansible_password: {PASSWORD}, ban_host: bh1}}
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


class Cli:
    """Runs the command line on the inventory of the test."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def __call__(self, verb: str, *arguments: str, inventory: bool = True) -> Said:
        where = ["-i", str(self.folder)] if inventory else []
        code = main(load_plays, [verb, *where, *arguments])
        captured = self._capsys.readouterr()
        return Said(code, captured.out, captured.err)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
