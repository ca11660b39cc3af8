"""An error about a setting names its place in the inventory, and the form of the value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from provision.cli.main import main
from provision.sites.setting_errors import walk_annotation
from provision.sites.setting_types import Expected
from tests.plays import PLAYS, load_plays

SETTINGS = {
    "alarms_mail_server: http://mail": "must be a host name or an address",
    "alarms_mail_user: Ren\u00e9": "must be a name of at most 200 characters of printable ASCII",
    "alarms_syslog: log.example.com": "must be like tls://log.example.com:6514",
    "alarms_proxy: http://proxy:3128": "must be like proxy.example.com:3128",
    "share_bans: [No/rth]": "share_bans[0] must be a name of lower-case letters, digits and '-'",
    "page_users: [{name: a b, role: viewer}]": "page_users[0].name must be a name of at most 64",
    "page_trusted_header: X_User": "must be the name of a header, such as X-Forwarded-User",
    "receiver_log_size: 50": "must be a size such as 500k or 50M",
    "page_idle: 10": "10m, 12h, 7d or 1w, from 1m to 1d (got 10)",
}
# Settings that do not fit together: the one that is set has the place.
PAIRS = {
    "page: on\nshare_port: 8443\nshare_bans: []\nreceiver_port: 8443": "page_port must differ",
    "page: on\npage_trusted_proxies: [192.0.2.80]": "page_trusted_header and page_trusted_proxies",
    "page: on": "page_users: nobody could log in",
    "page: on\nreceiver_tls: off": "passwords need https",
}


def check(folder: Path, settings: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the errors of an inventory with these settings, one of them on each line from 5 on."""
    lines = "".join(f"      {line}\n" for line in settings.splitlines())
    text = "all:\n children:\n  ban_hosts:\n   vars:\n" + lines + "   hosts: {bh1: }\n"
    (folder / "hosts.yml").write_text(text, encoding="utf-8")
    assert main(load_plays, ["check", "-i", str(folder)]) == 3
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(("setting", "what"), SETTINGS.items(), ids=lambda each: each.split(":")[0])
def test_an_error_names_the_form_of_the_value(
    tmp_path: Path, setting: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (error,) = check(tmp_path, setting, capsys)
    assert "hosts.yml:5: bh1: " in error
    assert what in error


@pytest.mark.parametrize(("settings", "what"), PAIRS.items(), ids=range(len(PAIRS)))
def test_an_error_about_several_settings_names_the_line_of_one_that_is_set(
    tmp_path: Path, settings: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [error for error in check(tmp_path, settings, capsys) if what in error]
    assert found
    assert all("hosts.yml:" in error for error in found)


def list_fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the settings of a role and of the blocks in them, by name."""
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}", field
        for part in walk_annotation(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from list_fields(part)


def test_each_setting_with_a_pattern_says_what_it_expects() -> None:
    models = {role.Settings for play in PLAYS for role in play.roles}
    found = {name: field for model in models for name, field in list_fields(model)}
    nameless = {
        name
        for name, field in found.items()
        if any(getattr(mark, "pattern", None) for mark in field.metadata)
        and not any(isinstance(mark, Expected) for mark in field.metadata)
    }
    assert nameless == set()
