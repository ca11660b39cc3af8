"""Runs through jump hosts: real sshd with its default limits, before a ban host and a FortiGate."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest

from provision.ssh import connection
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from provision.ssh.routing.hops import Hops
from provision.ssh.routing.reach import open_socket
from tests.e2e.bastions import LIMITS, Bastions, count_logins, make_bastions
from tests.e2e.labsite import LabSite, Ran, fortigate_options
from tests.e2e.proxy import Proxy
from tests.e2e.sshd_host import PASSWORD, SshdHost
from tests.lab.debian import DebianHost

pytestmark = pytest.mark.lab

TARGETS = 40


@pytest.fixture(scope="module")
def world(bare_root: Path) -> Iterator[SshdHost]:
    with DebianHost(bare_root) as host:
        yield SshdHost(host)


@pytest.fixture
def bastions(world: SshdHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bastions:
    return make_bastions(world, tmp_path / "home", monkeypatch)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ready_root: Path) -> Iterator[LabSite]:
    folder = tmp_path_factory.mktemp("site") / "inventory"
    with LabSite(folder, ready_root, [fortigate_options()], settings="receiver_tls: off") as lab:
        yield lab
    logging.getLogger().handlers.clear()  # a connection may end after the stream of the test


def plan(site: LabSite, bastions: Bastions, arguments: str = "") -> Ran:
    """Plan with these arguments of `ssh` for all hosts."""
    variables = site.folder / "group_vars"
    variables.mkdir(exist_ok=True)
    (variables / "all.yml").write_text(f"ansible_ssh_common_args: '{arguments}'\n")
    site.write_known_hosts()
    with (site.folder / "known_hosts").open("a") as known:
        known.write(bastions.known_hosts())
    return site.run("plan", "--json")


def list_states(ran: Ran) -> dict[str, str]:
    return {each["host"]: each["state"] for each in ran.document["sites"][0]["targets"]}


def test_a_plan_through_one_jump_host_is_the_plan(site: LabSite, bastions: Bastions) -> None:
    direct = plan(site, bastions)
    target = f"joe@{bastions.world.host.address}:{bastions.first.port}"
    through = plan(site, bastions, f"-J {target}")
    assert through.code == direct.code, through.out + through.err
    assert through.document["sites"] == direct.document["sites"]
    assert (count_logins(bastions.first), count_logins(bastions.second)) == (1, 0)


def test_a_plan_through_two_jump_hosts_of_the_configuration_is_the_plan(
    site: LabSite, bastions: Bastions
) -> None:
    direct = plan(site, bastions)
    bastions.configure("Host 127.*\n  ProxyJump b1,b2\n")
    through = plan(site, bastions)
    assert through.document["sites"] == direct.document["sites"], through.out + through.err
    assert (count_logins(bastions.first), count_logins(bastions.second)) == (1, 1)


def test_a_plan_through_a_command_is_the_plan(site: LabSite, bastions: Bastions) -> None:
    direct = plan(site, bastions)
    (bastions.home / ".ssh" / "known_hosts").write_text(bastions.known_hosts())
    files = (
        f"-i {bastions.home}/.ssh/id_ed25519 -o UserKnownHostsFile={bastions.home}/.ssh/known_hosts"
    )
    jump = f"-p {bastions.first.port} joe@{bastions.world.host.address}"
    through = plan(site, bastions, f'-o ProxyCommand="ssh -F none {files} -W %h:%p {jump}"')
    assert through.document["sites"] == direct.document["sites"], through.out + through.err
    assert count_logins(bastions.first) == 2  # one for each target


def test_a_jump_host_that_refuses_is_named_at_both_targets_and_asked_once(
    site: LabSite, bastions: Bastions
) -> None:
    bastions.configure("Host 127.*\n  ProxyJump locked@b1\n")
    ran = plan(site, bastions)
    assert ran.code == 4
    assert list_states(ran)["bh1"] == "unreachable"
    error = ran.target("bh1")["error"]
    assert "jump host b1 (locked@" in error
    assert "key refused for locked" in error
    assert bastions.first.log.count("Connection from") == 1
    assert bastions.second.log.count("Connection from") == 0


def test_many_targets_at_once_share_one_login_at_each_of_two_jump_hosts(
    bastions: Bastions, tmp_path: Path
) -> None:
    target = bastions.world.sshd(LIMITS)
    second = replace(bastions.build_hop(bastions.second), via=bastions.build_hop(bastions.first))
    login = bastions.world.login(target, password=PASSWORD, via=second)
    with Hops() as hops, ThreadPoolExecutor(TARGETS) as pool:
        access = Access(tmp_path / "known_hosts", accept_new=True, hops=hops)
        opened = list(pool.map(lambda _: connect(login, access), range(TARGETS)))
        assert all(each.is_open() for each in opened)
        for each in opened:
            each.close()
    assert (count_logins(bastions.first), count_logins(bastions.second)) == (1, 1)
    assert target.log.count("Accepted password") == TARGETS


def test_a_burst_that_the_jump_host_refuses_in_part_ends_well(
    bastions: Bastions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_FOR", 200.0)  # whatever else this machine does
    narrow = bastions.world.sshd("MaxStartups 2:100:2")
    target = bastions.world.sshd("MaxStartups 100")
    files = f"-i {bastions.home}/.ssh/id_ed25519 -o UserKnownHostsFile={tmp_path}/known_hosts"
    line = f"[{bastions.world.host.address}]:{narrow.port} "
    (tmp_path / "known_hosts").write_text(
        line + bastions.world.host.host_key_line.split(" ", 1)[1] + "\n"
    )
    jump = f"-p {narrow.port} joe@{bastions.world.host.address}"
    login = bastions.world.login(
        target, password=PASSWORD, proxy_command=f"ssh -F none {files} -W %h:%p {jump}"
    )
    access = Access(tmp_path / "known_hosts", accept_new=True)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: connect(login, access), range(8)))
        for each in opened:
            each.close()
    assert count_logins(narrow) == target.log.count("Accepted password") == 8
    assert "past MaxStartups" in narrow.log


def test_a_connection_to_the_jump_host_that_breaks_is_opened_again(
    bastions: Bastions, tmp_path: Path
) -> None:
    target = bastions.world.sshd()
    first = bastions.first
    with Hops() as hops, Proxy(bastions.world.host.address, first.port) as cable:
        hop = replace(bastions.build_hop(first), address="127.0.0.1", port=cable.port)
        login = bastions.world.login(target, password=PASSWORD, via=hop)
        access = Access(tmp_path / "known_hosts", accept_new=True, hops=hops)
        connect(login, access).close()
        cable.cut()
        connect(login, access).close()
    assert count_logins(bastions.first) == 2


class LateThread(threading.Thread):
    """A thread that stops when it is about to send, as it may on a busy machine, until `may_go` is set."""

    def __init__(self, transport: paramiko.Transport, send: Callable[[], object]) -> None:
        super().__init__(target=send)
        self.has_begun, self.may_go = threading.Event(), threading.Event()
        transport.clear_to_send = _Stop(self)  # each sender looks at it, before its turn
        transport.clear_to_send.set()


class _Stop(threading.Event):
    def __init__(self, late: LateThread) -> None:
        super().__init__()
        self._late = late

    def wait(self, timeout: float | None = None) -> bool:
        if threading.current_thread() is self._late:
            self._late.has_begun.set()
            assert self._late.may_go.wait(60)
        return super().wait(timeout)


def read_all(server: socket.socket) -> bytes:
    """Return all that the next client sends."""
    client, _ = server.accept()
    with client, client.makefile("rb") as file:
        return file.read()


def test_what_is_sent_late_reaches_no_other_target_behind_the_jump_host(
    bastions: Bastions, tmp_path: Path
) -> None:
    access = Access(tmp_path / "known_hosts", accept_new=True)
    hop = connect(bastions.build_hop(bastions.first), access)
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = Login(
            "t1",
            "127.0.0.1",
            "joe",
            server.getsockname()[1],
            via=bastions.build_hop(bastions.first),
        )
        ended: Any = open_socket(target, hop.get_transport)
        late = LateThread(hop.get_transport(), lambda: ended.send(b"late"))
        late.start()
        assert late.has_begun.wait(60)
        ended.close()
        assert read_all(server) == b""
        others: list[Any] = []
        while ended.remote_chanid not in [each.remote_chanid for each in others]:
            others.append(open_socket(target, hop.get_transport))
        late.may_go.set()
        late.join()
        for other in others:
            other.send(b"in time")
            other.close()
        assert [read_all(server) for _ in others] == [b"in time"] * len(others)
    hop.close()
