"""The page is there only where it is wanted, and only with settings that protect it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from banstitch_shared.passwords import check_password, make_hash
from click.testing import CliRunner
from pydantic import ValidationError

import roles.receiver.role
from provision.cli.main import cli
from provision.errors import InputError
from provision.linux.kinds.file import File
from provision.linux.kinds.service import Service
from provision.sites.settings import find_secret_values
from roles import page
from tests.unit.roles.sample_site import linux, sample_site

HASH = make_hash("correct horse battery")
USERS = [{"name": "anna", "role": "support", "password": HASH}]


def resources(receiver: dict[str, Any] | None = None, **settings: Any) -> tuple[Any, ...]:
    models = {
        "page": page.Settings.model_validate({"page": "on", "page_users": USERS, **settings}),
        "receiver": roles.receiver.role.Settings.model_validate(receiver or {}),
    }
    return page.resources(linux(sample_site(models)))


def files(found: tuple[Any, ...]) -> dict[str, str]:
    return {r.path: r.content for r in found if isinstance(r, File) and r.content is not None}


def test_it_is_off_by_default() -> None:
    assert page.resources(linux(sample_site())) == ()


def test_its_settings_are_for_its_own_group_and_its_hashes_are_secrets() -> None:
    (file,) = (r for r in resources() if isinstance(r, File) and r.path.endswith("page.json"))
    assert (file.mode, file.owner, file.group) == (0o640, "root", "banstitch-page")
    assert json.loads(file.content or "")["users"] == {
        "anna": {"role": "support", "password": HASH}
    }
    assert list(find_secret_values(page.Settings.model_validate({"page_users": USERS}))) == [HASH]


def test_it_is_asked_for_with_the_certificate_of_the_receiver() -> None:
    service, _ = (r for r in resources(page_port=9443) if isinstance(r, Service))
    assert service.answers == "https://127.0.0.1:9443/healthz/live"
    assert service.certificate == "/etc/banstitch/tls/server.pem"


def test_readers_are_filtered_by_systemd() -> None:
    unit = "/etc/systemd/system/banstitch-page.service"
    assert "IPAddressAllow" not in files(resources())[unit]
    allowed = files(resources(page_readers=["198.51.100.0/24"]))[unit]
    assert "IPAddressDeny=any" in allowed
    assert "198.51.100.0/24" in allowed.split("IPAddressAllow=")[1].splitlines()[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"page_users": [{**USERS[0], "role": "root"}]},
        {"page_users": [{**USERS[0], "name": "../x"}]},
        {"page_users": [{**USERS[0], "password": "in clear"}]},
        {"page_users": [{**USERS[0], "password": HASH.replace("32768", "999999")}]},
        {"page_users": USERS * 2},
        {"page_url": "http://bans.example.com"},
        {"page_url": "https://bans.example.com/path"},
        {"page_trusted_header": "X-User\r\n"},
        {"page_port": 443},
        {"page_trusted_header": "X-User", "page_trusted_proxies": ["0.0.0.0/0"]},
    ],
)
def test_a_wrong_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        resources(**settings)
    assert HASH not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"page_users": []}, "nobody could log in"),
        ({"page_port": 5000}, "page_port must differ from receiver_port"),
        ({"receiver": {"receiver_tls": "off"}}, "passwords need https"),
        ({"page_trusted_header": "X-User"}, "belong together"),
        ({"page_trusted_proxies": ["192.0.2.80"]}, "belong together"),
        ({"page_users": [{"name": "anna", "role": "viewer"}]}, "anna has no password"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        resources(**settings)


@pytest.mark.parametrize(
    "url", ["https://Bans.Example.com/", "https://bans.example.com:443", "https://bans.example.com"]
)
def test_a_url_is_kept_as_browsers_name_it(url: str) -> None:
    assert page.Settings.model_validate({"page_url": url}).page_url == "https://bans.example.com"


def test_without_https_it_may_stand_behind_a_proxy_on_the_same_host() -> None:
    assert resources({"receiver_tls": "off"}, page_listen="127.0.0.1")


def test_the_command_line_makes_a_hash_and_refuses_a_short_password() -> None:
    typed = "correct horse battery\n" * 2
    made = CliRunner().invoke(cli, ["hash-password"], input=typed)
    assert check_password(made.stdout.strip().splitlines()[-1], "correct horse battery")
    short = CliRunner().invoke(cli, ["hash-password"], input="short\nshort\n")
    assert short.exit_code == 2
    assert "scrypt" not in short.output
