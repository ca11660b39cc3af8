"""Two sites for the command line: the FortiGate of one is hostile, the other site is well.

The FortiGates are simulators, the ban hosts speak the agent's protocol; all are reached over real SSH.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from provision.cli.main import main
from provision.desired import collect
from provision.inventory import loader
from provision.masking import Secrets
from provision.sites.builder import build_sites
from tests.e2e.fake_ban_host import FakeBanHost, Reply, Request, honest, line
from tests.plays import PLAYS, load_plays
from tests.simulator import Options, Simulator
from tests.simulator.journal import Line

Rewrite = Callable[[bytes], Iterable[bytes]]
# Every verb that connects to a FortiGate, and whether it is deployed before.
VERBS = {
    "plan": False,
    "apply -y": False,
    "verify": True,
    "status": True,
    "rotate -y": True,
    "teardown -y": True,
}
LOOK = re.compile(r"(sudo \S+ )?(get|show) [ -~]+")
TRANSACTION = re.compile(r"execute config-transaction (start \d+|commit|abort)|execute cfg save")
# Where `sudo` is not known, looks are taken from inside of this context.
ENTERING, LEAVING = "config global", ("abort", "end")
# Control characters but newline and tab, and what turns or hides text.
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


@dataclass
class World:
    """The command line at the inventory of two sites; ``evil`` and ``good`` are their FortiGates."""

    folder: Path
    evil: Simulator
    good: Simulator
    capsys: pytest.CaptureFixture[str]
    hosts: dict[str, FakeBanHost] = field(default_factory=dict)
    records: dict[str, Any] = field(default_factory=dict)

    def run(self, words: str, *more: str) -> tuple[str, str]:
        """Run a verb at both sites; both outputs."""
        self.capsys.readouterr()
        main(load_plays, [*words.split(), "-i", str(self.folder), *more])
        return self.capsys.readouterr()

    def targets(self, words: str) -> dict[str, dict[str, Any]]:
        """Run a verb; what it reports of each target."""
        out, err = self.run(words, "--json")
        for text in ("Traceback", "error in Banstitch"):
            assert text not in out + err
        found = json.loads(out)["sites"]
        return {each["host"]: each for site in found for each in site["targets"]}

    def deploy(self) -> list[Line]:
        """Apply at both sites while all are honest; what changed the FortiGate `evil`."""
        assert {each["error"] for each in self.targets("apply -y").values()} == {None}
        typed = self.evil.journal.changing()
        self.evil.journal.clear()
        return typed


@contextmanager
def opened(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    """Start both sites."""
    with ExitStack() as stack:
        evil = stack.enter_context(Simulator(Options(hostname="FGT-A", enc_stable=True)))
        good = stack.enter_context(Simulator(Options(hostname="FGT-B", enc_stable=True)))
        world = World(folder, evil, good, capsys)
        for name in ("evil", "good"):
            world.hosts[name] = stack.enter_context(FakeBanHost(lambda _: Reply()))
        _write_inventory(world)
        for site in build_sites(loader.load(folder, ()), PLAYS, Secrets()):
            answers = honest(collect.render_resources(site, PLAYS))
            world.hosts[site.name.removeprefix("bh-")].reply = _remembering(world, answers)
        yield world


def _remembering(
    world: World, answers: Callable[[Request], dict[str, Any]]
) -> Callable[[Request], Reply]:
    """Return a ban host that keeps the records of FortiGates, too."""

    def reply(request: Request) -> Reply:
        answer = copy.deepcopy(answers(request))
        name: str = request.get("fortigate", "")
        if request["do"] == "lease":
            answer["record"] = world.records.get(name)
        if request["do"] == "remember" and request["record"] is None:
            world.records.pop(name, None)
        elif request["do"] == "remember":
            world.records[name] = request["record"]
        found = answer.get("observed", answer)
        if found.get("manifest"):
            found["manifest"]["fortigates"] = dict(world.records)
        return Reply(line(answer))

    return reply


def _write_inventory(world: World) -> None:
    login = {
        "ansible_host": "127.0.0.1",
        "ansible_user": "root",
        "ansible_password": "pass-of-root",
    }
    options = {"receiver_accept_documentation": True}
    ban_hosts = {
        f"bh-{name}": {**login, **options, "ansible_port": host.port}
        for name, host in world.hosts.items()
    }
    fortigates = {
        f"fw-{name}": {
            "ansible_host": unit.address,
            "ansible_port": unit.port,
            "ansible_user": unit.options.user,
            "ansible_password": unit.options.password,
            "ban_host": f"bh-{name}",
        }
        for name, unit in (("evil", world.evil), ("good", world.good))
    }
    groups = {"ban_hosts": {"hosts": ban_hosts}, "fortigates": {"hosts": fortigates}}
    world.folder.mkdir()
    (world.folder / "hosts.yml").write_text(json.dumps({"all": {"children": groups}}))
    keys = [host.known_as for host in world.hosts.values()]
    keys += [f"{unit.host_key_line}\n" for unit in (world.evil, world.good)]
    (world.folder / "known_hosts").write_text("".join(keys))


def check_typed(fortigate: Simulator, answers: str = "", changes: Iterable[str] = ()) -> None:
    """Check that only looks were typed, keys of ``answers``, and lines of ``changes``.

    A context is left only in a session that entered one, to look or to change.
    """
    allowed, entered = set(changes), set()
    for each in fortigate.journal:
        text = each.text.strip()
        is_change = text in allowed or (bool(allowed) and bool(TRANSACTION.fullmatch(text)))
        if is_change or text == ENTERING:
            entered.add(each.session)
        elif text in LEAVING:
            assert each.session in entered, text
        else:
            assert LOOK.fullmatch(text) or text in tuple(answers), text
    if not allowed:
        assert fortigate.journal.changing() == []


def check_steers_nothing(text: str) -> None:
    """Check that no character of ``text`` steers a terminal, or turns or hides other text."""
    assert STEERING.findall(text) == []
