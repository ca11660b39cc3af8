"""Warnings where a FortiGate's own limits make a threshold unreachable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from roles.detection import own_limits
from roles.detection.role import Settings
from tests.unit.roles.sample_site import fortios, sample_site

SSL_VPN, GLOBAL, AUTOMATION = own_limits.SSL_VPN, own_limits.GLOBAL, own_limits.AUTOMATION


def warnings(shown: Mapping[str, Mapping[str, str]], **settings: Any) -> list[str]:
    detection = Settings.model_validate(settings)
    return list(own_limits.review(fortios(sample_site({"detection": detection})), shown))


def test_the_limits_of_a_new_fortigate_leave_the_thresholds_reachable() -> None:
    assert not warnings(
        {
            SSL_VPN: {"login-attempt-limit": "2", "login-block-time": "60"},
            GLOBAL: {"admin-lockout-threshold": "3", "admin-lockout-duration": "60"},
            AUTOMATION: {"max-concurrent-stitches": "512", "secure-mode": "disable"},
        }
    )


def test_nothing_is_said_about_settings_that_were_not_shown() -> None:
    assert not warnings({})
    assert not warnings({SSL_VPN: {"login-attempt-limit": "0", "login-block-time": "86400"}})


@pytest.mark.parametrize(("attempts", "locked", "most"), [(2, 600, 2), (2, 300, 4), (4, 900, 4)])
def test_a_lock_out_that_hides_events_of_the_ssl_vpn_is_a_warning(
    attempts: int, locked: int, most: int
) -> None:
    shown = {SSL_VPN: {"login-attempt-limit": f"{attempts}", "login-block-time": f"{locked}"}}
    assert warnings(shown) == [
        "sslvpn_login_failed: 5 events within 10m may never be reported, since 'vpn ssl settings' has "
        f"login-attempt-limit {attempts} and login-block-time {locked}; shorten login-block-time, or set "
        f"detection_settings.sslvpn_login_failed.max_retry to {most} or less"
    ]
    assert not warnings(shown, detection_max_retry=most)
    assert not warnings(shown, detection_enabled=["admin_login_failed"])


def test_a_lock_out_that_hides_events_of_administrators_is_a_warning() -> None:
    shown = {GLOBAL: {"admin-lockout-threshold": "3", "admin-lockout-duration": "600"}}
    (warning,) = warnings(shown)
    assert "admin_login_failed: 5 events within 10m may never be reported" in warning
    assert "max_retry to 3 or less" in warning


def test_other_automation_settings_than_those_of_a_new_fortigate_are_a_warning() -> None:
    shown = {AUTOMATION: {"max-concurrent-stitches": "32", "secure-mode": "enable"}}
    assert [warning.partition(":")[0] for warning in warnings(shown)] == [
        "'config automation setting' has secure-mode enable",
        "'config automation setting' has max-concurrent-stitches 32",
    ]


def test_only_settings_that_limit_an_enabled_detection_are_read() -> None:
    def read(*names: str) -> tuple[str, ...]:
        settings = Settings.model_validate({"detection_enabled": names})
        return own_limits.list_paths(fortios(sample_site({"detection": settings})))

    assert read("user_auth_failed") == (AUTOMATION,)
    assert read("sslvpn_login_failed", "admin_login_failed") == (SSL_VPN, GLOBAL, AUTOMATION)
