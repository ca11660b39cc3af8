"""Prompts of every shape, prompts that are text, and messages that a FortiGate prints on its own."""

from __future__ import annotations

import re
from typing import Any

import pytest

from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.planning.planner import FortiPlan, plan, teardown
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.fortigate_bounds import set_bounds
from tests.simulator import Notice, Options, Simulator
from tests.unit.fortios.sample_cli import ALL, KEY, SSL_ON

pytestmark = pytest.mark.slow

POLICY = """config firewall policy
    edit 9001
        set status enable
        set name "banstitch_deny"
        set srcintf "port1"
        set dstintf "port2"
        set action deny
        set srcaddr "banstitch_feed"
        set dstaddr "all"
        set schedule "always"
        set service "ALL"
        set comments "Managed by Banstitch"
    next
end
"""
WANT = read_blocks([CliBlock(f"b{n}.j2", text) for n, text in enumerate((*ALL, POLICY))])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits, and fail a run that waits until the FortiGate counts as hung."""
    set_bounds(monkeypatch, lost=0.5, unread=0.4, silence=8.0)


class Site:
    """A FortiGate that is planned, changed and torn down as in a run."""

    def __init__(self, fortigate: Simulator, access: Access) -> None:
        self.fortigate = fortigate
        self._access = access
        self.record = Record()

    def login(self) -> Login:
        fortigate, options = self.fortigate, self.fortigate.options
        return Login(
            "fgt", fortigate.address, options.user, fortigate.port, password=options.password
        )

    def plan(self, want: Desired = WANT) -> FortiPlan:
        with FortiGateSession(self.login(), self._access) as fortigate:
            return plan(want, fortigate.observe(want, self.record), self.record, key=KEY)

    def apply(self) -> FortiPlan:
        with FortiGateSession(self.login(), self._access) as fortigate:
            made = plan(WANT, fortigate.observe(WANT, self.record), self.record, key=KEY)
            fortigate.apply(made)
        self.record = made.settled
        return made

    def teardown(self) -> None:
        with FortiGateSession(self.login(), self._access) as fortigate:
            fortigate.apply(teardown(fortigate.observe(Desired(), self.record), self.record))


def comment(text: str, key: int = 7) -> str:
    """Return the lines that create an operator's policy with this comment."""
    quoted = re.sub(r'(["\\])', r"\\\1", text)
    return (
        f'config firewall policy\nedit {key}\nset name "theirs-{key}"\nset srcintf "port1"\n'
        'set dstintf "port2"\nset srcaddr "all"\nset dstaddr "all"\nset schedule "always"\n'
        f'set service "ALL"\nset action accept\nset comments "{quoted}"\nnext\nend\n'
    )


PASTED = {
    "a command at a prompt": "asked by Ann:\nFGT-A # get system status\nVersion: v7.4.8",
    "a prompt at the end": "see\nFGT-A # ",
    "only a prompt": "FGT-A # ",
    "a prompt on the first line": "FGT-A # show firewall policy\nFGT-A # ",
    "a context": "FGT-A (access) # edit 7\nFGT-A (7) # ",
    "a restricted prompt": "x\nFGT-A $ \ny",
    "end and next": "a\nnext\nend\nconfig system admin\nedit admin\nend",
    "quotes before it": 'he said "no"\nFGT-A # show\n"and more',
    "a backslash before the quote": 'path C:\\\nFGT-A # dir\n"\\"\n\\',
    "a single quote": "don't\nFGT-A # end",
    "a refusal": "FGT-A # sett\nUnknown action 0\ncommand parse error before 'x'\n"
    "Command fail. Return code -61\nFGT-A # ",
    "a pager": "one\n--More-- \nFGT-A # x",
    "a command of ours": "FGT-A # show firewall policy\nshow vpn ssl settings\nFGT-A # ",
    "a question": "Do you want to continue? (y/n)\nFGT-A # y",
}


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_a_prompt_inside_quotes_is_text(pasted: str, access: Access) -> None:
    with Simulator(Options(enc_stable=True, console="more", pager_lines=23)) as fortigate:
        fortigate.run(SSL_ON + comment(pasted) + comment("between\nFGT-A # ", 8))
        before = fortigate.show()
        assert "theirs-7" in before
        site = Site(fortigate, access)
        assert {each.action for each in site.plan().changes} == {"create", "update"}
        assert fortigate.journal.changing() == []
        site.apply()
        assert site.plan().changes == ()
        site.teardown()
        assert fortigate.show() == before


@pytest.mark.parametrize("piece", [1, 7, 23])
def test_a_pasted_prompt_that_arrives_in_pieces_is_text(piece: int, access: Access) -> None:
    with Simulator(Options(enc_stable=True, console="standard")) as fortigate:
        fortigate.run(
            SSL_ON + "".join(comment(each, 20 + n) for n, each in enumerate(PASTED.values()))
        )
        fortigate.faults.rewrite = lambda said: (
            said[at : at + piece] for at in range(0, len(said), piece)
        )
        site = Site(fortigate, access)
        site.apply()
        assert site.plan().changes == ()


