"""A run has the same result for each behavior that the vendor does not document.

Each case changes one option of the simulator, on one version. The plan is made and applied, is then
empty, detects a drift, and the teardown restores the configuration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.memory_site import MemorySite
from tests.simulator import Options, Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")

SWITCHES: dict[str, dict[str, Any]] = {
    "no continuation prompt": {"continuation": ""},
    "comment lines are no comments": {"comments": False},
    "a refused end leaves the table": {"failed_end_leaves_table": True},
    "a grep that finds nothing is an error": {"grep_miss_is_error": True},
    "pages of five lines": {"console": "more", "pager_lines": 5},
    "no transactions": {"transactions": False},
    "the transaction of a cut session stays": {"transaction_survives": True},
    "the echo is wrapped with CR LF": {"echo_wrap": "\r\n"},
    "the echo is wrapped with a blank and CR": {"echo_wrap": " \r"},
    "a disclaimer with a prompt's signs": {"disclaimer": "Site # 7\nOwner $ nobody"},
    "a banner before the login": {"banner": "No entry #\n"},
    "a name cut with a tilde": {"prompt_name": "FGT-of-a-long-na~"},
    "a role in the prompt": {"ha_role": "Primary"},
    "a role without a blank": {"ha_role": "Primary", "ha_prompt": "({role})"},
    "a role not in the prompt": {"ha_role": "Primary", "ha_prompt": ""},
    "a profile that may do enough": {"profile": "net_admin", "forbidden": ("system admin",)},
    "other blobs at every show": {"enc_stable": False},
    "key exchange of old": {"kex": "sha1"},
    "key exchange of today": {"kex": "modern"},
    "the root of a fabric": {"fabric": "root"},
    "VDOMs and pages": {"vdoms": ("Branch",), "console": "more", "pager_lines": 5},
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_run_has_the_same_result_however_a_fortigate_behaves(tmp_path: Path, switch: str) -> None:
    options = Options(**{"version": "7.4.8", "enc_stable": True, **SWITCHES[switch]})
    with Simulator(options) as fortigate:
        site, before = MemorySite(tmp_path, fortigate), comparable(fortigate)
        planned = site.plan()
        assert planned.error == ""
        assert fortigate.journal.changing() == []

        applied = site.apply()
        assert (applied.error, applied.changes) == ("", planned.changes)
        good = comparable(fortigate)
        again = site.plan()
        assert (again.error, again.changes) == ("", ())

        scope = "global" if options.vdoms else ""
        fortigate.run_in(scope, DRIFT)
        assert comparable(fortigate) != good
        mended = site.apply()
        assert (mended.error, [each.action for each in mended.changes]) == ("", ["update"])
        assert comparable(fortigate) == good

        assert site.teardown().error == ""
        assert comparable(fortigate) == before


DRIFT = (
    'config system automation-stitch\nedit "banstitch_sslvpn_login_failed"\nset status disable\nend'
)


def comparable(fortigate: Simulator) -> str:
    """Return the output of `show` without secrets."""
    return "\n".join(line for line in fortigate.show().splitlines() if " ENC " not in line)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"new_password": True}, "wants a new password"),
        ({"ha_role": "Secondary"}, "secondary"),
        ({"ha_role": "Secondary", "version": "6.4.15"}, "FGT-A-peer"),
        ({"fabric": "member", "version": "6.4.15"}, "192.0.2.250"),
        ({"fabric": "member"}, "Security Fabric"),
        ({"without_tables": ("vpn ssl settings",)}, "vpn ssl settings"),
        ({"profile": "net_admin"}, "permi"),
    ],
)
def test_a_fortigate_that_cannot_be_configured_is_left_unchanged_with_the_reason(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with Simulator(Options(**{"version": "7.4.8", "enc_stable": True, **options})) as fortigate:
        before = fortigate.show()
        refused = MemorySite(tmp_path, fortigate, enforcement=["ssl_vpn"]).apply()
        assert said in refused.error
        assert fortigate.show() == before
