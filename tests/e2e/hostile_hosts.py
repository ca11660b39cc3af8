"""Sites whose ban hosts may be hostile, and the command line at their inventory."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provision.cli.main import main
from provision.desired import collect
from provision.inventory import loader
from provision.masking import Secrets
from provision.sites.builder import build_sites
from tests.e2e.fake_ban_host import (
    MARK,
    FakeBanHost,
    Reply,
    Request,
    honest,
    line,
    token,
    write_inventory,
)
from tests.plays import PLAYS, load_plays

# Words of every verb that talks to a ban host, and the state of a site that is well.
VERBS = {
    "plan": "ok",
    "apply -y": "ok",
    "verify": "ok",
    "teardown -y": "changed",
    "status": "ok",
    "bans": "ok",
    "bans --history": "ok",
    "ban 203.0.113.9": "changed",
    "unban 203.0.113.9": "changed",
    "rotate -y": "changed",
}
# Stands in every spoilt answer: no byte of such an answer may be shown.
SECRET = token("verify")
ESCAPES = "\x1b]0;OWNED\x07\x1b[2J\x9b31m\u202e"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    def target(self, host: str) -> dict[str, Any]:
        targets = [each for site in self.document["sites"] for each in site["targets"]]
        found: dict[str, Any] = next(each for each in targets if each["host"] == host)
        return found


@dataclass
class World:
    """Sites by name, what each would answer if it were honest, and the command line at their inventory."""

    folder: Path
    hosts: dict[str, FakeBanHost]
    capsys: pytest.CaptureFixture[str]
    answers: dict[str, Callable[[Request], dict[str, Any]]]

    @property
    def evil(self) -> FakeBanHost:
        return self.hosts["evil1"]

    def honestly(self, request: Request, host: str = "evil1") -> dict[str, Any]:
        """Return what a host would answer if it were honest; a copy that may be spoilt."""
        return copy.deepcopy(self.answers[host](request))

    def deploy(self, folder: Path) -> None:
        """Let each host have what the inventory asks for."""
        for site in build_sites(loader.load(folder, ()), PLAYS, Secrets()):
            self.answers[site.name] = honest(collect.render_resources(site, PLAYS))

    def run(self, words: str, *more: str) -> Said:
        """Run a verb at all sites."""
        fortigates = words.startswith("rotate")
        folder = write_inventory(self.folder, self.hosts, with_fortigates=fortigates)
        if fortigates:
            self.deploy(folder)
        self.capsys.readouterr()
        code = main(load_plays, [*words.split(), "-i", str(self.folder), *more])
        return Said(code, *self.capsys.readouterr())


Open = Callable[..., World]


def reply_honestly(world: World, name: str) -> Callable[[Request], Reply]:
    return lambda request: Reply(line(world.answers[name](request)))


Spoil = Callable[[dict[str, Any]], Reply]


def reply_raw(text: str | bytes) -> Spoil:
    """Reply with the mark and this text, which is no answer."""
    data = text if isinstance(text, bytes) else text.encode()
    return lambda _: Reply(MARK + data)


def reply_changed(**more: Any) -> Spoil:
    """Reply honestly, with more or other fields."""
    return lambda answer: Reply(line({**answer, **more}))


def check_harmless(said: Said) -> None:
    """Nothing of a refused answer was shown, nothing steers the terminal, nothing is our own fault."""
    both = said.out + said.err
    for text in (SECRET, "\x1b", "\x07", "\x9b", "\u202e", "Traceback", "error in Banstitch"):
        assert text not in both
