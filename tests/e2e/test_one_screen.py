"""Plans, questions and reports fit on one screen, through the real command line.

FortiGates are simulated ones, reached over SSH. The ban host is one in memory that has nothing yet, not
even python3.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from provision.cli.main import main
from provision.desired import collect
from provision.inventory import loader
from provision.linux.agent.protocol.state import Observed
from provision.linux.kinds.resource import Resource
from provision.linux.session import kept_session
from provision.linux.session.session import NoPython
from provision.masking import Secrets
from provision.sites.builder import build_sites
from roles.detection.catalogue import CATALOGUE
from tests.e2e.every_fortios import start_simulator
from tests.plays import PLAYS, load_plays
from tests.simulator import Simulator
from tests.unit.cli.command_line import Terminal
from tests.unit.engine.site_model import FakeBanHost, World

pytestmark = pytest.mark.usefixtures("settled_at_once")

LIMIT = 40
# The indentation of diffs and CLI in a report.
INSIDE = " " * 10


class BareHost(FakeBanHost):
    """A ban host in memory with the resources of an inventory."""

    resources: tuple[Resource, ...] = ()

    def _observe(self, _: object) -> Observed:
        return self._world.host.observed(self.resources)


class Deployment:
    """An inventory of one site, and the command line on it."""

    def __init__(self, folder: Path, units: list[Simulator], capsys: Any, **settings: Any) -> None:
        logins = {
            f"fgt{number}": {
                "ansible_host": unit.address,
                "ansible_port": unit.port,
                "ansible_user": unit.options.user,
                "ansible_password": unit.options.password,
                "ban_host": "bh1",
            }
            for number, unit in enumerate(units, 1)
        }
        ban_hosts = {"bh1": {"ansible_host": "192.0.2.10", **settings}}
        groups = {"ban_hosts": {"hosts": ban_hosts}, "fortigates": {"hosts": logins}}
        folder.mkdir()
        (folder / "hosts.yml").write_text(json.dumps({"all": {"children": groups}}))
        (folder / "known_hosts").write_text("".join(unit.host_key_line + "\n" for unit in units))
        (site,) = build_sites(loader.load(folder, ()), PLAYS, Secrets())
        BareHost.resources = collect.render_resources(site, PLAYS)
        self._folder, self._capsys = folder, capsys

    def __call__(self, *words: str) -> str:
        """Return what the command prints; its errors must be none but the question."""
        self._capsys.readouterr()
        code = main(load_plays, [*words, "-i", str(self._folder)])
        said = self._capsys.readouterr()
        assert code in (0, 2), said
        return str(said.out)


def without_cli(text: str) -> list[str]:
    """The lines of a report, the CLI of FortiGates left out."""
    lines, fortios = list[str](), False
    for line in text.splitlines():
        if not line.startswith("   "):
            fortios = "(fortios, " in line
        if not (fortios and line.startswith(INSIDE)):
            lines.append(line)
    return lines


@pytest.fixture(params=[1, 3], ids=["one", "three"])
def units(request: pytest.FixtureRequest) -> Iterator[list[Simulator]]:
    with ExitStack() as stack:
        yield [stack.enter_context(start_simulator("7.4.8", ())) for _ in range(request.param)]


@pytest.mark.parametrize(
    "detections", [["sslvpn_login_failed"], list(CATALOGUE)], ids=["default", "all"]
)
def test_a_site_is_deployed_and_removed_a_screen_at_a_time(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    units: list[Simulator],
    detections: list[str],
) -> None:
    world = World(faults={("bh1", "observe"): NoPython("no python3")})
    world.host.facts["sshd_jail_without_log"] = True
    monkeypatch.setattr(kept_session, "BanHostSession", lambda *args: BareHost(world, *args))
    site = Deployment(
        tmp_path / "inventory", units, capsys, detection_enabled=detections, receiver_port=5443
    )

    plan = site("plan")
    assert len(without_cli(plan)) <= LIMIT
    assert "receiver: https://192.0.2.10:5443 for FortiGates" in plan
    assert "not the default: " in plan
    assert "receiver_port 5443" in plan
    assert "ban for 1h" in plan
    assert "package" in plan
    for name in detections:
        assert f"banstitch-{name}" in plan
    assert plan.count('edit "banstitch_webhook"') == len(units)
    assert plan.count("set source-address-negate enable") == len(units)
    assert "import" not in plan
    everything = site("plan", "-D")
    assert len(everything.splitlines()) > 2000
    assert set(plan.splitlines()) - set(everything.splitlines())

    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert len(without_cli(site("apply"))) <= LIMIT

    applied = site("apply", "-y")
    assert len(without_cli(applied)) <= LIMIT
    assert f"changed={1 + len(units)}" in applied

    again = site("plan")
    assert len(again.splitlines()) <= LIMIT
    assert f"ok={1 + len(units)} changes=0" in again

    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    removed = site("teardown")
    shown, _, done = removed.partition("changes=")
    assert len(without_cli(shown)) <= LIMIT
    assert len(without_cli(done)) <= LIMIT
    assert re.search(r"delete   detection: \d+ files, 1 directory in /etc/fail2ban", shown)


def test_an_apply_whose_output_is_lost_is_complete_and_gives_its_leases_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World()
    monkeypatch.setattr(kept_session, "BanHostSession", lambda *args: BareHost(world, *args))
    with start_simulator("7.4.8", ()) as unit:
        site = Deployment(tmp_path / "inventory", [unit], capsys)
        with Path("/dev/full").open("w") as full, monkeypatch.context() as lost:
            lost.setattr(sys, "stdout", full)
            assert main(load_plays, ["apply", "-y", "-v", "-i", str(tmp_path / "inventory")]) == 1
        asked = [what for _, what in world.log]
        assert asked.count("lease") == asked.count("release") == 1
        assert "ok=2 changes=0" in site("plan")
