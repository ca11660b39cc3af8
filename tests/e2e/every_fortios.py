"""FortiGates of every version, with and without VDOMs, and their variables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator import Options, Simulator
from tests.simulator.schema import VERSIONS, parse_version

VDOMS: tuple[tuple[str, ...], ...] = ((), ("Branch",))
FORTIGATES = [
    pytest.param(version, vdoms, id=f"{version}{'-vdoms' if vdoms else ''}")
    for version in VERSIONS
    for vdoms in VDOMS
]


def start_simulator(version: str, vdoms: tuple[str, ...], **more: Any) -> Simulator:
    return Simulator(Options(version=version, vdoms=vdoms, enc_stable=True, **more))


def make_variables(version: str, vdoms: tuple[str, ...]) -> dict[str, Any]:
    """Return its make_variables in the inventory: enforcement by every method that its version has."""
    places = ["ssl_vpn", "policy"] + (["local_in"] if parse_version(version) >= (7, 2, 4) else [])
    return {
        "enforcement": places,
        "enforcement_ipv6": True,
        "enforcement_local_in_interfaces": ["port1"],
        "enforcement_policy_source_interfaces": ["port1"],
        "enforcement_policy_destination_interfaces": ["port2"],
        **({"enforcement_vdom": vdoms[0]} if vdoms else {}),
    }
