"""Roles turn settings into resources: what each setting changes, and what never changes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

import roles.detection.role
import roles.receiver.role
from provision.linux.agent.protocol.bounds import OUR_PATHS
from provision.linux.kinds.file import File
from provision.linux.kinds.jail import Jail
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.tokens import Tokens
from roles import enforcement, feed, rules, webhook
from tests.unit.roles.sample_site import ban_host_settings, linux, sample_site

ALL_ROLES = (roles.detection.role, roles.receiver.role, rules, webhook, feed, enforcement)


def resources(**settings: Any) -> tuple[Resource, ...]:
    site = sample_site(ban_host_settings(**settings))
    return (
        *roles.detection.role.resources(linux(site)),
        *roles.receiver.role.resources(linux(site)),
        *rules.resources(linux(site)),
    )


def by_id(found: tuple[Resource, ...]) -> dict[str, Resource]:
    return {str(resource.id): resource for resource in found}


def file(found: tuple[Resource, ...], path: str) -> str:
    resource = by_id(found)[f"file:{path}"]
    assert isinstance(resource, File)
    assert resource.content is not None
    return resource.content


def config_of(found: tuple[Resource, ...]) -> dict[str, Any]:
    """The receiver's CONFIG as its file will hold it."""
    namespace: dict[str, Any] = {}
    exec(file(found, "/opt/banstitch/receiver/config.py"), namespace)
    return dict(namespace["CONFIG"])


def test_no_resource_is_asked_for_twice() -> None:
    ids = [resource.id for resource in resources()]
    assert len(ids) == len(set(ids))


def test_what_a_service_waits_for_is_among_the_resources() -> None:
    found = by_id(resources())
    for resource in found.values():
        if isinstance(resource, Service):
            assert {*map(str, resource.restart_on + resource.reload_on)} <= set(found)


def test_fail2ban_comes_before_the_receiver_which_is_healthy_only_with_it() -> None:
    services = [resource.name for resource in resources() if isinstance(resource, Service)]
    assert services == [
        "fail2ban.service",
        "banstitch-receiver.socket",
        "banstitch-receiver.service",
        "banstitch-rules.service",
        "banstitch-requests.path",
    ]


def test_nothing_is_written_where_the_operator_or_the_toolkit_itself_keeps_things() -> None:
    paths = [resource.id.name for resource in resources()]
    forbidden = ("/etc/fail2ban/jail.local", "/etc/fail2ban/jail.conf", "/var/lib/banstitch/")
    assert not [path for path in paths if f"{path}/".startswith(forbidden)]


def test_every_file_that_a_program_reads_is_checked_by_it() -> None:
    for resource in resources():
        if isinstance(resource, File) and resource.content is not None:
            assert resource.check or resource.path.endswith(".html")


def test_only_packages_of_the_distribution_are_wanted() -> None:
    names = {resource.name for resource in resources() if isinstance(resource, Package)}
    assert names == {
        "fail2ban", "python3-systemd", "gunicorn", "python3-gevent", "python3-flask", "logrotate",
        "openssl",
    }  # fmt: skip


def test_each_fortigate_has_two_secrets_and_verify_and_readers_have_one_each() -> None:
    (tokens,) = [resource for resource in resources() if isinstance(resource, Tokens)]
    of_units = ("webhook:fw1", "webhook:fw2", "feed:fw1", "feed:fw2")
    assert tokens.names == (*of_units, "status", "verify")
    assert (tokens.mode, tokens.owner, tokens.group) == (0o600, "root", "root")


def test_thresholds_of_one_detection_win_over_the_overall_ones_and_those_over_the_defaults() -> (
    None
):
    name = "sslvpn_login_failed"
    overall = {"detection_max_retry": 9, "detection_ban_time": "2h"}
    own = {name: {"ban_time": "-1"}}
    jail = next(r for r in resources(**overall, detection_settings=own) if isinstance(r, Jail))
    assert jail == Jail(
        f"banstitch-{name}", 9, 600, -1, f"/var/spool/banstitch/banstitch-{name}.bans"
    )


def test_the_jail_file_says_what_the_jail_should_be() -> None:
    text = file(resources(detection_max_retry=9), "/etc/fail2ban/jail.d/banstitch.conf")
    assert "[banstitch-sslvpn_login_failed]\n" in text
    for line in ("maxretry = 9", "findtime = 600", "bantime = 3600", "usedns = no"):
        assert f"\n{line}\n" in text


