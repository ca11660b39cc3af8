"""Every rendered file, beside the one that was reviewed, and accepted by the language it is written in.

After an intended change, run ``BANSTITCH_UPDATE_GOLDEN=1 pytest tests/unit/desired/test_golden.py``
and read the diff of tests/golden/rendered.
"""

from __future__ import annotations

import configparser
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import roles.detection.role
import roles.receiver.role
from provision.desired.context import Context
from provision.desired.share_certificates import make_authority
from provision.desired.templates import TEMPLATES
from provision.fortios.config.desired import read_blocks
from provision.fortios.config.facts import assume_facts
from provision.fortios.config.text import Config, parse
from provision.fortios.config.versions import NEWEST, read_version
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.sites.settings import Peer
from roles import abuseipdb, enforcement, feed, page, rules, sharing, watch, webhook
from roles.alarms import role as alarms
from tests import PROJECT
from tests.unit.roles.sample_site import fortios, linux, sample_site

HASH = f"scrypt:32768:8:1$0123456789abcdef01234567${'0f' * 64}"
GOLDEN = PROJECT / "tests" / "golden" / "rendered"


def rendered() -> dict[str, str]:
    """Every file and CLI block of the sample site, by the name it has in the golden folder."""
    site = sample_site()
    found = (
        *roles.detection.role.resources(linux(site)),
        *roles.receiver.role.resources(linux(site)),
        *rules.resources(linux(site)),
    )
    others = OTHER_UNITS | OF_WATCH | OF_PAGE | OF_SHARING
    return of_ban_host(found) | cli("fw1", fortios(site)) | others


def cli(name: str, context: Context) -> dict[str, str]:
    """The CLI blocks of a FortiGate, by the name that each has in the golden folder."""
    blocks = [b for role in (webhook, feed, enforcement) for b in role.blocks(context)]
    return {f"{name}/{block.name}.conf": block.text for block in blocks if block.text}


def other_units() -> dict[str, str]:
    """The same on FortiGates whose CLI differs, with every enforcement that they can have."""
    found: dict[str, str] = {}
    for version in ("6.4.15", "7.0.0", "7.2.0", "7.2.4"):
        places = ("ssl_vpn", "policy", *(("local_in",) if version == "7.2.4" else ()))
        unit = assume_facts(read_version(version))
        found |= cli(f"fw1-{version}", replace(_with(places), facts=unit))
    found |= {f"fw1-dialup/{b.name}.conf": b.text for b in enforcement.blocks(_dialup()) if b.text}
    everywhere = _with(("ssl_vpn", "local_in", "policy"))
    return found | cli("fw1-vdoms", replace(everywhere, facts=assume_facts(NEWEST, "edge")))


def _with(places: tuple[str, ...]) -> Context:
    settings = enforcement.Settings.model_validate(
        {
            "enforcement": places,
            "enforcement_vdom": "edge",
            "enforcement_ipv6": True,
            "enforcement_local_in_interfaces": ["wan1", "wan2"],
            "enforcement_local_in_services": ["HTTPS", "IKE"],
            "enforcement_policy_source_interfaces": ["wan zone"],
            "enforcement_policy_destination_interfaces": ["any"],
            "enforcement_existing_sessions": "clear",
        }
    )
    return fortios(sample_site(fortigate={"enforcement": settings}))


def _dialup() -> Context:
    """A FortiGate without SSL VPN, on which IPsec clients dial in."""
    shown = 'config vpn ipsec phase1-interface\nedit a\nset type dynamic\nset interface "wan1"\nnext\nend\n'
    tree = parse(f"{shown}config system settings\nset ike-tcp-service enable\nend\n")
    own = {config.path: config.body for config in tree if isinstance(config, Config)}
    return replace(fortios(sample_site()), own=own)


def of_watch() -> dict[str, str]:
    """The files that a site has only if its ignore list has a name, or if it has alarms."""
    settings = roles.detection.role.Settings.model_validate(
        {"detection_ignore": ["office.example.com"]}
    )
    channels = alarms.Settings.model_validate(
        {
            "alarms_mail_to": ["noc@example.com"],
            "alarms_mail_from": "ban1@example.com",
            "alarms_mail_server": "mail.example.com",
            "alarms_webhooks": [
                {"name": "chat", "template": "slack", "url": "https://example.com/x"}
            ],
            "alarms_syslog": "tls://log.example.com:6514",
            "alarms_quiet": "22:00-06:00 Europe/Berlin",
            "heartbeat_url": "https://example.com/beat",
        }
    )
    reports = abuseipdb.Settings.model_validate({"abuseipdb_key": "0123456789abcdef" * 5})
    models = {"detection": settings, "alarms": channels, "abuseipdb": reports}
    found = watch.resources(linux(sample_site(models)))
    return of_ban_host(found)


