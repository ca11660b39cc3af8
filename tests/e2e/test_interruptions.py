"""Interrupt an apply in many ways, and check that one more apply completes it."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.proxy import Proxy
from tests.lab.nspawn import wait_until

pytestmark = pytest.mark.lab

# What differs between any two deployments: the secrets and certificates, what remembers them, and
# account files, which hold the lab users' own passwords.
RANDOM = (
    "/etc/banstitch/digests.json",
    "/etc/banstitch/tokens.json",
    "/etc/banstitch/tls/ca.pem",
    "/etc/banstitch/tls/server.pem",
    "/var/lib/banstitch/manifest.json",
)
# What useradd itself leaves if the power fails while it locks a file; the next useradd ignores it.
LOCKS = re.compile(r"/etc/(passwd|group|shadow|gshadow)\.[0-9]+")
ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
# Moments by what can be seen on the host while the agent works there.
ON_HOST = {
    "the manifest is begun": "var/lib/banstitch/manifest.json",
    "a file is staged": "opt/banstitch/receiver/.app.py.banstitch.dpkg-new",
    "the last file is in place": "etc/logrotate.d/banstitch",
}
# Moments by how much of what is said to both targets has been said, in tenths.
SAID = (0.01, 0.1, 0.25, 0.4, 0.6, 0.8, 0.95)


class Disturbed:
    """A site behind proxies, and a run of apply that is disturbed at a moment of one's choice."""

    def __init__(self, site: LabSite, stack: ExitStack) -> None:
        self.site = site
        host, unit = site.host, site.units[0]
        self.proxies = [
            stack.enter_context(Proxy(host.address, host.port)),
            stack.enter_context(Proxy(unit.address, unit.port)),
        ]
        for name, proxy in zip(("bh1", "fgt1"), self.proxies, strict=True):
            site.endpoints[name] = ("127.0.0.1", proxy.port)
        site.write_inventory()
        self._before = site.list_files()

    def said(self) -> list[int]:
        """Bytes said to each target so far."""
        return [proxy.count for proxy in self.proxies]

    def apply(self, arm: Callable[[Callable[[], None]], None], how: str) -> None:
        """Run apply; ``arm`` is handed what to call at its moment, which kills or cuts."""
        process = subprocess.Popen(
            self.site.argv("apply", "-y"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        arm(process.kill if how == "killing" else self.cut)
        process.wait(timeout=300)

    def cut(self) -> None:
        """Both connections break at once."""
        for proxy in self.proxies:
            proxy.cut()

    def at_share(self, share: float, total: list[int]) -> Callable[[Callable[[], None]], None]:
        """The moment when ``share`` of all that is said has been said: to the host, then the unit."""
        count = int(share * sum(total))
        proxy = self.proxies[0] if count < total[0] else self.proxies[1]
        return lambda disturb: proxy.at(
            max(1, count if count < total[0] else count - total[0]), disturb
        )

    def when_there(self, path: str) -> Callable[[Callable[[], None]], None]:
        """The moment when a file appears on the host."""
        seen = self.site.host.filesystem / path

        def watch(disturb: Callable[[], None]) -> None:
            given_up = threading.Event()
            timer = threading.Timer(60, given_up.set)
            timer.start()
            # a loop without a pause would take the time of the host that is watched
            while not seen.exists() and not given_up.wait(0.001):
                pass
            timer.cancel()
            disturb()

        return watch

    def state(self) -> tuple[Any, str]:
        """All that a deployment leaves on both targets: secrets and the host's own address apart."""
        after = self.site.list_files()
        changed = dict.fromkeys(self._before.keys() - after.keys())
        changed |= {p: e for p, e in after.items() if self._before.get(p) != e}
        shown = re.sub(r"(ENC|set uuid) \S+", r"\1", self.site.units[0].show())
        shown = re.sub(r'(?m)^( +set value) "\S{30,}"$', r"\1 TOKEN", shown)
        shown = re.sub(r"-----BEGIN CERT[^\"]+", "CERTIFICATE", shown)
        left = {p: self._seen(p, e) for p, e in changed.items() if not LOCKS.fullmatch(p)}
        return left, self._plain(shown)

    def _seen(self, path: str, entry: Any) -> Any:
        if entry is not None and path in RANDOM:
            return entry._replace(content="something")
        if path.startswith(ACCOUNTS) or path.endswith(".pyc"):
            return "something"
        if entry is None or entry.kind != "file":
            return entry
        text = (self.site.host.filesystem / path.lstrip("/")).read_text()
        return entry._replace(content=self._plain(text))

    def _plain(self, text: str) -> str:
        return text.replace(self.site.host.address, "HOST")


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, ready_root: Path
) -> tuple[Any, list[int]]:
    """What an undisturbed apply leaves behind, and how much it said to each target."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("undisturbed") / "inventory"
        site = stack.enter_context(LabSite(folder, ready_root, [fortigate_options()]))
        lab = Disturbed(site, stack)
        for proxy in lab.proxies:
            proxy.at(1 << 60, lambda: None)
        lab.apply(lambda disturb: None, "killing")
        assert site.run("verify").code == 0
        return lab.state(), lab.said()


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
