"""`auto` on a FortiGate without SSL VPN: what it finds of IPsec is read, pushed and removed over SSH."""

from __future__ import annotations

import pytest

from provision.desired import collect
from provision.fortios.config.desired import Desired
from provision.fortios.config.observed import Observed
from provision.fortios.planning.planner import FortiPlan, plan
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.ssh.connection import Access
from roles import enforcement
from tests.plays import PLAYS
from tests.simulator import Options, Simulator
from tests.unit.fortios.sample_cli import KEY
from tests.unit.fortios.ssh_sessions import make_login, tear_down_over_ssh
from tests.unit.roles.sample_ca import CA
from tests.unit.roles.sample_site import TOKENS, sample_site

TUNNEL = (
    'config vpn ipsec phase1-interface\nedit "clients"\nset type dynamic\nset interface "port1"\n'
    "set psksecret hunter2hunter2\nnext\nend\n"
)


def render(session: FortiGateSession, observed: Observed | None = None) -> Desired:
    vdom = "edge" if session.facts.vdoms else "root"
    chosen = enforcement.Settings(enforcement_vdom=vdom, enforcement_ipv6=True)
    site = sample_site(fortigate={"enforcement": chosen})
    return collect.render_desired(
        site, site.fortigates[0], PLAYS, TOKENS, session.facts, CA, observed=observed
    )


def look(session: FortiGateSession, record: Record) -> FortiPlan:
    observed = session.observe(render(session), record)
    return plan(render(session, observed), observed, record, key=KEY)


@pytest.mark.parametrize(
    ("version", "vdoms"), [("7.4.8", ()), ("7.6.4", ()), ("8.0.0", ()), ("8.0.0", ("edge",))]
)
def test_ipsec_is_denied_and_a_teardown_leaves_nothing(
    access: Access, version: str, vdoms: tuple[str, ...]
) -> None:
    options = Options(
        version=version, vdoms=vdoms, enc_stable=True, without_tables=("vpn ssl settings",)
    )
    with Simulator(options) as fortigate:
        fortigate.run_in(vdoms[0] if vdoms else "", TUNNEL)
        before = fortigate.show()
        with FortiGateSession(make_login(fortigate), access) as session:
            made = look(session, Record())
            assert session.exchanges <= 2
            session.apply(made)
        assert 'set service "banstitch_vpn"' in fortigate.show()
        fortigate.journal.clear()
        with FortiGateSession(make_login(fortigate), access) as session:
            assert look(session, made.settled).changes == ()
            assert session.exchanges <= 2
        assert fortigate.journal.changing() == []
        tear_down_over_ssh(fortigate, access, made.settled)
        assert fortigate.show() == before