def of_page() -> dict[str, str]:
    """The files that a site has only if the page is on."""
    users = [{"name": "anna", "role": "support", "password": HASH}]
    settings = page.Settings.model_validate(
        {"page": "on", "page_users": users, "page_readers": ["198.51.100.0/24"]}
    )
    return of_ban_host(page.resources(linux(sample_site({"page": settings}))))


def of_ban_host(found: Iterable[Resource]) -> dict[str, str]:
    """The rendered files among resources of the ban host, by the name each has in the golden folder."""
    return {
        f"ban1{resource.path}": resource.content
        for resource in found
        if isinstance(resource, File) and resource.content is not None and not is_plain(resource)
    }


OTHER_UNITS = other_units()


def of_sharing() -> dict[str, str]:
    """The units that a site has only if it shares bans."""
    certificate, key = make_authority("north")
    given = {
        "share_bans": ["north"],
        "share_ca": {"north": {"certificate": certificate, "key": key}},
    }
    site = sample_site({"sharing": sharing.Settings.model_validate(given)})
    peers = (Peer("ban1", "192.0.2.10", 5443), Peer("ban2", "192.0.2.20", 5443))
    context = linux(replace(site, peers={"north": peers}))
    return {
        f"ban1{resource.path}": resource.content
        for resource in sharing.resources(context)
        if isinstance(resource, File)
        and resource.content is not None
        and not is_plain(resource)
        and resource.content.strip() != certificate.strip()
    }


def is_plain(file: File) -> bool:
    """Return whether it is deployed unchanged from templates/, where it is reviewed."""
    return file.content in [path.read_text() for path in list_templates()[Path(file.path).name]]


@cache
def list_templates() -> dict[str, list[Path]]:
    """Return the files below templates/ by their names."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in TEMPLATES.rglob("*.*"):
        found[path.name].append(path)
    return found


OF_WATCH, OF_PAGE, OF_SHARING = of_watch(), of_page(), of_sharing()
RENDERED = rendered()


@pytest.mark.parametrize("name", RENDERED)
def test_a_file_is_rendered_as_it_was_reviewed(name: str) -> None:
    path = GOLDEN / f"{name}.golden"  # no Python file for ruff and mypy to find
    if os.environ.get("BANSTITCH_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RENDERED[name], encoding="utf-8")
    assert path.read_text(encoding="utf-8") == RENDERED[name]


def test_no_reviewed_file_is_left_over() -> None:
    kept = {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*") if path.is_file()}
    assert kept == {f"{name}.golden" for name in RENDERED}


def test_every_template_is_used() -> None:
    """A template that nothing renders has no test, so it may as well not exist."""
    there = {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.j2")}
    sources = "".join(path.read_text() for path in (TEMPLATES.parent / "roles").rglob("*.py"))
    named = {name for name in there if name in sources}
    made = {"webhook/trigger.j2", "webhook/stitch.j2"}
    made |= {"enforcement/ssl_vpn.j2", "enforcement/policy.j2"}
    assert there == named | made


@pytest.mark.parametrize("name", [name for name in RENDERED if name.endswith(".py")])
def test_python_files_compile(name: str) -> None:
    compile(RENDERED[name], name, "exec")


@pytest.mark.parametrize("name", [n for n in RENDERED if "/fail2ban/" in n and n.endswith(".conf")])
def test_fail2ban_files_are_read_by_configparser(name: str) -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.read_string(RENDERED[name])
    assert parser.sections()


@pytest.mark.parametrize("name", [name for name in RENDERED if name.startswith("fw1")])
def test_cli_blocks_are_fortios_text(name: str) -> None:
    assert parse(RENDERED[name])


def test_cli_blocks_of_one_fortigate_describe_no_object_twice() -> None:
    blocks = [b for r in (webhook, feed, enforcement) for b in r.blocks(fortios(sample_site()))]
    blocks = [block for block in blocks if block.text]
    assert len(read_blocks(blocks).objects) == len(blocks)


@pytest.mark.parametrize("name", RENDERED)
def test_every_file_ends_in_one_newline_and_has_no_trailing_blanks(name: str) -> None:
    text = RENDERED[name]
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not [line for line in text.splitlines() if line != line.rstrip()]