PROMPTS: dict[str, dict[str, Any]] = {
    "blanks": {"hostname": "my gate 1"},
    "a number sign": {"hostname": "gate #7"},
    "a dollar": {"hostname": "gate$ $1"},
    "brackets": {"hostname": "gate (lab) x"},
    "brackets at the end": {"hostname": "gate (lab)"},
    "what patterns use": {"hostname": "g[a].*t|e+"},
    "a role": {"ha_role": "Primary"},
    "a role and blanks": {"ha_role": "Primary", "hostname": "my gate"},
    "restricted and blanks": {
        "hostname": "my gate",
        "profile": "net_admin",
        "forbidden": ("system admin",),
    },
    "cut": {"prompt_name": "a-very-long-hostname-that-is-c~"},
    "letters of all kinds": {"hostname": "Zürich-π"},
    "blanks, with VDOMs": {"hostname": "my gate 1", "vdoms": ("Branch",)},
    "blanks, behind a disclaimer": {
        "hostname": "my gate",
        "disclaimer": "Site # 7\nmine #\nmine #",
    },
}


@pytest.mark.parametrize("options", PROMPTS.values(), ids=PROMPTS)
def test_a_prompt_of_any_shape_is_recognised(options: dict[str, Any], access: Access) -> None:
    with Simulator(Options(enc_stable=True, **options)) as fortigate:
        scope = "root" if fortigate.options.vdoms else ""
        fortigate.run_in(scope, SSL_ON)
        with FortiGateSession(Site(fortigate, access).login(), access) as session:
            assert session.facts.version == (7, 4, 8)
            assert session.facts.vdom_names == (("root", "Branch") if scope else ())
        if scope:
            return
        before = fortigate.show()
        site = Site(fortigate, access)
        site.apply()
        assert site.plan().changes == ()
        site.teardown()
        assert fortigate.show() == before


MESSAGES = (
    "System is going down NOW !!",
    "\r\nadmin 'bob' logged in from ssh(192.0.2.9)\r\n",
    "The system has entered conserve mode\r\n",
    "HA: slave FGT-A # lost\r\n",
    "slave's License \"x is invalid\r\n",
)


LOOKS = (
    "^$",
    "get system status",
    "show system automation-action",
    "show firewall policy",
    "show vpn ssl settings",
)


@pytest.mark.parametrize("where", ["before", "within", "behind", "redrawn", "echo", "inside"])
@pytest.mark.parametrize("text", MESSAGES)
def test_a_message_that_hides_a_prompt_costs_an_enter_and_no_line(
    text: str, where: str, access: Access
) -> None:
    with Simulator(Options(enc_stable=True, console="standard")) as fortigate:
        fortigate.run(SSL_ON)
        site = Site(fortigate, access)
        for at in LOOKS:
            fortigate.faults.notices += [Notice(text, where, at)]
            made = site.plan()
            assert fortigate.faults.notices == []
            assert [each.action for each in made.changes] == ["create"] * 4 + ["update", "create"]
        assert fortigate.journal.changing() == []


@pytest.mark.parametrize("where", ["before", "within", "behind", "redrawn", "echo"])
@pytest.mark.parametrize("transactions", [True, False])
@pytest.mark.parametrize("at", ["^config system", "^set uri", "^next"])
def test_a_message_in_the_middle_of_a_push_loses_no_line(
    at: str, where: str, transactions: bool, access: Access
) -> None:
    with Simulator(Options(enc_stable=True, transactions=transactions)) as fortigate:
        fortigate.run(SSL_ON)
        before = fortigate.show()
        site = Site(fortigate, access)
        fortigate.faults.notices += [Notice(MESSAGES[0], where, at), Notice(MESSAGES[2], where, at)]
        site.apply()
        assert len(fortigate.faults.notices) < 2
        fortigate.faults.notices.clear()
        assert site.plan().changes == ()
        site.teardown()
        assert fortigate.show() == before


@pytest.mark.parametrize("where", ["before", "behind", "redrawn", "echo"])
def test_a_refusal_beside_a_message_is_seen(where: str, access: Access) -> None:
    with Simulator(Options(enc_stable=True)) as fortigate:
        fortigate.run(SSL_ON)
        before = fortigate.show()
        site = Site(fortigate, access)
        fortigate.faults.errors["^set port"] = "Unknown action 0"
        fortigate.faults.notices += [Notice(MESSAGES[0], where, "^set (uri|port)")] * 2
        with pytest.raises(Exception, match="as it was before"):
            site.apply()
        assert fortigate.show() == before
