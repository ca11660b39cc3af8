"""Sites of a group get certificates, a port for peers, and each other's names; others get nothing."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509

import roles.receiver.role
from provision.cli.main import cli
from provision.desired.context import Context
from provision.desired.share_certificates import make_authority, read_authority
from provision.errors import InputError
from provision.inventory.variables import Where
from provision.linux.kinds.certificate import Certificate, describe_expiry
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.sites.settings import Peer, list_groups
from roles import rules, sharing, watch
from tests.unit.roles.sample_site import linux, sample_site

NORTH = make_authority("north")
OTHER = make_authority("north")


def ca(pair: tuple[str, str] = NORTH) -> dict[str, dict[str, str]]:
    return {"north": {"certificate": pair[0], "key": pair[1]}}


def site(**more: Any) -> Context:
    given = {"share_bans": ["north"], "share_ca": ca()} | more
    settings = sharing.Settings.model_validate(given)
    models: dict[str, Any] = {
        "sharing": settings,
        "receiver": roles.receiver.role.Settings.model_validate({}),
    }
    peers = tuple(Peer(name, f"192.0.2.{n}", 5443) for n, name in enumerate(("ban0", "ban1", "x")))
    return linux(replace(sample_site(models), peers={"north": peers}))


def files(found: tuple[Resource, ...]) -> dict[str, str]:
    return {r.path: r.content for r in found if isinstance(r, File) and r.content is not None}


def certificate(context: Context) -> Certificate:
    (found,) = (r for r in sharing.resources(context) if isinstance(r, Certificate))
    return found


def test_a_site_that_shares_nothing_has_nothing_of_it() -> None:
    alone = linux(sample_site({"receiver": roles.receiver.role.Settings()}))
    assert sharing.resources(alone) == ()
    assert watch.resources(alone) == ()
    config = files(roles.receiver.role.resources(alone))["/opt/banstitch/receiver/config.py"]
    assert "share" not in config
    assert '"shares"' not in files(rules.resources(alone))["/etc/banstitch/rules.json"]


def test_each_program_gets_the_peers_and_never_the_site_itself() -> None:
    context = site()
    config = files(roles.receiver.role.resources(context))["/opt/banstitch/receiver/config.py"]
    share = ast.literal_eval(config.partition("CONFIG = ")[2])["share"]
    assert share["groups"] == {"north": ["ban0", "x"]}
    assert {"192.0.2.0", "192.0.2.2"} <= set(share["never"])
    peers = json.loads(files(watch.resources(context))["/etc/banstitch/watch.json"])["peers"]
    assert [(peer["site"], peer["host"]) for peer in peers] == [
        ("ban0", "192.0.2.0"),
        ("x", "192.0.2.2"),
    ]
    served = json.loads(files(sharing.resources(context))["/etc/banstitch/share.json"])
    assert served["groups"]["north"]["sites"] == ["ban0", "x"]
    assert json.loads(files(rules.resources(context))["/etc/banstitch/rules.json"])["shares"]


def test_the_socket_is_started_before_the_service_that_serves_peers() -> None:
    services = [r.name for r in sharing.resources(site()) if isinstance(r, Service)]
    assert services == ["banstitch-share.socket", "banstitch-share.service"]


def test_the_same_inventory_gives_the_same_certificate_and_another_site_another() -> None:
    assert certificate(site()).content == certificate(site()).content
    assert certificate(site()).content != certificate(site(share_ca=ca(OTHER))).content
    other = replace(site().site, name="ban0")
    assert certificate(Context(other, other.ban_host)).content != certificate(site()).content


def test_a_certificate_names_the_site_of_the_inventory_and_is_no_ca() -> None:
    found = x509.load_pem_x509_certificate(certificate(site()).content.encode())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == ["banstitch:share/north/ban1"]
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    authority, _ = read_authority(*NORTH)
    found.verify_directly_issued_by(authority)


def test_the_key_of_a_site_is_in_no_plan_and_that_of_the_ca_on_no_host() -> None:
    context = site()
    key = certificate(context).content.split("-----")[2].strip()
    everything = (
        *sharing.resources(context),
        *watch.resources(context),
        *roles.receiver.role.resources(context),
    )
    texts = [*files(everything).values(), repr(certificate(context))]
    assert not any(key in text for text in texts)
    secret = NORTH[1].split("-----")[2].strip()
    assert not any(secret in text for text in [*texts, certificate(context).content])


def test_the_certificate_of_the_receiver_is_not_confused_with_those_of_groups() -> None:
    resources = (*roles.receiver.role.resources(site()), *sharing.resources(site()))
    assert describe_expiry(resources, {})["kind"] == "self_signed"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "share_ca must have group north"),
        (ca((NORTH[0], OTHER[1])), "the key must be that of the certificate"),
        (ca(("x", NORTH[1])), "as share-ca prints them"),
        (ca((NORTH[0], "not a key at all")), "as share-ca prints them"),
    ],
)
def test_a_ca_that_cannot_be_used_is_an_error_that_says_what_to_do(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        sharing.resources(site(share_ca=given))
    assert "share-ca north" in str(raised.value)


def test_a_wrong_setting_is_named_with_its_line() -> None:
    context = site(share_ca={})
    host = replace(context.site.ban_host, where={"share_bans": Where("inventory.yml", 7)})
    with pytest.raises(InputError) as raised:
        sharing.resources(Context(replace(context.site, ban_host=host), host))
    assert "inventory.yml:7" in str(raised.value)


def test_peers_and_fortigates_cannot_have_the_same_port() -> None:
    with pytest.raises(InputError, match="share_port must differ from receiver_port"):
        sharing.resources(site(share_port=5000))


def test_a_site_has_a_bounded_number_of_peers() -> None:
    context = site()
    peers = tuple(Peer(f"s{n}", f"192.0.2.{n}", 5443) for n in range(61))
    crowded = replace(context.site, peers={"north": peers})
    with pytest.raises(InputError, match="at most 60 other sites"):
        watch.resources(Context(crowded, crowded.ban_host))


@pytest.mark.parametrize("group", ["North", "a b", "", "-a", "a" * 31, "../x"])
def test_a_group_has_a_plain_name(group: str) -> None:
    with pytest.raises(ValueError, match="share_bans"):
        site(share_bans=[group])
    assert CliRunner().invoke(cli, ["share-ca", "--", group]).exit_code != 0


def test_peers_reach_a_site_where_fortigates_do_unless_it_names_another_address() -> None:
    receiver = roles.receiver.role.Settings.model_validate({"receiver_address": "bh.example.net"})
    plain = sharing.Settings.model_validate({"share_bans": ["north"]})
    own = sharing.Settings.model_validate(
        {"share_bans": ["north", "all"], "share_address": "10.0.0.1", "share_port": 6000}
    )
    hosts = [
        ("b", "192.0.2.1", {"sharing": own, "receiver": receiver}),
        ("a", "192.0.2.2", {"sharing": plain, "receiver": receiver}),
        ("c", "192.0.2.3", {"sharing": sharing.Settings(), "receiver": receiver}),
    ]
    assert list_groups([sharing], hosts) == {
        "north": (Peer("a", "bh.example.net", 5443), Peer("b", "10.0.0.1", 6000)),
        "all": (Peer("b", "10.0.0.1", 6000),),
    }


def test_what_the_verb_prints_is_what_the_setting_takes() -> None:
    import yaml

    printed = CliRunner().invoke(cli, ["share-ca", "north"], obj=None)
    assert printed.exit_code == 0, printed.output
    given = yaml.safe_load(printed.output)
    assert certificate(site(**given)).path == "/etc/banstitch/share/north.pem"
