"""Check logins at a simulated FortiGate: banners, host keys, passwords, cluster members."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.errors import Failed, Unreachable
from provision.fortios.config.desired import CliBlock, read_blocks
from provision.fortios.planning.planner import plan
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.ssh.connection import Access
from tests.simulator import Options, Simulator
from tests.unit.fortios.sample_cli import FEED, KEY, SSL, WANT
from tests.unit.fortios.ssh_sessions import (
    apply_over_ssh,
    both_consoles,
    make_login,
    tear_down_over_ssh,
)


@both_consoles
def test_logging_in_and_out_types_no_line(fortigate: Simulator, access: Access) -> None:
    with FortiGateSession(make_login(fortigate), access) as session:
        assert session.exchanges == 0
    assert len(fortigate.journal) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"disclaimer": "Authorised use only # $ \nFGT-A # \nkeep out"},
        {"banner": "Welcome # to $ this\n"},
        {"ha_role": "Primary"},
        {"hostname": "fw-1.example~x"},
        {"kex": "modern"},
        {"kex": "sha1"},
        {"continuation": ""},
    ],
    ids=str,
)
def test_a_login_with_any_banner_or_disclaimer_works(
    options: dict[str, Any], access: Access
) -> None:
    want = read_blocks([CliBlock("b.j2", "".join((FEED, SSL)))])
    with Simulator(Options(**options)) as fortigate:
        before = fortigate.show()
        made = apply_over_ssh(fortigate, access, want)
        assert made.changes
        assert apply_over_ssh(fortigate, access, want, made.settled).changes == ()
        tear_down_over_ssh(fortigate, access, made.settled)
        assert fortigate.show().count("\n") == before.count("\n")


def test_an_unknown_host_key_is_refused_and_nothing_is_remembered(
    fortigate: Simulator, tmp_path: Path
) -> None:
    strict = Access(tmp_path / "known", accept_new=False)
    with (
        pytest.raises(Unreachable, match="unknown") as caught,
        FortiGateSession(make_login(fortigate), strict),
    ):
        pass
    assert "--accept-new-host-keys" in str(caught.value)
    assert not (tmp_path / "known").exists()


def test_a_known_host_key_is_enough_and_a_changed_one_is_always_refused(
    fortigate: Simulator, tmp_path: Path
) -> None:
    known = tmp_path / "known"
    known.write_text(fortigate.host_key_line + "\n")
    with FortiGateSession(make_login(fortigate), Access(known, accept_new=False)) as session:
        assert session.facts.serial
    with Simulator(Options(port=0)) as other:
        line = fortigate.host_key_line.replace(str(fortigate.port), str(other.port))
        known.write_text(line + "\n")
        access = Access(known, accept_new=True)
        with (
            pytest.raises(Unreachable, match="CHANGED"),
            FortiGateSession(make_login(other), access),
        ):
            pass


def test_a_wrong_password_and_a_closed_port_are_different_errors(
    fortigate: Simulator, access: Access
) -> None:
    with (
        pytest.raises(Unreachable, match="password refused for admin") as caught,
        FortiGateSession(make_login(fortigate, password="wrong-pass"), access),
    ):
        pass
    assert "wrong-pass" not in str(caught.value)
    with (
        pytest.raises(Unreachable, match="connect"),
        FortiGateSession(make_login(fortigate, port=1), access),
    ):
        pass


def test_a_cluster_secondary_is_refused_before_anything_is_sent(access: Access) -> None:
    with Simulator(Options(ha_role="Secondary")) as fortigate:
        with (
            FortiGateSession(make_login(fortigate), access) as session,
            pytest.raises(Failed, match="secondary"),
        ):
            session.observe(WANT, Record())
        assert fortigate.journal.changing() == []


def test_an_unknown_version_causes_a_warning(access: Access) -> None:
    with (
        Simulator(Options(version="7.9.2")) as fortigate,
        FortiGateSession(make_login(fortigate), access) as session,
    ):
        made = plan(WANT, session.observe(WANT, Record()), Record(), key=KEY)
    assert "7.9.2" in made.warnings[0]
