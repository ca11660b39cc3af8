"""A forged record of a compromised ban host never makes the controller type what was not shown.

The FortiGate is simulated; its journal has every line that reached it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.linux.agent.protocol.answers import Leased
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.requests import TakeLease
from provision.results import TargetResult
from tests.e2e import memory_site
from tests.e2e.memory_site import MemoryHost, MemorySite
from tests.simulator import Options, Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")


VERBS = ("plan", "verify", "apply", "teardown")
EVIL = (
    'config system admin\n    edit "evil"\n        set accprofile "super_admin"\n'
    '        set password "Pw-12345678"\n    next\nend\n'
)
WEBHOOK = "system automation-action:banstitch_webhook"
STITCH = "system automation-stitch:banstitch_x"
# What the operator has: an allow-list, a script, an automation of his own, policies.
THEIRS = """config firewall address
    edit "office"
        set subnet 198.51.100.0 255.255.255.0
    next
end
config vpn ssl settings
    set source-address "office"
end
config system automation-action
    edit "wipe"
        set action-type cli-script
        set script "execute factoryreset"
        set accprofile "super_admin"
    next
end
config firewall policy
    edit 7
        set name "banstitch_deny"
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "all"
        set dstaddr "all"
        set schedule "always"
        set service "ALL"
        set comments "by hand"
    next
