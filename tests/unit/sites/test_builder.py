"""Sites come complete out of an inventory, or every fault does, and every password is masked."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.inventory.loader import load
from provision.masking import MASK, Secrets
from provision.sites.builder import build_sites
from provision.sites.site import Selected, limit_sites
from tests import PROJECT
from tests.plays import load_plays
from tests.unit.inventory.inventories import write
from tests.unit.sites.sites_model import PLAYS, Feed, Receiver, build


def test_a_site_is_a_ban_host_and_the_fortigates_that_name_it(tmp_path: Path) -> None:
    found = build(
        tmp_path,
        """
        ban_hosts: {hosts: {ban2: , ban1: {receiver_port: 5001}}}
        fortigates:
          vars: {feed_name: list}
          hosts: {fw3: {ban_host: ban2}, fw2: {ban_host: ban1}, fw1: {ban_host: ban1}}
        strangers: {hosts: {other: {ansible_port: x, receiver_foo: 1}}}
        """,
    )
    assert [(site.name, [unit.name for unit in site.fortigates]) for site in found] == [
        ("ban1", ["fw1", "fw2"]),
        ("ban2", ["fw3"]),
    ]
    assert found[0].ban_host.settings == {"receiver": Receiver(receiver_port=5001)}
    assert found[0].fortigates[0].settings == {"feed": Feed(feed_name="list")}


def test_a_site_knows_the_addresses_of_the_whole_inventory(tmp_path: Path) -> None:
    found = build(
        tmp_path,
        """
        ban_hosts: {hosts: {ban2: {ansible_host: 192.0.2.2}, ban1: {ansible_host: 192.0.2.1}}}
        fortigates:
          hosts:
            fw2: {ban_host: ban2, ansible_host: fw2.example.com}
            fw1: {ban_host: ban1, ansible_host: "2001:db8::1"}
        """,
    )
    addresses = ("192.0.2.1", "192.0.2.2", "2001:db8::1")
    assert [site.inventory_addresses for site in found] == [addresses] * 2


def test_every_password_and_secret_setting_is_masked(tmp_path: Path) -> None:
    secrets = Secrets()
    build(
        tmp_path,
        """
        ban_hosts:
          hosts:
            ban1:
              ansible_password: "{{ 'login' ~ 'word' }}"
              ansible_become_password: sudoword
              receiver_token: tokenword
        fortigates: {hosts: {fw1: {ban_host: ban1, ansible_password: wallword}}}
        """,
        secrets,
    )
    shown = secrets.mask("loginword sudoword tokenword wallword")
    assert shown == " ".join([MASK] * 4)


def test_a_limit_selects_sites_and_the_targets_within(tmp_path: Path) -> None:
    everything = build(
        tmp_path,
        """
        ban_hosts: {hosts: {ban1: , ban2: }}
        fortigates: {hosts: {fw1: {ban_host: ban1}, fw2: {ban_host: ban1}}}
        """,
    )
    first, second = everything
    chosen = limit_sites(everything, frozenset({"fw2"}))
    assert chosen == (Selected(first, linux=False, fortigates=(first.fortigates[1],)),)
    assert limit_sites(everything, frozenset({"ban1"})) == (
        Selected(first, linux=True, fortigates=()),
    )
    assert limit_sites(everything, frozenset({"ban2", "fw1", "stranger"})) == (
        Selected(first, linux=False, fortigates=(first.fortigates[0],)),
        Selected(second, linux=True, fortigates=()),
    )


def test_the_shipped_inventory_has_two_sites_one_of_them_with_two_fortigates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORTIGATE_PASSWORD", "common-one")
    monkeypatch.setenv("FW_PARIS_2_PASSWORD", "own-one")
    berlin, paris = build_sites(load(PROJECT / "inventory"), load_plays(), Secrets())
    assert [unit.name for unit in berlin.fortigates] == ["fw-berlin"]
    assert [(unit.name, unit.login.password) for unit in paris.fortigates] == [
        ("fw-paris-1", "common-one"),
        ("fw-paris-2", "own-one"),
    ]


def test_the_shipped_inventory_without_passwords_can_be_checked_and_knows_what_to_export(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FORTIGATE_PASSWORD", raising=False)
    monkeypatch.delenv("FW_PARIS_2_PASSWORD", raising=False)
    found = build_sites(load(PROJECT / "inventory"), PLAYS, Secrets())
    unset = [fault for site in found for unit in site.fortigates for fault in unit.login.unset]
    assert unset
    assert all("export FORTIGATE_PASSWORD" in str(fault) for fault in unset)


def test_an_inventory_of_a_thousand_sites_is_built(tmp_path: Path) -> None:
    write(
        tmp_path,
        hosts__yml="""
        ban_hosts: {hosts: {"ban[0001:1000]": }}
        fortigates:
          vars: {ban_host: "{{ inventory_hostname | replace('fw', 'ban') }}"}
          hosts: {"fw[0001:1000]": }
        """,
    )
    found = build_sites(load(tmp_path), PLAYS, Secrets())
    assert len(found) == 1000
    assert all(len(site.fortigates) == 1 for site in found)


def test_a_password_of_the_command_line_beats_every_other_spelling_of_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        hosts__yml="""
        ban_hosts: {hosts: {ban1: {ansible_ssh_pass: of-the-file, ansible_user: root}}}
        """,
    )
    (site,) = build_sites(load(tmp_path, ["ansible_password=of-the-line"]), PLAYS, Secrets())
    assert site.ban_host.login.password == "of-the-line"
