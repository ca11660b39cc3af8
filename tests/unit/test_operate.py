"""Daily operation on the controller: which addresses may be banned, and that nobody is asked in vain."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision import operate
from provision.errors import InputError
from provision.report import moment
from provision.results import SiteResult, TargetResult
from provision.sites import RESERVED
from roles import receiver
from tests.unit.inventories import write
from tests.unit.sample_site import linux, sample_site
from tests.unit.test_cli import HOSTS, Cli, cli, offline

__all__ = ["cli", "offline"]


def refusal(text: str) -> str:
    with pytest.raises(InputError) as error:
        operate.bannable(text)
    return str(error.value)


# --- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("::ffff:9.9.9.9", "9.9.9.9"),
        ("::ffff:909:909", "9.9.9.9"),
        ("::ffff:9.9.9.0/120", "9.9.9.0/24"),
        ("9.9.9.9/32", "9.9.9.9"),
        ("2001:DB8::1/128", "2001:db8::1"),
        ("9.0.0.0/8", "9.0.0.0/8"),
        ("2400::/16", "2400::/16"),
        ("203.0.113.7", "203.0.113.7"),
        ("10.1.2.0/24", "10.1.2.0/24"),
    ],
)
def test_an_address_has_one_spelling_and_ipv4_within_ipv6_is_ipv4(typed: str, meant: str) -> None:
    assert operate.checked_address(typed) == operate.bannable(typed) == meant


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_is_the_same_however_ipv6_spells_it(
    address: ipaddress.IPv4Address,
) -> None:
    assert operate.checked_address(f"::ffff:{address}") == str(address)


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "128.0.0.0/1", "8.0.0.0/7", "::/0", "2000::/3", "::ffff:0:0/96"]
)
def test_nearly_everybody_is_refused(text: str) -> None:
    assert f"{text} is nearly everybody; name smaller networks" in refusal(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.0.0.0", "unspecified"),
        ("255.255.255.255", "broadcast"),
        ("224.0.0.5", "multicast"),
        ("127.0.0.1", "loopback"),
        ("169.254.1.1", "link-local"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("ff02::1", "multicast"),
        ("fe80::1", "link-local"),
        ("::ffff:127.0.0.1", "loopback"),
    ],
)
def test_whom_no_firewall_sees_cannot_be_banned(text: str, why: str) -> None:
    assert f"{text} is or holds" in refusal(text)
    assert why in refusal(text)


def test_a_zone_id_is_named_as_what_is_wrong() -> None:
    assert "zone id" in refusal("fe80::1%eth0")
    assert "/128" not in refusal("fe80::1%eth0")


def test_what_could_once_be_banned_can_still_be_freed() -> None:
    assert operate.checked_address("128.0.0.0/1") == "128.0.0.0/1"
    assert operate.checked_address("127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize("address", ["192.0.2.10", "::ffff:192.0.2.10", "::ffff:192.0.2.0/120"])
def test_the_site_s_own_hosts_are_spared_in_every_spelling(cli: Cli, address: str) -> None:
    said = cli("ban", address)
    assert (said.code, said.out) == (3, "")
    assert "is or holds bh1 itself" in said.err


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.0/8"])
def test_a_host_known_by_name_is_spared_at_what_its_name_stands_for(address: str) -> None:
    named = sample_site(address="localhost")
    assert operate.own_host([named], address) == "ban1"
    assert operate.own_host([named], "203.0.113.7") == ""


@pytest.mark.parametrize("name", ["nobody.invalid", "a..b", "x" * 300])
def test_a_host_whose_name_nobody_knows_keeps_nobody_from_banning(name: str) -> None:
    assert operate.own_host([sample_site(address=name)], "203.0.113.7") == ""


# --- what is asked, and what is told --------------------------------------------------------------


def test_where_one_site_lacks_the_detection_no_site_is_contacted(cli: Cli) -> None:
    second = (
        "            bh2: {ansible_host: 192.0.2.20, detection_enabled: [admin_login_failed]}\n"
        "            bh3: {ansible_host: 192.0.2.30, detection_enabled: [ipsec_failed]}\n"
    )
    write(cli.folder, hosts__yml=HOSTS.replace("            bh1:", second + "            bh1:", 1))

    said = cli("ban", "203.0.113.5", "--detection", "sslvpn_login_failed")

    assert (said.code, said.out) == (3, "")
    assert "site bh2 has no detection sslvpn_login_failed; there are admin_login" in said.err
    assert "site bh3 has no detection sslvpn_login_failed" in said.err


@pytest.mark.parametrize(
    ("duration", "why"),
    [
        ("999999w", "--for 999999w: is over 100 years: write -1 for a ban without end; write 90s"),
        ("9999999999", "over 100 years"),
        ("0", "--for 0: must be at least one second; write 90s"),
        ("soon", "--for soon: no duration; write 90s"),
    ],
)
def test_a_duration_that_cannot_be_meant_is_told_in_plain_words(
    cli: Cli, duration: str, why: str
) -> None:
    said = cli("ban", "203.0.113.5", "--for", duration)
    assert said.code == 3
    assert why in said.err
    assert "Value error" not in said.err


def answered(monkeypatch: pytest.MonkeyPatch, **result: Any) -> None:
    """Every ban host answers a daily verb in this way."""
    target = TargetResult("bh1", "linux", **result)
    monkeypatch.setattr("provision.operate.ask", lambda *_: SiteResult("bh1", (target,)))


def test_a_ban_tells_until_when(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    details = {"until": 1_800_000_000, "said": "by the action"}
    answered(monkeypatch, state="changed", details=details)
    assert "note: banned until 2027-01-15 08:00:00Z\n" in cli("ban", "203.0.113.5").out
    target = json.loads(cli("ban", "203.0.113.5", "--json").out)["sites"][0]["targets"][0]
    assert (target["state"], target["until"]) == ("changed", 1_800_000_000)


def test_a_ban_below_a_longer_one_says_that_nothing_changed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, state="ok", details={"until": -1, "said": ""})
    said = cli("ban", "203.0.113.5", "--for", "1m")
    assert said.code == 0
    assert "note: banned for ever already, nothing was changed; to make that shorter" in said.out


@pytest.mark.parametrize(
    ("state", "code"), [("ok", 0), ("differs", 2), ("failed", 1), ("unreachable", 4)]
)
def test_status_exits_the_same_with_json_and_without(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, state: Any, code: int
) -> None:
    error = "no route" if state == "unreachable" else ""
    target = TargetResult("bh1", "linux", state, error=error)
    found = SiteResult("bh1", (target,))
    monkeypatch.setattr("provision.status.status", lambda *_: found)
    assert cli("status").code == cli("status", "--json").code == code


def test_posts_in_vain_are_a_note_below_the_table_and_no_failure(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = TargetResult("fw1", "fortios", "ok", details={"malformed": 12, "limited": 1})
    found = SiteResult("bh1", (target,))
    monkeypatch.setattr("provision.status.status", lambda *_: found)
    said = cli("status")
    assert said.code == 0
    assert said.out.splitlines()[2:] == [
        "note: fw1: 12 posts could not be read since the receiver's start: "
        "see /var/log/banstitch/rejected.log on bh1",
        "note: fw1: 1 post over the rate since the receiver's start, not taken: "
        "see receiver_rate and receiver_burst",
    ]


@given(st.floats() | st.integers())
def test_every_number_has_a_spelling_as_a_moment(number: float) -> None:
    assert moment(number)


def test_a_ban_that_outlives_the_calendar_is_listed_all_the_same(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    ban = {"address": "192.0.2.7", "jail": "x", "since": 0, "until": 606_585_600_000.0}
    answered(
        monkeypatch, state="ok", details={"bans": [{**ban, "failures": 3, "count": 1, "why": "x"}]}
    )
    said = cli("bans")
    assert said.code == 0
    assert "606585600000.0 s after 1970" in said.out


# --- names that are taken --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["verify", "status"])
def test_a_fortigate_with_a_name_of_the_site_s_own_secrets_is_a_fault_with_its_line(
    cli: Cli, name: str
) -> None:
    write(cli.folder, hosts__yml=HOSTS.replace("fw2:", f"{name}:"))
    said = cli("check")
    assert said.code == 3
    (line,) = said.err.splitlines()
    assert line.startswith(f"{Path(cli.folder)}/hosts.yml:9: {name} cannot be the name of a Forti")
    assert line.endswith("; choose another name")


def test_every_secret_that_is_no_fortigate_s_has_a_name_that_none_can_have() -> None:
    names = receiver.token_names(linux(sample_site()))
    assert {name for name in names if ":" not in name} == set(RESERVED)
