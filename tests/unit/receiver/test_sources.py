"""Sources: the IPv4 address or IPv6 network that an event counts for, and those that are never banned."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.receiver.receiver_app import DETECTION, LINE, Receiver, module

NOBODY = module("sources").read_ignored(())
# One IPv4 host, 45.1.2.3, in every way that IPv6 has to write it.
SIX_TO_FOUR = "2002:2d01:203:7::9"
TEREDO = "2001:0:1f03:203:0:3ff:d2fe:fdfc"
NAT64 = "64:ff9b::2d01:203"
LOCAL_NAT64 = "64:ff9b:1:2::2d01:203"


def source(
    text: str, prefix: int = 64, ignore: object = NOBODY, spared: tuple[str, ...] = ()
) -> str:
    sources = module("sources")
    others = [ipaddress.ip_address(other) for other in spared]
    found: str = sources.name_source(sources.parse_address(text), prefix, ignore, others)
    return found


def refusal(text: str, *ignored: str, documentation: bool = False) -> str:
    sources = module("sources")
    ignore = sources.read_ignored(ignored)
    found: str = sources.find_refusal(sources.parse_address(text), ignore, documentation)
    return found


@pytest.mark.parametrize(
    ("text", "prefix", "expected"),
    [
        ("45.1.2.3", 48, "45.1.2.3"),
        ("2A00:1:2:3:4:5:6:7", 64, "2a00:1:2:3::/64"),
        ("2a00:1:2:3:4:5:6:7", 56, "2a00:1:2::/56"),
        ("2a00:1:2:3:4:5:6:7", 48, "2a00:1:2::/48"),
        ("2a00:1:2:3:4:5:6:7", 128, "2a00:1:2:3:4:5:6:7"),
        ("::ffff:45.1.2.3", 64, "45.1.2.3"),
        ("::45.1.2.3", 64, "45.1.2.3"),
        (SIX_TO_FOUR, 64, "2002:2d01:203::/48"),
        (SIX_TO_FOUR, 128, "2002:2d01:203::/48"),
        (TEREDO, 64, TEREDO),
        (NAT64, 64, NAT64),
        (LOCAL_NAT64, 48, LOCAL_NAT64),
    ],
)
def test_an_event_counts_for_an_address_or_for_a_network(
    text: str, prefix: int, expected: str
) -> None:
    assert source(text, prefix) == expected


@given(st.ip_addresses(v=6, network="2a00::/12"), st.integers(48, 128), st.data())
def test_every_address_of_a_network_is_the_same_source(
    address: ipaddress.IPv6Address, prefix: int, data: st.DataObject
) -> None:
    network = ipaddress.ip_network((int(address), prefix), strict=False)
    other = data.draw(st.ip_addresses(network=network))
    expected = str(network) if prefix < 128 else str(address)
    assert source(str(address), prefix) == source(str(other), prefix) == expected


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_has_the_spelling_that_everybody_gives_it(
    address: ipaddress.IPv6Address,
) -> None:
    assert (
        module("sources").spell_ipv6(int(address)) == str(address)
        or address.ipv4_mapped
        or (int(address) < 1 << 32)
    )


@pytest.mark.parametrize(
    "form", ["2002:{hex}:5::1", "2001:0:1f03:203:0:3ff:{inverse}", "64:ff9b::{hex}", "64:ff9b:1::{hex}",
             "::ffff:{plain}", "::{plain}", "{plain}"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("45.1.2.3", ""),
        ("10.1.2.3", "private"),
        ("100.64.2.3", "private"),
        ("127.0.0.2", "loopback"),
        ("169.254.2.3", "link-local"),
        ("224.0.0.2", "multicast"),
        ("198.18.2.3", "reserved"),
        ("203.0.113.3", "a documentation address"),
        ("45.9.2.3", "on the ignore list"),
    ],
)
def test_the_ipv4_host_behind_an_ipv6_address_decides_whether_it_may_be_banned(
    form: str, inside: str, reason: str
) -> None:
    def pair(number: int) -> str:
        return f"{number >> 16:x}:{number & 0xFFFF:x}"

    number = int(ipaddress.IPv4Address(inside))
    text = form.format(plain=inside, hex=pair(number), inverse=pair(number ^ 0xFFFFFFFF))
    assert refusal(text, "45.9.0.0/16") == reason


@pytest.mark.parametrize("text", [SIX_TO_FOUR, TEREDO, NAT64, LOCAL_NAT64])
def test_an_operator_spares_an_ipv6_form_by_naming_it(text: str) -> None:
    assert refusal(text) == ""
    assert refusal(text, text) == "on the ignore list"


@pytest.mark.parametrize(
    "text", ["::", "::1", "fd00::1", "fe80::1", "ff02::1", "100::1", "5f00::1", "64:ff9b:2::1"]
)
def test_ipv6_that_no_packet_from_the_internet_comes_from_is_refused(text: str) -> None:
    assert refusal(text) == "not a global address"


@pytest.mark.parametrize("text", ["2001:1::1", "2001:2::1", "2001:10::1", "2001:1ff::1"])
def test_what_is_reserved_beside_teredo_stays_refused(text: str) -> None:
    assert refusal(text) == "reserved"


@pytest.mark.parametrize(
    "spared", ["2a00:1:2:3::5", "2a00:1:2:3::/80", "2a00:1:2:3::/64", "2a00:1:2::/48"]
)
def test_a_network_that_holds_somebody_on_the_ignore_list_is_not_banned_whole(spared: str) -> None:
    ignore = module("sources").read_ignored(["192.0.2.0/24", "2a00:1:2:4::/64", spared])
    assert source("2a00:1:2:3::9", ignore=ignore) == "2a00:1:2:3::9"
    assert source("2a00:1:2:5::9", 64, module("sources").read_ignored(["2a00:1:2:4::/64"])) == (
        "2a00:1:2:5::/64"
    )


def test_a_network_that_holds_one_of_the_site_itself_is_not_banned_whole() -> None:
    assert source("2a00:1:2:3::9", spared=("192.0.2.1", "2a00:1:2:3::1")) == "2a00:1:2:3::9"
    assert source("2a00:1:2:3::9", spared=("192.0.2.1", "2a00:1:2:4::1")) == "2a00:1:2:3::/64"


def test_the_receiver_writes_the_source_and_keeps_the_address_in_the_evidence(
    tmp_path: Path,
) -> None:
    receiver = Receiver(tmp_path, detections=[DETECTION | {"ignore": ["2a00:1:2:4::1"]}])
    for address in ("2a00:1:2:3::9", "2a00:1:2:3:ffff::1", "2a00:1:2:4::9", SIX_TO_FOUR):
        assert receiver.post(LINE % address).status_code == 200
    taken = [address for _, address in receiver.written()]
    assert taken == ["2a00:1:2:3::/64"] * 2 + ["2a00:1:2:4::9", "2002:2d01:203::/48"]
    assert "remip=2a00:1:2:3:ffff::1" in receiver.evidence.read_text()


@pytest.mark.parametrize("prefix", [48, 56, 128])
def test_how_long_the_prefix_of_a_network_is_can_be_set(tmp_path: Path, prefix: int) -> None:
    receiver = Receiver(tmp_path, ipv6_prefix=prefix)
    receiver.post(LINE % "2a00:1:2:3:4::9")
    expected = {48: "2a00:1:2::/48", 56: "2a00:1:2::/56", 128: "2a00:1:2:3:4::9"}
    assert [address for _, address in receiver.written()] == [expected[prefix]]


def test_the_own_address_of_a_fortigate_is_spared_in_its_ipv6_forms_too(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, allow=["45.1.2.3"])
    answer = receiver.post(LINE % SIX_TO_FOUR, peer="45.1.2.3")
    assert answer.json["events"] == [
        {"outcome": "ignored", "reason": "address is one of this site's own"}
    ]