def test_no_line_of_the_jail_file_has_an_inline_comment() -> None:
    text = file(resources(), "/etc/fail2ban/jail.d/banstitch.conf")
    assert not re.search(r"^[^#\n].*[#;]", text, re.M)


def test_the_sites_own_hosts_and_the_named_networks_are_never_banned() -> None:
    found = resources(
        detection_ignore=["198.51.100.0/24"],
        receiver_ignore=["2001:db8::/32"],
        receiver_address="192.0.2.99",
    )
    one, *_ = config_of(found)["detections"]
    everywhere = {"192.0.2.10", "192.0.2.1", "198.51.100.0/24"}
    assert everywhere | {"2001:db8::/32", "192.0.2.99"} <= set(one["ignore"])
    jail = file(found, "/etc/fail2ban/jail.d/banstitch.conf")
    lines = re.findall(r'^action = .* ignore="(.*)"', jail, re.M)
    assert all(everywhere <= set(line.split()) for line in lines)


def test_the_sites_own_hosts_are_never_banned_by_their_ipv6_addresses_either() -> None:
    own = {"2a00::10", "2a00::1", "2a00::99"}
    settings = ban_host_settings(receiver_address="2a00::99", receiver_listen="2a00::10")
    plain = sample_site(settings, address="2a00::10")
    units = [replace(u, login=replace(u.login, address="2a00::1")) for u in plain.fortigates]
    context = linux(replace(plain, fortigates=tuple(units)))
    one, *_ = config_of(roles.receiver.role.resources(context))["detections"]
    assert own <= set(one["ignore"])
    jail = file(roles.detection.role.resources(context), "/etc/fail2ban/jail.d/banstitch.conf")
    lines = re.findall(r'^action = .* ignore="(.*)"', jail, re.M)
    assert all({"2a00::10", "2a00::1"} <= set(line.split()) for line in lines)


def test_the_receiver_is_asked_for_its_health_where_it_listens() -> None:
    def answers(**settings: Any) -> str:
        service = by_id(resources(**settings))["service:banstitch-receiver.service"]
        assert isinstance(service, Service)
        return service.answers

    assert answers() == "https://127.0.0.1:5000/healthz/live"
    assert answers(receiver_listen="::", receiver_port=5999) == "https://[::1]:5999/healthz/live"
    assert answers(receiver_tls="off") == "http://127.0.0.1:5000/healthz/live"
    assert answers(receiver_listen="127.0.0.7") == "https://127.0.0.7:5000/healthz/live"


def test_the_receiver_binds_the_configured_address() -> None:
    unit = "/etc/systemd/system/banstitch-receiver.socket"
    assert "\nListenStream=0.0.0.0:5000\n" in file(resources(), unit)
    assert "\nListenStream=[::]:5000\n" in file(resources(receiver_listen="::"), unit)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"receiver_port": 80}, "receiver_port"),
        ({"receiver_port": 70000}, "receiver_port"),
        ({"receiver_listen": "everywhere"}, "receiver_listen"),
        ({"receiver_address": "http://x"}, "receiver_address"),
        ({"receiver_address": "a b"}, "receiver_address"),
        ({"receiver_log_size": "50M\nsu root root"}, "receiver_log_size"),
        ({"detection_enabled": ["sslvpn_login_faild"]}, "detection_enabled"),
        ({"detection_settings": {"nothing": {}}}, "detection_settings"),
        ({"detection_ban_time": "soon"}, "detection_ban_time"),
        ({"detection_max_retry": 0}, "detection_max_retry"),
        ({"detection_ignore": ["10.0.0.1/8"]}, "detection_ignore"),
        ({"detection_ignore": ["0.0.0.0/0"]}, "detection_ignore"),
        ({"detection_ignore": ["::/0"]}, "detection_ignore"),
        ({"detection_trap_users": [" "]}, "detection_trap_users"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ban_host_settings(**settings)
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize("role", ALL_ROLES, ids=lambda role: role.__name__)
def test_every_setting_has_the_prefix_a_meaning_and_a_default(role: Any) -> None:
    for name, field in role.Settings.model_fields.items():
        assert name.startswith(role.PREFIX)
        assert field.description
        assert not field.is_required()


def test_every_file_has_a_path_that_the_agent_may_answer_with() -> None:
    ours = re.compile("|".join(OUR_PATHS))
    paths = [each.path for each in resources() if isinstance(each, File)]
    assert [path for path in paths if not ours.fullmatch(path)] == []
