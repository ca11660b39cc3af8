"""A rollout in waves at real hosts behind two jump hosts: it stops where it fails, and is completed later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bastions import Bastions, count_logins, make_bastions
from tests.e2e.sshd_host import SshdHost
from tests.e2e.three_sites import ThreeSites, list_states
from tests.lab.debian import DebianHost

pytestmark = pytest.mark.lab

# fail2ban's own check refuses it, so the change is rolled back.
BROKEN = "/etc/fail2ban/jail.d/operator.conf"


@pytest.fixture
def bastions(
    bare_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bastions]:
    with DebianHost(bare_root) as host:
        yield make_bastions(SshdHost(host), tmp_path / "home", monkeypatch)


@pytest.fixture
def fleet(tmp_path: Path, ready_root: Path, bastions: Bastions) -> Iterator[ThreeSites]:
    behind = {"ansible_ssh_common_args": f"-J {bastions.jumps}"}
    with ThreeSites(tmp_path / "inventory", ready_root, behind) as sites:
        with (sites.folder / "known_hosts").open("a") as known:
            known.write(bastions.known_hosts())
        yield sites


def test_a_rollout_stops_at_the_wave_that_fails_and_resume_completes_it(
    fleet: ThreeSites, bastions: Bastions, tmp_path: Path
) -> None:
    fleet.hosts["bh2"].write(BROKEN, "[operator]\nenabled = true\nfilter = there-is-none\n")
    runs = tmp_path / "runs"
    rollout = ("apply", "-y", "--json", "--run-dir", str(runs))

    stopped = fleet.run(*rollout, "--waves", "1,2,100%")
    assert list_states(stopped) == {"bh1": "changed", "bh2": "failed", "bh3": "skipped"}
    assert stopped.code == 1
    assert (count_logins(bastions.first), count_logins(bastions.second)) == (1, 1)
    (first,) = sorted(runs.iterdir())

    fleet.hosts["bh2"].console(["rm", BROKEN], check=True)
    logins = fleet.count_logins("bh1")
    resumed = fleet.run(*rollout, "--resume", str(first))
    assert resumed.code == 0, resumed.out + resumed.err
    states = list_states(resumed)
    assert (states["bh2"], states["bh3"]) == ("changed", "changed")
    assert fleet.count_logins("bh1") == logins

    assert set(list_states(fleet.run("plan", "--json")).values()) == {"ok"}
