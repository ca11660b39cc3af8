"""Interrupt an apply in many ways, and check that one more apply completes it."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from itertools import cycle
from typing import Any

import pytest

from tests.e2e.disturbed import ON_HOST, Disturbed
from tests.e2e.labsite import LabSite
from tests.lab.nspawn import wait_until

pytestmark = pytest.mark.lab

# Moments by how much of what is said to both targets has been said.
SAID = (0.01, 0.2, 0.4, 0.7, 0.95)


@pytest.mark.parametrize(
    ("moment", "how"), list(zip([*SAID, *ON_HOST], cycle(["killing", "cutting"]), strict=False))
)
def test_apply_after_an_interrupted_apply_reaches_the_same_state(
    moment: float | str, how: str, site: LabSite, undisturbed: tuple[Any, list[int]]
) -> None:
    state, total = undisturbed
    with ExitStack() as stack:
        lab = Disturbed(site, stack)
        at = (
            lab.when_there(ON_HOST[moment])
            if isinstance(moment, str)
            else lab.at_share(moment, total)
        )
        lab.apply(at, how)
        for proxy in lab.proxies:
            proxy.calm()

        again = site.run("apply", "-y")

        assert again.code == 0, again.out + again.err
        assert lab.state() == state
        assert site.run("verify").code == 0


def agent_pid(site: LabSite) -> str:
    """The process of the agent on the host, or nothing."""
    return site.host.console("pgrep -f 'sys.stdin.buffer' | head -1").stdout.strip()


def test_a_pending_restart_survives_the_death_of_the_agent(deployed: LabSite) -> None:
    before = deployed.host.console("systemctl show -P MainPID banstitch-receiver").stdout
    # the first thing after the files are in place now takes long enough to die in
    deployed.host.console("mkdir -p /etc/systemd/system/fail2ban.service.d", check=True)
    slow = (
        "[Service]\\nExecReload=\\nExecReload=/bin/sleep 60\\nExecStop=\\nExecStop=/bin/sleep 60\\n"
    )
    deployed.host.console(
        f"printf '{slow}' > /etc/systemd/system/fail2ban.service.d/slow.conf", check=True
    )
    deployed.host.console("systemctl daemon-reload", check=True)
    deployed.write_inventory("receiver_ignore: [203.0.113.0/24]\ndetection_max_retry: 4")
    process = subprocess.Popen(
        deployed.argv("apply", "-y"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    app = deployed.host.filesystem / "opt/banstitch/receiver/config.py"
    jail = deployed.host.filesystem / "etc/fail2ban/jail.d/banstitch.conf"
    assert wait_until(
        lambda: "203.0.113.0/24" in app.read_text() and "maxretry = 4" in jail.read_text(), 50
    )
    assert process.poll() is None
    deployed.host.console(f"kill -9 {agent_pid(deployed)}")
    process.wait(timeout=300)
    deployed.host.console("rm -r /etc/systemd/system/fail2ban.service.d", check=True)
    deployed.host.console("systemctl daemon-reload", check=True)
    assert deployed.host.console("systemctl show -P MainPID banstitch-receiver").stdout == before

    plan = deployed.run("plan", "--json")
    assert plan.code == 2
    assert ("restart", "service:banstitch-receiver.service") in plan.changes("bh1")
    reasons = {change["reason"] for change in plan.target("bh1")["changes"]}
    assert "owed since an interrupted run" in reasons

    assert deployed.run("apply", "-y").code == 0
    assert deployed.host.console("systemctl show -P MainPID banstitch-receiver").stdout != before
    assert deployed.run("verify").code == 0
