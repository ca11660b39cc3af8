"""Settings of roles are checked strictly, and a fault says what to write instead."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from provision.errors import InputError
from provision.inventory.variables import Variable, Where
from provision.sites.setting_types import (
    Address,
    Duration,
    DurationOrForever,
    Expected,
    Network,
    Networks,
    Port,
    Unquoted,
)
from provision.sites.settings import (
    RoleSettings,
    Strict,
    find_secret_values,
    find_unknown_settings,
    read_settings,
)
from tests.unit.inventory.inventories import list_problems, read_scope
from tests.unit.sites.fake_role import FakeRole


class Block(Strict):
    max_retry: int = 3


class Keyed(Strict):
    key: SecretStr


def _check(value: SecretStr) -> SecretStr:
    if value.get_secret_value().startswith("ftp"):
        raise Unquoted("it must not begin with ftp")
    if not value.get_secret_value().startswith("https"):
        raise ValueError(f"{value.get_secret_value()} is wrong")
    return value


class Hook(Strict):
    url: Annotated[SecretStr, AfterValidator(_check), Expected("an https URL")]
    word: Literal["a", "b"] = "a"


class Settings(RoleSettings):
    demo_port: Port = Field(5000, description="TCP port of the demo")
    demo_count: int = 1
    demo_on: bool = False
    demo_name: str = "x"
    demo_tls: Literal["self_signed", "off"] = "self_signed"
    demo_ban_time: DurationOrForever = 600
    demo_allow: Networks = ()
    demo_find_time: Duration | None = None
    demo_retry: Port | None = None
    demo_words: tuple[str, ...] = ()
    demo_blocks: dict[str, Block] = Field(default={})
    demo_keys: dict[str, Keyed] = Field(default={})
    demo_hooks: tuple[Hook, ...] = ()
    demo_secret: SecretStr | None = None

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if self.demo_count > 1 and not self.demo_on:
            raise ValueError("demo_on must be true where demo_count is 2 or more")
        return self


class Needy(RoleSettings):
    needy_name: str = Field(description="how it is called")


DEMO = FakeRole("demo", "demo_", Settings)
NEEDY = FakeRole("needy", "needy_", Needy)
WHERE = Where("hosts.yml", 3)


def settings(folder: Path, text: str) -> Settings:
    made = read_settings(DEMO, read_scope(folder, text), WHERE)
    assert isinstance(made, Settings)
    return made


@pytest.mark.parametrize(
    ("written", "name", "value"),
    [
        ("demo_port: 80", "demo_port", 80),
        ("demo_port: '80'", "demo_port", 80),
        ("demo_port: '{{ 40 + 40 }}'", "demo_port", 80),
        ("demo_port: 'a{{ 1 }}'\nx: 1", "", None),
        ("demo_on: yes", "demo_on", True),
        ("demo_on: 'no'", "demo_on", False),
        ("demo_tls: off", "demo_tls", "off"),
        ("demo_tls: 'off'", "demo_tls", "off"),
        ("demo_ban_time: 1w", "demo_ban_time", 604800),
        ("demo_ban_time: -1", "demo_ban_time", -1),
        ("demo_allow: [192.0.2.1]", "demo_allow", (ipaddress.ip_network("192.0.2.1/32"),)),
        ("demo_blocks: {a: {max_retry: 5}}", "demo_blocks", {"a": Block(max_retry=5)}),
        ("foreign: {{}: 1}", "", None),
    ],
)
def test_a_good_value_is_taken(tmp_path: Path, written: str, name: str, value: object) -> None:
    if name:
        assert getattr(settings(tmp_path, written), name) == value
    else:
        with pytest.raises(InputError):
            settings(tmp_path, written)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        (
            "demo_port: abc",
            "demo_port must be an integer from 1 to 65535 (got 'abc'); TCP port of the demo, default 5000",
        ),
        (
            "demo_port: 0",
            "demo_port must be an integer from 1 to 65535 (got 0); TCP port of the demo,",
        ),
        (
            "demo_port: yes",
            "demo_port: YAML reads it as true or false; put quotes around it if it is me",
        ),
        (
            "demo_count: yes",
            "demo_count: YAML reads it as true or false; put quotes around it if it is m",
        ),
        ("demo_count: 1.5", "demo_count must be an integer (got 1.5); default 1"),
        ("demo_on: maybe", "demo_on must be true or false (got 'maybe'); default false"),
        ("demo_name: 10", "demo_name must be a string, in quotes (got 10); default x"),
        (
            "demo_tls: on",
            "demo_tls: YAML reads it as true or false; put quotes around it if it is mea",
        ),
        ("demo_tls: self", "demo_tls must be self_signed or off (got 'self'); default self_signed"),
        (
            "demo_ban_time: 0",
            "demo_ban_time: it must be at least one second (got 0); write a time such as",
        ),
        (
            "demo_ban_time: 999999w",
            "demo_ban_time: it must be at most 100 years; write -1 for a permanent ban (got",
        ),
        (
            "demo_find_time: 5300w",
            "demo_find_time: it must be at most 100 years (got '5300w'); write a time such as 90",
        ),
        (
            "demo_ban_time: soon",
            "demo_ban_time must be a time such as 90 (seconds), 10m, 12h, 7d or 1w, or -",
        ),
        ("demo_allow: 10.0.0.0/8", "demo_allow must be a list (got '10.0.0.0/8')"),
        (
            "demo_allow: [10.0.0.1/8]",
            "demo_allow[0]: it is an address within the network 10.0.0.0/8 (got '10.0.0.1/8');"
            " write an address or a network such as",
        ),
        (
            "demo_allow: [bastion.example.com]",
            "demo_allow[0] must be an address or a network such as 192.0.2.0/24 or 2001:",
        ),
        ("demo_blocks: {a: {max_rety: 5}}", "demo_blocks.a.max_rety is unknown here"),
        (
            "demo_blocks: {a: {max_retry: x}}",
            "demo_blocks.a.max_retry must be an integer (got 'x')",
        ),
        ("demo_blocks: {a: 5}", "demo_blocks.a must be a mapping (got 5)"),
        (
            "demo_find_time: x",
            "demo_find_time must be a time such as 90 (seconds), 90s, 10m, 12h, 7d or 1w (got 'x')",
        ),
        ("demo_retry: 65536", "demo_retry must be an integer from 1 to 65535 (got 65536)"),
        ("demo_hooks: [{url: https://x}, {}]", "demo_hooks[1].url is not set; write an https URL"),
        (
            "demo_hooks: [{url: hunter2}]",
            "demo_hooks[0].url: it is not valid; write an https URL",
        ),
        (
            "demo_hooks: [{url: ftp://hunter2}]",
            "demo_hooks[0].url: it must not begin with ftp; write an https URL",
        ),
        ("demo_hooks: [{url: https://x, word: c}]", "demo_hooks[0].word must be a or b"),
        (
            "demo_hooks: [{url: https://x, hunter2: 1}]",
            "demo_hooks[0] has a name that is unknown here; remove it or correct it",
        ),
        ("demo_keys: {a: {}}", "demo_keys.a.key is not set"),
        (
            "demo_count: 2",
            "settings of role demo: demo_on must be true where demo_count is 2 or more",
        ),
        ("demo_words: [yes]", "demo_words[0] must be a string, in quotes (got True)"),
        (
            "demo_secret: abc",
            "demo_secret: it is shorter than 4 characters and cannot be masked",
        ),
        ("demo_secret: 12345", "demo_secret must be a string, in quotes"),
    ],
)
def test_a_wrong_value_is_an_error_at_its_line(tmp_path: Path, written: str, fault: str) -> None:
    with pytest.raises(InputError) as error:
        settings(tmp_path, f"# comment\n{written}")
    (found,) = list_problems(error, tmp_path)
    assert found.startswith(f"host_vars/h.yml:2: {fault}")
    assert "hunter2" not in found


def test_all_wrong_settings_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        settings(tmp_path, "demo_port: x\ndemo_count: '{{ nope }}'\ndemo_on: 7\n")
    assert [fault.split()[1] for fault in list_problems(error, tmp_path)] == [
        "demo_port",
        "demo_count:",
        "demo_on",
    ]


def test_a_missing_setting_is_reported_where_the_host_stands(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_settings(NEEDY, read_scope(tmp_path, "x: 1"), WHERE)
    assert str(error.value) == (
        "hosts.yml:3: needy_name is not set; write a string, in quotes (how it is called)"
    )


def test_a_wrong_secret_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        settings(tmp_path, "demo_secret: [hunter2]\ndemo_keys: {a: {key: [hunter2]}}")
    assert "hunter2" not in str(error.value)
    assert len(error.value.problems) == 2


def test_unknown_names_with_a_roles_prefix_are_errors_and_others_are_not() -> None:
    variables = {
        "demo_prot": Variable(1, Where("a.yml", 1)),
        "demo_zzzzzzzz": Variable(1, Where("a.yml", 2)),
        "demo_port": Variable(1, Where("a.yml", 3)),
        "demonstration": Variable(1, Where("a.yml", 4)),
        "needy_nam": Variable(1, Where("a.yml", 5)),
    }
    found = [str(fault) for fault in find_unknown_settings([DEMO, NEEDY], variables)]
    assert found[0] == "a.yml:1: unknown setting demo_prot in role demo; did you mean demo_port?"
    assert found[1].startswith(
        "a.yml:2: unknown setting demo_zzzzzzzz in role demo; it has demo_al"
    )
    assert found[2] == "a.yml:5: unknown setting needy_nam in role needy; did you mean needy_name?"
    assert len(found) == 3


def test_secrets_are_found_however_deep(tmp_path: Path) -> None:
    made = settings(tmp_path, "demo_secret: hunter2\ndemo_keys: {a: {key: swordfish}}")
    assert set(find_secret_values(made)) == {"hunter2", "swordfish"}
    assert "hunter2" not in repr(made)


@pytest.mark.parametrize("wrong", [1, "1", "10.0.0.256", "10.0.0.0/33", "host", "", None, True])
def test_what_is_no_address_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[object](Address).validate_python(wrong)
    with pytest.raises(ValidationError):
        TypeAdapter[object](Network).validate_python(wrong)


@given(st.ip_addresses())
def test_every_address_is_an_address_and_a_network_of_one(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert TypeAdapter(Address).validate_python(str(address)) == address
    assert TypeAdapter(Network).validate_python(str(address)).num_addresses == 1
