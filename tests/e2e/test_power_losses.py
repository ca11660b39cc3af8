"""Cut the power of a host during its first apply, and check that one more apply completes it."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.disturbed import ON_HOST, Disturbed
from tests.e2e.labsite import LabSite
from tests.lab.nspawn import wait_until

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("moment", ON_HOST)
def test_apply_after_a_power_loss_repairs_the_host(
    moment: str, site: LabSite, undisturbed: tuple[Any, list[int]]
) -> None:
    state, _ = undisturbed
    with ExitStack() as stack:
        lab = Disturbed(site, stack)
        process = subprocess.Popen(
            site.argv("apply", "-y"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        lab.when_there(ON_HOST[moment])(site.host.kill)
        lab.cut()
        process.wait(timeout=300)
        site.host.boot()

        again = site.run("apply", "-y")

        assert again.code == 0, again.out + again.err
        assert lab.state() == state
        assert site.run("verify").code == 0


@pytest.mark.parametrize("program", ["python3", "gunicorn"])
def test_packages_of_an_apply_that_lost_its_power_are_completed_and_later_removed(
    program: str, tmp_path: Path, bare_root: Path
) -> None:
    """The first program comes before the agent can run, the second while the agent does something else."""
    # modules of packages too: the agent compiles those that dpkg has unpacked and not configured yet
    installed = "dpkg-query -W | sort; ls /usr/lib/python3/dist-packages"
    with LabSite(tmp_path / "inventory", bare_root) as site:
        before = site.host.console(installed).stdout
        process = subprocess.Popen(
            site.argv("apply", "-y"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        seen = site.host.filesystem / "usr/bin" / program
        assert wait_until(lambda: os.path.lexists(seen), 300)
        site.host.kill()
        process.wait(timeout=300)
        site.host.boot()

        again = site.run("apply", "-y")

        assert again.code == 0, again.out + again.err
        assert site.run("verify").code == 0
        assert site.run("teardown", "-y", "--purge-data").code == 0
        assert site.host.console(installed).stdout == before
