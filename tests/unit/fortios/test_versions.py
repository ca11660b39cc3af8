"""Capabilities of FortiOS versions: each boundary is where its source puts it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import roles.detection.role
from provision.desired.templates import TEMPLATES
from provision.errors import InputError
from provision.fortios.config.desired import CliBlock, read_blocks
from provision.fortios.config.diff import get_values, read_attributes
from provision.fortios.config.facts import assume_facts, find_capability, warn_of_unknown_version
from provision.fortios.config.limits import LONGEST_LINE
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.tables import CAPABILITIES, TABLES
from provision.fortios.config.text import Statement, forti_quote, parse, serialize
from provision.fortios.config.versions import (
    NEWEST,
    TRAINS,
    explain_refusal,
    format_version,
    is_within,
    read_version,
)
from provision.sites.setting_types import InterfaceName, VdomName
from roles import webhook
from roles.detection.catalogue import CATALOGUE
from tests.unit.roles.sample_site import fortios, sample_site


def has(feature: str, version: str) -> bool:
    return assume_facts(read_version(version)).has(feature)


@pytest.mark.parametrize(
    ("feature", "without", "with_it"),
    [
        ("stitch_actions", ["6.4.15", "7.0.0"], ["7.0.1", "7.2.0", "8.0.0"]),
        ("http_headers", ["6.4.0", "7.0.5", "7.2.0"], ["7.0.6", "7.0.17", "7.2.1", "7.4.0"]),
        ("several_log_ids", ["6.4.15"], ["7.0.0"]),
        ("description", ["6.4.15"], ["7.0.0"]),
        ("verify_host_cert", ["6.4.15"], ["7.0.0"]),
        ("server_identity_check", ["7.0.7", "7.2.3"], ["7.0.8", "7.2.4", "7.4.0"]),
        ("user_agent", ["6.4.1", "6.4.3"], ["6.4.0", "6.4.4", "7.0.0"]),
        ("local_in_feed", ["7.0.17", "7.2.3"], ["7.2.4", "7.4.0", "8.0.0"]),
        ("local_in_interfaces", ["7.2.11", "7.4.1"], ["7.4.2", "7.6.0"]),
        ("local_in_logtraffic", ["7.4.8"], ["7.6.0"]),
        ("virtual_ips_denied", ["7.2.3"], ["7.2.4"]),
        ("ssl_vpn_tunnel", ["7.6.3", "8.0.0"], ["6.4.0", "7.6.2"]),
        ("ssl_vpn_optional", ["7.2.11", "7.4.7"], ["7.4.8", "7.6.0", "8.0.0"]),
        ("ike_saml", ["7.0.17"], ["7.2.0"]),
        ("ike_tcp", ["7.4.1"], ["7.4.2", "8.0.0"]),
        ("ike_tcp_443", ["7.4.8", "7.6.0"], ["7.6.1", "8.0.0"]),
        ("ike_tcp_switch", ["7.6.4"], ["8.0.0"]),
    ],
)
def test_a_capability_begins_and_ends_where_its_source_says(
    feature: str, without: list[str], with_it: list[str]
) -> None:
    assert [each for each in without if has(feature, each)] == []
    assert [each for each in with_it if not has(feature, each)] == []


def test_every_capability_has_a_source_and_an_alternative() -> None:
    for each in CAPABILITIES.values():
        assert each.what
        assert each.without
        assert each.source
    listed = [each for table in TABLES.values() for each in table.capabilities]
    assert len(listed) == len(CAPABILITIES)


def test_templates_ask_for_capabilities_and_never_for_versions() -> None:
    for path in TEMPLATES.rglob("*.j2"):
        text = path.read_text()
        assert "fortigate.version" not in text
        for feature in re.findall(r"fortigate\.has\(\"(\w+)\"\)", text):
            assert find_capability(feature)


def test_an_unknown_capability_is_an_error() -> None:
    with pytest.raises(KeyError):
        assume_facts(NEWEST).has("http_header")


def test_an_unknown_version_is_treated_as_the_newest_known_one_before_it_with_a_warning() -> None:
    for version, nearest in (("8.2.1", "8.0"), ("9.0.0", "8.0"), ("7.8.0", "7.6")):
        (text,) = warn_of_unknown_version(assume_facts(read_version(version)))
        assert version in text
        assert f"treated as {nearest}" in text
        assert has("http_headers", version)
    for train in TRAINS:
        assert warn_of_unknown_version(assume_facts((*train, 3))) == ()


def test_an_old_version_is_refused_with_the_reason() -> None:
    assert "6.2.16 is older than 6.4" in explain_refusal((6, 2, 16))
    assert [train for train in TRAINS if explain_refusal((*train, 0))] == []


@pytest.mark.parametrize("text", ["", "7", "7.x", "7.2.8.1", "seven", "7.2.", "-1.0.0", "7.2.8 "])
def test_a_malformed_version_is_refused(text: str) -> None:
    if text.strip() == "7.2.8":
        assert read_version(text) == (7, 2, 8)
        return
    with pytest.raises(ValueError, match="FortiOS version must be"):
        read_version(text)


patches = st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 999))


@given(patches)
def test_law_a_version_is_read_as_it_is_formatted(version: tuple[int, int, int]) -> None:
    assert read_version(format_version(version)) == version
    assert read_version(f"v{format_version(version)}") == version


@given(patches, patches, patches)
def test_law_a_range_contains_the_versions_between_its_ends(
    first: tuple[int, int, int], last: tuple[int, int, int], version: tuple[int, int, int]
) -> None:
    inside = first <= version <= last
    assert is_within(f"{format_version(first)}-{format_version(last)}", version) == inside
    assert is_within(f"{format_version(first)}-", version) == (first <= version)
    train = f"{last[0]}.{last[1]}"
    assert is_within(f"{format_version(first)}-{train}", version) == (
        first <= version and version[:2] <= last[:2]
    )


# --- several log ids ---------------------------------------------------------------------------


def _blocks(version: str, name: str, log_ids: tuple[int, ...], monkeypatch: Any) -> Any:
    one = CATALOGUE["sslvpn_login_failed"]
    more = one.model_copy(update={"name": name, "log_ids": log_ids})
    monkeypatch.setitem(CATALOGUE, name, more)
    settings = roles.detection.role.Settings(
        detection_enabled=(name,), detection_settings={}, detection_success_events=False
    )
    context = fortios(sample_site({"detection": settings}))
    return webhook.blocks(replace(context, facts=assume_facts(read_version(version))))


def test_a_detection_of_several_log_ids_is_one_trigger_where_a_trigger_takes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks = _blocks("7.0.0", "several", (1, 2), monkeypatch)
    assert "set logid 1 2" in blocks[2].text
    assert len(blocks) == 4


def test_a_detection_of_several_log_ids_is_a_trigger_and_a_stitch_for_each_on_6_4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "a" * 25
    blocks = _blocks("6.4.15", name, (39426, 37124), monkeypatch)
    found = read_blocks(blocks)
    names = [each.id.partition(":")[2] for each in found.objects[2:]]
    assert names == [f"banstitch_{name[:19]}_39426", f"banstitch_{name[:19]}_37124"] * 2
    assert max(map(len, names)) == 35
    for each in found.objects[2:]:
        assert len(get_values(read_attributes(each.body).get("logid", ()))) in (0, 1)
        assert "one trigger and one stitch for each log id" in each.note


def test_logins_that_succeed_get_a_trigger_for_each_log_id_on_6_4() -> None:
    names = tuple(CATALOGUE)
    settings = roles.detection.role.Settings(detection_enabled=names, detection_settings={})
    context = fortios(sample_site({"detection": settings}))
    for version in ("6.4.15", "7.0.0"):
        facts = assume_facts(read_version(version))
        found = read_blocks(webhook.blocks(replace(context, facts=facts))).objects
        triggers = [one.id.partition(":")[2] for one in found if "trigger" in one.id]
        assert len(triggers) == len(set(triggers))
        assert max(map(len, triggers)) <= 35
        split = {"banstitch_sslvpn_login_ok_39424", "banstitch_sslvpn_login_ok_39947"}
        assert split <= set(triggers) or version == "7.0.0"


# --- awkward input -----------------------------------------------------------------------------

AWKWARD = ['"', "'", "\\", "?", "#", "$", "%", "%%log%%", "ä", "日", "a b", "\t", "\n", "$USERNAME"]
values_of_all_kinds = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(AWKWARD), max_size=6).map("".join),
    st.integers(30, 40).map(lambda size: "n" * size),
    st.integers(240, 260).map(lambda size: "ü" * (size // 2) + "d" * (size % 2)),
    st.just("x" * 480),
)


@given(values_of_all_kinds, values_of_all_kinds)
def test_law_a_value_arrives_unchanged_or_is_refused(name: str, text: str) -> None:
    def objects() -> Any:
        return read_blocks([CliBlock("stitch.j2", _stitch(name, text))]).objects

    too_long = len(name.encode()) > 35 or len(text.encode()) > 255
    replaced = re.search(r"\$(USERNAME|USERFROM|SerialNum)", name + text)
    untypable = re.search(r"[\x00-\x1f\x7f]", name + text)
    if too_long or replaced or untypable or re.search(r"""[<>()#'"]""", name):
        with pytest.raises(ValueError, match=r"[a-z]"):
            objects()
        return
    (found,) = objects()
    (statement,) = found.body
    assert isinstance(statement, Statement)
    again = parse(serialize(parse(_stitch(name, text))))
    assert again == parse(_stitch(name, text))
    assert get_values(statement.words[1:]) == (text,)
    assert found.id == f"system automation-stitch:{name}"


def _stitch(name: str, text: str) -> str:
    return (
        f"config system automation-stitch\n edit {forti_quote(name)}\n"
        f"  set description {forti_quote(text)}\n next\nend\n"
    )


@pytest.mark.parametrize(
    ("cli", "what"),
    [
        ('config firewall policy\nedit 1\nset name "a<b"\nnext\nend\n', "must not contain"),
        (f'config firewall policy\nedit 1\nset name "{"n" * 36}"\nnext\nend\n', "at most 35 bytes"),
        (
            f'config firewall policy\nedit 1\nset srcaddr "{"n" * 2000}"\nnext\nend\n',
            "at most 2000 bytes",
        ),
        ('config system external-resource\nedit "f(1)"\nset type address\nnext\nend\n', "'('"),
    ],
)
def test_a_value_that_a_fortigate_would_refuse_is_refused_before(cli: str, what: str) -> None:
    with pytest.raises(InputError, match=re.escape(what)):
        read_blocks([CliBlock("b.j2", cli)])
    assert LONGEST_LINE >= 480


def test_the_error_about_a_secret_does_not_quote_it() -> None:
    secret = "s3cret" * 30
    cli = f'config system external-resource\nedit "f"\nset password "{secret}"\nnext\nend\n'
    with pytest.raises(InputError) as caught:
        read_blocks([CliBlock("b.j2", cli)])
    assert "s3cret" not in str(caught.value)


@given(st.text(max_size=45))
def test_law_a_name_in_the_inventory_is_taken_unchanged_or_refused(name: str) -> None:
    try:
        taken = TypeAdapter(InterfaceName).validate_python(name)
    except ValidationError:
        return
    assert taken == name
    cli = f"config firewall policy\nedit 1\nset srcintf {forti_quote(name)}\nnext\nend\n"
    (found,) = read_blocks([CliBlock("b.j2", cli)]).objects
    assert get_values(read_attributes(found.body)["srcintf"]) == (name,)


@pytest.mark.parametrize("name", ["root", "Branch_1", "a-b", "v" * 31])
def test_every_name_that_fortios_allows_for_a_vdom_is_accepted(name: str) -> None:
    assert TypeAdapter(VdomName).validate_python(name) == name


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", "a;b", "a?b", "-x", "größe", "v" * 32])
def test_an_impossible_vdom_name_is_an_error_before_anything_is_typed(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(VdomName).validate_python(name)
    if name:
        with pytest.raises(ValueError, match="must not be typed"):
            _ = ObjectId(name, "firewall policy", "1").show_command
