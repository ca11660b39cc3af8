"""Sites on the lab for end-to-end tests."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.disturbed import Disturbed
from tests.e2e.fake_ban_host import (
    FakeBanHost,
    Reply,
    write_inventory,
)
from tests.e2e.hostile_hosts import Open, World, reply_honestly
from tests.e2e.labsite import KeptSite, LabSite, fortigate_options
from tests.e2e.rules_site import ON, Rules
from tests.e2e.site_helpers import FAIL2BAN
from tests.fortigate_bounds import set_bounds
from tests.lab.roots import build_ready_root


@pytest.fixture
def linux_site(tmp_path: Path, ready_root: Path) -> Iterator[LabSite]:
    """A ban host without FortiGates, its packages installed but nothing deployed."""
    with LabSite(tmp_path / "inventory", ready_root) as site:
        yield site


@pytest.fixture
def site(tmp_path: Path, ready_root: Path) -> Iterator[LabSite]:
    """A ban host and one FortiGate, nothing deployed."""
    with LabSite(tmp_path / "inventory", ready_root, [fortigate_options()]) as lab:
        yield lab


@pytest.fixture
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback needs no long wait to know that a prompt is the last thing said."""
    set_bounds(monkeypatch, settled=0.02)


@pytest.fixture(scope="session")
def kept_site(tmp_path_factory: pytest.TempPathFactory, ready_root: Path) -> Iterator[LabSite]:
    """A ban host and one FortiGate, deployed and switched off."""
    folder = tmp_path_factory.mktemp("kept") / "inventory"
    with LabSite(folder, ready_root, [fortigate_options()]) as lab:
        done = lab.run("apply", "-y")
        assert done.code == 0, done.out + done.err
        lab.host.keep()
        lab.units[0].stop()
        yield lab


@pytest.fixture
def deployed(tmp_path: Path, kept_site: LabSite) -> Iterator[LabSite]:
    """A ban host and one FortiGate that were deployed, after a boot of the host.

    To deploy costs four times what a boot costs.
    """
    with KeptSite(tmp_path / "inventory", kept_site) as lab:
        yield lab


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, ready_root: Path
) -> tuple[Any, list[int]]:
    """Return all that an undisturbed apply leaves behind, and how much it said to each target."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("undisturbed") / "inventory"
        site = stack.enter_context(LabSite(folder, ready_root, [fortigate_options()]))
        lab = Disturbed(site, stack)
        for proxy in lab.proxies:
            proxy.at(1 << 60, lambda: None)
        lab.apply(lambda disturb: None, "killing")
        assert site.run("verify").code == 0
        return lab.state(), lab.said()


@pytest.fixture(scope="module", params=FAIL2BAN)
def rules_site(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    """A site on each fail2ban, with the rules as they are shipped."""
    folder = tmp_path_factory.mktemp("site") / "inventory"
    units = [fortigate_options()]
    with LabSite(
        folder, build_ready_root(request.param), units, settings=ON, group_settings=""
    ) as site:
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        yield Rules(site)


@pytest.fixture
def rules(rules_site: Rules) -> Rules:
    """The site on each fail2ban, without bans and memory."""
    rules_site.clear()
    return rules_site


@pytest.fixture
def opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Yield a function that opens a world with sites of these names, all of which work."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with ExitStack() as stack:

        def opening(*names: str) -> World:
            hosts = {n: stack.enter_context(FakeBanHost(lambda _: Reply())) for n in names}
            found = World(tmp_path / "inventory", hosts, capsys, {})
            folder = write_inventory(tmp_path / "inventory", hosts)
            found.deploy(folder)
            for name, host in hosts.items():
                host.reply = reply_honestly(found, name)
            return found

        yield opening
        logging.getLogger().handlers.clear()  # a connection may end after the stream of the test


@pytest.fixture
def world(opened: Open) -> World:
    """Return a world of two sites, of which `evil1` may be made hostile."""
    return opened("evil1", "good1")