end
"""


def _entry(object_id: str, *lines: str, key: str = "") -> str:
    table, _, name = object_id.partition(":")
    return "\n".join([f"config {table}", f'edit "{key or name}"', *lines, "next", "end", ""])


# Records that no release of ours ever wrote.
REFUSED: dict[str, list[list[str | None]]] = {
    "line ends in an id": [[f"system status\n{EVIL}get system status", None]],
    "line ends in a key": [[f'{WEBHOOK}"\nend\n{EVIL}', None]],
    "line ends in a scope": [[f"root\n{EVIL}/firewall policy:9001", None]],
    "another table": [["system admin:evil", EVIL]],
    "another table, deleted": [["system admin:admin", None]],
    "another table in the text": [[WEBHOOK, EVIL]],
    "a second table in the text": [[WEBHOOK, _entry(WEBHOOK, "set port 1") + EVIL]],
    "a second entry in the text": [
        [WEBHOOK, 'config system automation-action\nedit "wipe"\nset port 1\nnext\nend\n'],
    ],
    "another name": [["system automation-action:wipe", None]],
    "an order in the text": [[WEBHOOK, 'config system automation-action\ndelete "wipe"\nend\n']],
    "an attribute of a single object": [
        ["vpn ssl settings", "config vpn ssl settings\nset servercert evil\nend\n"]
    ],
    "a table in a single object": [
        [
            "vpn ssl settings",
            "config vpn ssl settings\nconfig authentication-rule\nedit 1\nnext\nend\nend\n",
        ]
    ],
    "an object that nobody can make": [["vpn ssl settings", None]],
    "a control character in a value": [[WEBHOOK, _entry(WEBHOOK, 'set description "a\x1bb"')]],
    "a line end in a value": [[WEBHOOK, _entry(WEBHOOK, 'set description "a\nend"')]],
    "a global object in a VDOM": [["edge/system automation-stitch:banstitch_x", None]],
    "a policy in no VDOM": [["global/firewall policy:9001", None]],
    "more addresses than a FortiGate is asked for": [
        [
            "vpn ssl settings",
            f"config vpn ssl settings\nset source-address {' '.join(map(str, range(2000)))}\nend\n",
        ]
    ],
    "very many addresses in many lists": [
        [
            f"firewall policy:{number}",
            _entry(
                f"firewall policy:{number}",
                'set name "banstitch_deny"',
                f"set srcaddr {' '.join(f'a{number}-{each}' for each in range(200))}",
                key=str(number),
            ),
        ]
        for number in range(1, 10)
    ],
}
# Records that could be ours, and ask for what memory may not decide.
HARMLESS: dict[str, list[list[str | None]]] = {
    "a policy of the operator's by its number": [["firewall policy:1", None]],
    "a policy of our name that is not marked": [["firewall policy:7", None]],
    "a policy that lets everybody in": [
        [
            "firewall policy:7",
            _entry("firewall policy:7", 'set name "banstitch_deny"', "set action accept", key="7"),
        ]
    ],
    "an open VPN instead of an allow-list": [
        [
            "vpn ssl settings",
            "config vpn ssl settings\nunset source-address\nunset source-address-negate\nend\n",
        ]
    ],
    "a script": [
        [WEBHOOK, _entry(WEBHOOK, "set action-type cli-script", 'set script "execute reboot"')]
    ],
    "a stitch with a script of the operator's": [
        [STITCH, _entry(STITCH, 'set trigger "banstitch_x"', 'set action "wipe"')]
    ],
    "a secret": [
        [
            "system external-resource:banstitch_feed",
            _entry("system external-resource:banstitch_feed", "set password ENC abcd"),
        ]
    ],
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[MemorySite]:
    with Simulator(Options(enc_stable=True)) as fortigate:
        fortigate.run(THEIRS)
        yield MemorySite(tmp_path / "inventory", fortigate, enforcement="none")


def _forged(objects: list[list[str | None]], **more: Any) -> dict[str, Any]:
    return {"serial": "", "objects": objects, "fingerprints": {}, "names": {}, **more}


def _changing(site: MemorySite) -> list[str]:
    typed = "\n".join(line.text for line in site.fortigate.journal.changing())
    return [line.strip() for line in typed.splitlines()]


def _shown(result: TargetResult) -> list[str]:
    return [line.strip() for each in result.changes for line in each.diff.splitlines()]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("what", REFUSED)
def test_a_malformed_record_is_refused_and_only_our_own_queries_are_typed(
    site: MemorySite, what: str, verb: str
) -> None:
    before = site.fortigate.show()
    site.records["fgt1"] = _forged(REFUSED[what])
    result = getattr(site, verb)()
    assert result.state == "failed"
    assert "record of this FortiGate is refused" in result.error
    assert "manifest.json" in result.error
    assert result.error.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", result.error)
    typed = [line.text for line in site.fortigate.journal]
    assert all(re.fullmatch(r"(get|show|sudo global show) [a-z |-]+", line) for line in typed)
    assert site.fortigate.show() == before


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("what", HARMLESS)
def test_a_record_cannot_change_the_operators_objects_or_widen_ours(
    site: MemorySite, what: str, verb: str
) -> None:
    theirs = _theirs(site)
    site.records["fgt1"] = _forged(HARMLESS[what])
    result = getattr(site, verb)()
    assert set(_changing(site)) <= {*_shown(result), *TRANSACTION, *SECRETS}
    assert _theirs(site) == theirs
    for word in ("cli-script", "accept", " ENC ", "unset source-address", "reboot"):
        assert not [line for line in _changing(site) if word in line]


# They stand by name in what is shown.
SECRETS = {
    f'set value "{memory_site.TOKENS["webhook:fgt1"]}"',
    f'set password "{memory_site.TOKENS["feed:fgt1"]}"',
}
TRANSACTION = {
    "execute config-transaction start 2",
    "execute config-transaction commit",
    "execute config-transaction abort",
}


def _theirs(site: MemorySite) -> str:
    """Return the part of the configuration that belongs to the operator."""
    ours = r'^ {4}edit "banstitch_(?!deny)[^\n]*\n.*?^ {4}next\n'
    text = re.sub(ours, "", site.fortigate.show(), flags=re.M | re.S)
    return re.sub(r"^config [^\n]*\nend\n", "", text, flags=re.M)


def test_a_record_that_changes_between_confirmation_and_lease_is_refused(
    site: MemorySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exchanging(MemoryHost):
        def ask(self, request: Request[Any]) -> Any:
            if isinstance(request, TakeLease):
                evil = _forged([["system admin:helpdesk", EVIL.replace("evil", "helpdesk")]])
                return Leased(None, None, evil)
            return super().ask(request)

    monkeypatch.setattr(memory_site, "MemoryHost", Exchanging)
    before = site.fortigate.show()
    result = site.apply()
    assert result.state == "failed"
    assert "'system admin:helpdesk' is not an object that Banstitch makes" in result.error
    assert _changing(site) == []
    assert site.fortigate.show() == before
