"""Roles turn settings into CLI blocks: their order, the secrets in them, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import roles.detection.role
import roles.receiver.role
from provision.desired.context import Context
from provision.fortios.config.desired import CliBlock, read_blocks
from roles import enforcement, feed, webhook
from roles.detection.catalogue import CATALOGUE
from tests.unit.roles.sample_site import ban_host_settings, fortios, sample_site

FORTIOS_ROLES = (webhook, feed, enforcement)


def blocks(context: Context) -> tuple[CliBlock, ...]:
    return tuple(block for role in FORTIOS_ROLES for block in role.blocks(context))


def test_the_blocks_come_in_the_order_in_which_they_refer_to_one_another() -> None:
    only = roles.detection.role.Settings(
        detection_enabled=("sslvpn_login_failed",), detection_settings={}
    )
    site = sample_site({"detection": only})
    ids = [each.id for each in read_blocks(blocks(fortios(site))).objects]
    assert ids == [
        "vpn certificate ca:banstitch_ca",
        "system automation-action:banstitch_webhook",
        "system accprofile:banstitch_refresh",
        "system automation-action:banstitch_refresh",
        "system automation-trigger:banstitch_sslvpn_login_failed",
        "system automation-trigger:banstitch_sslvpn_login_ok",
        "system automation-stitch:banstitch_sslvpn_login_failed",
        "system automation-stitch:banstitch_sslvpn_login_ok",
        "system external-resource:banstitch_feed",
        "vpn ssl settings",
    ]


def test_names_on_the_fortigate_fit_into_35_characters() -> None:
    for name in CATALOGUE:
        assert len(f"banstitch_{name}") <= 35


def test_a_fortigate_gets_its_own_tokens_and_no_other() -> None:
    text = "".join(block.text for block in blocks(fortios(sample_site())))
    assert 'set password "feed-1-secret"' in text
    assert r'set value "webhook \"1\" \\ secret"' in text
    assert "-2-secret" not in text
    assert "verify-secret" not in text


def test_a_token_that_is_not_made_yet_stands_by_its_name() -> None:
    text = "".join(block.text for block in blocks(fortios(sample_site(), {})))
    assert text.count('"(secret webhook:fw1)"') == 1
    assert text.count('"(secret feed:fw1)"') == 1


@pytest.mark.parametrize(
    ("address", "settings", "uri"),
    [
        ("192.0.2.10", {}, "192.0.2.10"),
        ("192.0.2.10", {"receiver_address": "ban.example.net"}, "ban.example.net"),
        ("2001:db8::10", {}, "[2001:db8::10]"),
    ],
)
def test_fortigates_use_the_address_by_which_they_reach_the_receiver(
    address: str, settings: dict[str, Any], uri: str
) -> None:
    site = sample_site(ban_host_settings(receiver_port=5999, **settings), address=address)
    text = "".join(block.text for block in blocks(fortios(site)))
    assert f'set uri "{uri}/receive-logs"' in text
    assert "set port 5999" in text
    assert f'set resource "https://{uri}:5999/blocked-ips/v4"' in text


def test_enforcement_none_leaves_the_fortigate_as_it_is() -> None:
    settings = {"enforcement": enforcement.Settings(enforcement=("none",))}
    assert enforcement.blocks(fortios(sample_site(fortigate=settings))) == ()


def test_feed_list_and_negation_are_set_in_one_block() -> None:
    settings = {"enforcement": enforcement.Settings(enforcement=("ssl_vpn",))}
    (block,) = enforcement.blocks(fortios(sample_site(fortigate=settings)))
    (single,) = read_blocks([block]).objects
    assert len(single.body) == 2


@pytest.mark.parametrize(
    ("limit", "model", "version", "most"),
    [
        (131_072, "FortiGate-60F", (7, 2, 11), None),
        (300_000, "FortiGate-60F", (7, 2, 11), "is 131072"),
        (300_000, "FortiGate-60F", (7, 4, 8), None),
        (300_001, "FortiGate-60F", (7, 4, 8), "for all feeds together is 300000"),
        (1_000_000, "FortiGate-100F", (7, 6, 3), None),
        (5_000_000, "FortiGate-3000F", (8, 0, 0), None),
        (300_000, "FortiGate-VM64-KVM", (8, 0, 0), "depends on the memory of a VM"),
    ],
)
def test_a_feed_that_is_larger_than_the_fortigate_takes_has_a_note(
    limit: int, model: str, version: tuple[int, int, int], most: str | None
) -> None:
    context = fortios(sample_site(ban_host_settings(receiver_feed_limit=limit)))
    facts = replace(context.facts, model=model, version=version)
    (block,) = feed.blocks(replace(context, facts=facts))
    assert ("receiver_feed_limit" in block.note) is (most is not None)
    assert (most or "") in block.note
