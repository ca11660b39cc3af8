"""What is printed of the settings before a first apply."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field, SecretStr

from provision.desired.summary import list_changed_settings, summarize_settings
from provision.masking import MASK
from provision.sites.setting_types import spell_duration
from provision.sites.settings import RoleSettings
from roles.detection.role import Settings as Detection
from roles.enforcement import Settings as Enforcement
from roles.receiver.role import Settings as Receiver
from tests.plays import PLAYS
from tests.unit.roles.sample_site import sample_site


def test_a_ban_host_is_summed_up_by_thresholds_address_and_what_was_changed() -> None:
    settings = {
        "detection": Detection(
            detection_enabled=("sslvpn_login_failed", "ipsec_psk_failed"),
            detection_max_retry=1,
            detection_find_time=90,
            detection_ban_time=-1,
            detection_settings={},
        ),
        "receiver": Receiver(receiver_tls="off", receiver_port=8080),
    }
    assert summarize_settings(sample_site(ban_host=settings), PLAYS) == [
        "sslvpn_login_failed, ipsec_psk_failed: 1 event within 90s ban for ever",
        "receiver: http://192.0.2.10:8080 for FortiGates, not encrypted",
        "not the default: detection_enabled sslvpn_login_failed, ipsec_psk_failed; detection_max_retry 1;"
        " detection_find_time 90; detection_ban_time -1; receiver_tls off; receiver_port 8080",
    ]


def test_a_fortigate_is_summed_up_by_what_was_changed() -> None:
    site = sample_site(fortigate={"enforcement": Enforcement(enforcement=("ssl_vpn",))})
    assert summarize_settings(site, PLAYS, site.fortigates[0]) == [
        "not the default: enforcement ssl_vpn"
    ]
    assert summarize_settings(sample_site(), PLAYS, sample_site().fortigates[0]) == []


class Settings(RoleSettings):
    x_key: Annotated[SecretStr, Field(description="a secret")] = SecretStr("")
    x_list: Annotated[tuple[str, ...], Field(description="a list")] = ()


def test_a_secret_is_not_shown_and_a_long_value_is_cut() -> None:
    found = list(list_changed_settings(Settings(x_key=SecretStr("hunter2-x"), x_list=("y" * 99,))))
    assert found == [f"x_key {MASK}", f"x_list {'y' * 57}..."]


@pytest.mark.parametrize(
    ("seconds", "spelt"),
    [
        (1, "1s"),
        (90, "90s"),
        (600, "10m"),
        (3600, "1h"),
        (86400, "1d"),
        (604800, "1w"),
        (-1, "ever"),
    ],
)
def test_durations_are_spelt_as_settings_are(seconds: int, spelt: str) -> None:
    assert spell_duration(seconds) == spelt
