"""Networks without others: nothing is left out, and nothing of the others is left in."""

from __future__ import annotations

import ipaddress
import random

from banstitch_shared.ranges import cut_out
from hypothesis import given
from hypothesis import strategies as st

WHOLE = ipaddress.ip_network("192.0.2.0/24")
NETWORKS = st.lists(
    st.tuples(st.integers(0, 511), st.integers(20, 32)).map(
        lambda pair: ipaddress.ip_network((0xC0000100 + pair[0], pair[1]), strict=False)
    ),
    max_size=8,
)


@given(NETWORKS)
def test_each_address_is_either_spared_or_left(spared: list[ipaddress.IPv4Network]) -> None:
    left = [ipaddress.ip_network(text) for text in cut_out(WHOLE, spared)]
    for address in WHOLE:
        is_spared = any(address in network for network in spared)
        assert sum(address in network for network in left) == (not is_spared)


def test_addresses_are_spelled_without_a_prefix_and_families_are_told_apart() -> None:
    spared = [ipaddress.ip_network("2001:db8::/32"), ipaddress.ip_network("192.0.2.1")]
    assert list(cut_out(ipaddress.ip_network("192.0.2.0/31"), spared)) == ["192.0.2.0"]
    assert list(cut_out(ipaddress.ip_network("2001:db8::/31"), spared)) == ["2001:db9::/32"]


def test_many_networks_are_cut_out_at_once() -> None:
    numbers = random.Random(7).sample(range(1 << 20), 10_000)
    spared = [ipaddress.ip_network((number << 12, 32)) for number in numbers]
    left = sum(
        ipaddress.ip_network(n).num_addresses
        for n in cut_out(ipaddress.ip_network("0.0.0.0/0"), spared)
    )
    assert left == (1 << 32) - 10_000
