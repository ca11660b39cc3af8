"""Administrators without the needed rights get the reason and the remedy before anything is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.memory_site import MemorySite
from tests.simulator import Options, Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")

READ_ONLY = """config system accprofile
edit "auditor"
set scope global
set sysgrp read
set fwgrp read
next
edit "half"
set scope global
set sysgrp read-write
set secfabgrp read-write
set fwgrp read
next
end
config system admin
edit "admin"
set accprofile "{profile}"
next
end
"""


@pytest.mark.parametrize("sign", ["super_admin", "prof_admin"])
@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("version", ["6.4.15", "7.4.8", "8.0.0"])
def test_an_administrator_of_one_vdom_is_distinguished_from_a_global_one(
    tmp_path: Path, version: str, tells: bool, sign: str
) -> None:
    options = Options(
        version=version,
        vdoms=("dmz",),
        home_vdom="dmz",
        home_tells_vdoms=tells,
        profile=sign,
        enc_stable=True,
    )
    with Simulator(options) as fortigate:
        before = fortigate.show()
        site = MemorySite(tmp_path, fortigate)
        for run in (site.plan, site.apply):
            said = run().error
            assert "admin is an administrator of VDOM dmz only" in said
            assert "global administrator" in said
            assert "config system admin / edit admin / set accprofile super_admin" in said
        assert fortigate.show() == before


@pytest.mark.parametrize("vdoms", [(), ("Branch",)])
def test_a_read_only_profile_can_plan_and_its_apply_sends_nothing(
    tmp_path: Path, vdoms: tuple[str, ...]
) -> None:
    with Simulator(Options(vdoms=vdoms, profile="auditor", enc_stable=True)) as fortigate:
        fortigate.run_in("global" if vdoms else "", READ_ONLY.format(profile="auditor"))
        before = fortigate.show()
        site = MemorySite(tmp_path, fortigate)
        planned = site.plan()
        assert planned.error == ""
        assert planned.changes
        assert any(
            "cannot write sysgrp, secfabgrp, fwgrp, vpngrp" in each for each in planned.notes
        )
        refused = site.apply()
        assert "the profile 'auditor' of admin cannot write" in refused.error
        assert "nothing was sent" in refused.error
        assert fortigate.journal.changing() == []
        assert fortigate.show() == before
        assert site.records.get("fgt1") is None


def test_the_plan_names_the_rights_that_a_limited_profile_lacks(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"profile": "half", "forbidden": ("firewall", "vpn")}
    with Simulator(Options(enc_stable=True, **limits)) as fortigate:
        fortigate.run(READ_ONLY.format(profile="half"))
        before = fortigate.show()
        site = MemorySite(tmp_path, fortigate)
        assert any("cannot write fwgrp, vpngrp" in each for each in site.plan().notes)
        assert "sysgrp, secfabgrp, fwgrp and vpngrp" in site.apply().error
        assert fortigate.show() == before


@pytest.mark.parametrize(
    "words",
    [
        "Command fail. Return code -37",
        "Permission denied.\nCommand fail. Return code -672",
        "You do not have permission to access this",
        "No permission for the action",
        "This operation is not allowed for this administrator",
        "\ncommand parse error before 'system'\nCommand fail. Return code -61",
    ],
)
def test_a_refusal_for_lack_of_rights_names_the_rights(tmp_path: Path, words: str) -> None:
    options = Options(profile="x", denied_words=words, enc_stable=True, version="7.2.11")
    with Simulator(options) as fortigate:
        before = fortigate.show()
        refused = MemorySite(tmp_path, fortigate).apply()
        assert "the profile of admin does not permit this" in refused.error
        assert "read-write for sysgrp" in refused.error
        assert fortigate.show() == before


def test_a_table_hidden_by_a_profile_is_not_mistaken_for_one_that_the_version_lacks(
    tmp_path: Path,
) -> None:
    options = Options(profile="x", unreadable=("system automation", "system external"))
    with Simulator(options) as fortigate:
        said = MemorySite(tmp_path, fortigate).plan().error
        assert "the profile of admin hides 'system automation-action" in said
        assert "read-write for sysgrp" in said
