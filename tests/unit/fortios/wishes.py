"""Everything that roles can ask of a FortiGate, and a FortiGate with an operator's objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

import roles.detection.role
from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.facts import assume_facts
from provision.fortios.config.text import Config, Edit, parse
from provision.fortios.config.versions import read_version
from roles import enforcement, feed, webhook
from roles.detection.catalogue import CATALOGUE
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
)
from tests.unit.roles.sample_site import fortios, sample_site

VERSIONS = ("6.4.15", "7.0.0", "7.0.5", "7.0.17", "7.2.0", "7.2.11", "7.4.1", "7.4.8", "8.0.0")
interfaces = st.lists(st.sampled_from(["wan1", "wan 2", "zone?3"]), min_size=1, unique=True)
places = st.one_of(
    st.just(["auto"]),
    st.just(["none"]),
    st.lists(st.sampled_from(["ssl_vpn", "policy"]), min_size=1, unique=True),
    st.just(["policy", "local_in"]),
)
wishes = st.fixed_dictionaries(
    {
        "version": st.sampled_from(VERSIONS),
        "feed_scope": st.sampled_from(["global", "vdom"]),
        "detections": st.lists(st.sampled_from(sorted(CATALOGUE)), min_size=1, unique=True),
        "enforcement": st.fixed_dictionaries(
            {
                "enforcement": places,
                "enforcement_vdom": st.sampled_from(["root", "edge"]),
                "enforcement_ipv6": st.booleans(),
                "enforcement_local_in_interfaces": interfaces,
                "enforcement_policy_source_interfaces": interfaces,
                "enforcement_policy_destination_interfaces": interfaces,
                "enforcement_existing_sessions": st.sampled_from(["keep", "clear"]),
            }
        ),
    }
)


def render_wish(wish: dict[str, Any], vdoms: bool) -> Desired:
    """Return the desired state; an enforcement method that the version lacks is left out."""
    fortigate = assume_facts(read_version(wish["version"]), "edge" if vdoms else "")
    asked = dict(wish["enforcement"])
    if not fortigate.has("local_in_feed"):
        asked["enforcement"] = [x for x in asked["enforcement"] if x != "local_in"]
    site = sample_site(
        {
            "detection": roles.detection.role.Settings(
                detection_enabled=wish["detections"], detection_settings={}
            )
        },
        {
            "enforcement": enforcement.Settings.model_validate(asked),
            "feed": feed.Settings(feed_scope=wish["feed_scope"]),
        },
    )
    context = replace(fortios(site), facts=fortigate)
    blocks: list[CliBlock] = [b for r in (webhook, feed, enforcement) for b in r.blocks(context)]
    return read_blocks(blocks, enforcement.vdom(context) if vdoms else "")


def make_operated_fortigate(vdoms: bool) -> ModelFortiGate:
    """Return a FortiGate with an operator's policies, SSL VPN and stitches in each VDOM."""
    text = (
        'config firewall policy\nedit 3\nset name "lan"\nset srcaddr "all"\nnext\nedit 1\nset name "x"\n'
        "next\nend\nconfig firewall local-in-policy\nedit 1\nset comments y\nnext\nend\n"
        'config vpn ssl settings\nset source-interface "wan1"\nset source-address "all"\nend\n'
        "config system settings\nset firewall-session-dirty check-new\nend\n"
    )
    found: ModelFortiGate = {}
    for scope in ("root/", "edge/") if vdoms else ("",):
        for config in parse(text):
            assert isinstance(config, Config)
            if config.path.startswith("firewall"):
                rows = [row for row in config.body if isinstance(row, Edit)]
                found |= {f"{scope}{config.path}:{row.key.value}": row.body for row in rows}
            else:
                found[f"{scope}{config.path}"] = config.body
    return found
