"""A FortiGate that FortiManager manages, from the inventory to the bytes on the wire of a simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.cli import main
from provision.desired.context import CA_NOT_MADE_YET
from provision.fortios.config.text import parse
from tests.e2e.every_fortios import FORTIGATES, make_variables, start_simulator
from tests.e2e.memory_site import TOKENS, MemorySite
from tests.plays import load_plays
from tests.simulator import Options, Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")

MANAGER = "10.0.0.9"
SSL_ON = "config vpn ssl settings\nset source-interface port1\nset source-address all\nend\n"
POLICY = {
    "enforcement": ["policy"],
    "enforcement_policy_source_interfaces": ["port1"],
    "enforcement_policy_destination_interfaces": ["any"],
}


@pytest.mark.parametrize("purges", [False, True])
def test_what_auto_makes_survives_the_install_of_a_package(tmp_path: Path, purges: bool) -> None:
    options = Options(enc_stable=True, manager=MANAGER, package_purges=purges)
    with Simulator(options) as fortigate:
        fortigate.run(SSL_ON)
        site = MemorySite(tmp_path, fortigate, enforcement_policy_source_interfaces=["port1"])
        assert site.apply().error == ""
        fortigate.install_package()
        assert site.plan().changes == ()


def test_a_policy_that_an_install_removed_is_made_again(tmp_path: Path) -> None:
    with Simulator(Options(enc_stable=True, manager=MANAGER, package_purges=True)) as fortigate:
        site = MemorySite(tmp_path, fortigate, **POLICY)
        assert any(MANAGER in note for note in site.apply().notes)
        fortigate.install_package()
        lost = [change.id for change in site.plan().changes]
        assert "firewall policy:9001" in lost
        assert site.apply().error == ""
        assert site.plan().changes == ()


def render_scripts(site: MemorySite, version: str, folder: Path) -> tuple[str, str]:
    """Return both scripts of `fgt1`, with what the ban host made filled in."""
    arguments = ["render", "--fortimanager", str(folder), "--fortios", version]
    assert main.main(load_plays, [*arguments, "-i", str(site.folder)]) == 0
    deploy, remove = ((folder / f"fgt1.{each}.txt").read_text() for each in ("deploy", "remove"))
    deploy = deploy.replace(f'set ca "{CA_NOT_MADE_YET}"', f'set ca "{site.authority.strip()}"')
    for name, token in TOKENS.items():
        deploy = deploy.replace(f"(secret {name})", token)
    return deploy, remove


@pytest.mark.parametrize(("version", "vdoms"), FORTIGATES)
def test_the_scripts_do_what_apply_and_teardown_do(
    tmp_path: Path, version: str, vdoms: tuple[str, ...]
) -> None:
    with start_simulator(version, vdoms) as fortigate:
        site = MemorySite(tmp_path / "inventory", fortigate, **make_variables(version, vdoms))
        before = fortigate.show()
        assert site.apply().error == ""
        deploy, remove = render_scripts(site, version, tmp_path / "scripts")
        assert "(secret" not in deploy
        assert "(CA" not in deploy
        assert parse(deploy)
        assert parse(remove)
        fortigate.journal.clear()
        fortigate.run(remove)
        assert "banstitch" not in fortigate.show().lower()
        assert fortigate.show() == before
        fortigate.run(deploy)
        assert [line for line in fortigate.journal if line.errors] == []
        left = {(each.action, each.reason) for each in site.plan().changes}
        assert left <= {("update", "it is not the first")}  # what the operator moves by hand


def test_what_a_script_made_is_adopted_and_its_removal_leaves_nothing_to_tear_down(
    tmp_path: Path,
) -> None:
    with start_simulator("7.4.8", ()) as fortigate:
        fortigate.run(SSL_ON)
        site = MemorySite(tmp_path / "inventory", fortigate)
        site.selected()
        deploy, remove = render_scripts(site, "7.4.8", tmp_path / "scripts")
        fortigate.run(deploy)
        assert "--adopt" in site.plan().error
        assert site.apply(adopt=True).error == ""
        assert site.plan().changes == ()
        fortigate.run(remove)
        gone = site.teardown()
        assert (gone.error, gone.changes) == ("", ())
        assert site.records == {}
        assert "banstitch" not in fortigate.show().lower()
