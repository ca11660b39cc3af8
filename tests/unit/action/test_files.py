"""The action's file of bans says exactly what is held, in the one spelling of each address."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.addresses import spell_ban, spell_network
from banstitch_shared.ban_file import Ban
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.action.action_model import installed


def spelt(text: str) -> str:
    """As the standard library has it, but IPv4 in IPv6 spelling is IPv4."""
    address = ipaddress.ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)


@pytest.fixture(scope="module")
def action(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        yield installed(tmp_path_factory.mktemp("action"), patch).module


SECONDS = st.integers(1, 2**40)
MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
ADDRESSES = st.ip_addresses().map(str) | st.ip_addresses(v=6).map(lambda a: a.exploded.upper())
BANS = st.dictionaries(
    st.ip_addresses().map(str).map(spelt),
    st.tuples(SECONDS | st.just(float("inf")), SECONDS, st.integers(0, 99), st.integers(1, 99)),
)


@given(ADDRESSES)
def test_an_address_has_one_spelling(text: str) -> None:
    assert spell_ban(text) == spelt(text)


@given(st.text(alphabet="0123456789.:/abcfx% ", max_size=20))
def test_what_is_no_address_never_becomes_one(text: str) -> None:
    try:
        wanted = ipaddress.ip_network(text, strict=False)
    except ValueError:
        wanted = None
    try:
        found = spell_ban(text)
    except ValueError:
        found = None
    everybody = wanted is not None and (
        wanted.prefixlen == 0
        or (isinstance(wanted, ipaddress.IPv6Network) and MAPPED.subnet_of(wanted))
    )
    assert (found is None) == (wanted is None or everybody)


@given(st.ip_addresses(v=4), st.integers(1, 32))
def test_an_ipv4_address_or_network_written_as_ipv6_is_the_ipv4_one(
    address: ipaddress.IPv4Address, length: int
) -> None:
    assert spell_ban(f"::ffff:{address}") == str(address)
    assert spell_ban(f"::FFFF:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}") == str(address)
    assert spell_ban(f"::ffff:{address}/{96 + length}") == spell_ban(f"{address}/{length}")


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "::/80", "::ffff:1.2.3.4/95"]
)
def test_what_holds_all_of_ipv4_is_refused_in_either_spelling(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text} would deny everybody$"):
        spell_ban(text)


def test_an_ignore_list_may_name_ipv4_in_ipv6_spelling(action: Any) -> None:
    ignored = action.ignore_lists.Ignored(["::ffff:192.0.2.0/120"])
    assert ignored.find_overlap("192.0.2.9")
    assert not ignored.find_overlap("192.0.3.9")


# no deadline: each write is synced to a disk that others use as well
@settings(deadline=None, max_examples=30)
@given(st.lists(BANS, min_size=1, max_size=4))
def test_what_was_written_last_is_read_whatever_was_written_before(
    action: Any, writes: list[dict[str, tuple[Any, ...]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = action.spool_files.BansFile(str(Path(folder) / "x.bans"), os.getgid())
        for bans in writes:
            held = {address: Ban(address, *fields) for address, fields in bans.items()}
            file.write(held)
        assert file.read() == (held, "")


def test_a_jail_takes_over_the_bans_of_its_earlier_name_once(action: Any, tmp_path: Path) -> None:
    new_file = action.spool_files.BansFile
    paths = [str(tmp_path / name) for name in ("new.bans", "old.bans")]
    bans = {"45.1.2.3": Ban("45.1.2.3", 2000, 1000, 3, 1)}
    new_file(paths[1], os.getgid()).write(bans)
    taken = new_file(paths[0], os.getgid(), paths[1])
    assert taken.read() == (bans, "")
    # the receiver reads the old name until it restarts
    assert new_file(paths[1], os.getgid()).read() == (bans, "")
    # the old jail is stopped after the new one has begun, and writes once more
    new_file(paths[1], os.getgid()).write(bans)
    written = Path(paths[1]).stat().st_mtime
    taken.drop_earlier(written + 1)
    assert Path(paths[1]).exists()
    taken.write({})
    assert new_file(paths[0], os.getgid(), paths[1]).read() == ({}, "")
    taken.drop_earlier(written + 60)
    assert not Path(paths[1]).exists()
    assert Path(paths[0]).exists()


@given(
    st.lists(st.ip_addresses().map(str).map(spelt) | st.sampled_from(["10.0.0.0/8", "fc00::/7"])),
    ADDRESSES.map(spelt),
)
def test_the_quick_ignore_list_agrees_with_ipaddress(
    action: Any, ignored: list[str], text: str
) -> None:
    address = ipaddress.ip_address(text)
    wanted = any(address in ipaddress.ip_network(entry) for entry in ignored)
    assert bool(action.ignore_lists.Ignored(ignored).find_overlap(str(address))) == wanted


NETWORKS = st.one_of(
    st.tuples(st.ip_addresses(network="10.0.0.0/28"), st.integers(24, 32)),
    st.tuples(st.ip_addresses(network="2a00::/120"), st.integers(112, 128)),
).map(lambda pair: ipaddress.ip_network(pair, strict=False))


@given(st.lists(NETWORKS, max_size=4), NETWORKS)
def test_the_quick_ignore_list_agrees_with_ipaddress_on_networks(
    action: Any,
    ignored: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> None:
    entry = spell_ban(str(network))
    found = action.ignore_lists.Ignored(list(map(str, ignored))).find_overlap(entry)
    near = [n for n in ignored if n.version == network.version and n.overlaps(network)]
    around = any(n.prefixlen <= network.prefixlen for n in near)
    assert found in ([entry] if around else map(spell_network, near)) if near else found == ""


@given(st.one_of(st.ip_addresses().map(ipaddress.ip_network), NETWORKS))
def test_what_is_spelt_already_is_left_as_it_is(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> None:
    one = network.num_addresses == 1
    text = str(network.network_address) if one else str(network)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    assert spell_ban(str(network)) == str(mapped or text)
