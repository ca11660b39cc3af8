"""Test the hosts of the lab."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import nspawn
from tests.lab.cli import main
from tests.lab.debian import DebianHost, LabError
from tests.lab.nspawn import wait_until
from tests.lab.records import Record, get_hosts_directory, hold_lock, is_alive

pytestmark = pytest.mark.lab

Boot = Callable[..., DebianHost]

CHILD = """
import sys
from pathlib import Path
from tests.lab.cli import main
from tests.lab.debian import DebianHost
print(DebianHost(Path(sys.argv[1])).up().name, flush=True)
sys.stdin.read()
"""


def residue(record: Record) -> list[str]:
    """Whatever is left of a host on this machine: mounts, directories, control groups."""
    mounts = Path("/proc/mounts").read_text().splitlines()
    places = [record.directory, *nspawn.list_control_groups(record)]
    return [line for line in mounts if f"/{record.name}/" in line] + [
        str(place) for place in places if place.exists()
    ]


def test_a_bare_host_is_a_debian_without_python_whose_root_enters_by_key(
    debian_host: Boot, bare_root: Path
) -> None:
    host = debian_host(bare_root)
    assert "bookworm" in host.run("cat /etc/os-release").stdout
    assert host.run("id -un; hostname").stdout.split() == ["root", host.name]
    assert host.run("command -v python3 fail2ban-client").returncode != 0
    assert host.run("systemctl is-system-running").stdout.strip() == "running"


def test_sudo_works_with_the_password_for_admin_and_without_one_for_deploy(
    debian_host: Boot, bare_root: Path
) -> None:
    host = debian_host(bare_root)
    assert host.run("sudo -n id -u", user="deploy").stdout == "0\n"
    assert host.run("sudo -n id -u", user="admin").returncode != 0
    asked = host.run("sudo -S -p '' id -u", user="admin", stdin=f"{host.password}\n")
    assert asked.stdout == "0\n"


def test_files_are_written_read_and_listed(debian_host: Boot, bare_root: Path) -> None:
    host = debian_host(bare_root)
    before = host.list_files()
    stamp = host.read_stamps(["/etc/motd"])
    host.write("/etc/lab-test", "one\n")
    host.write("/etc/motd", "changed\n")
    assert host.read("/etc/lab-test") == "one\n"
    after = host.list_files()
    assert after.keys() - before.keys() == {"/etc/lab-test"}
    assert {path for path in before if before[path] != after[path]} == {"/etc/motd"}
    assert host.read_stamps(["/etc/motd"]) != stamp


def test_a_host_returns_to_the_disk_that_was_kept(debian_host: Boot, bare_root: Path) -> None:
    host = debian_host(bare_root)
    host.run("echo kept > /etc/motd; rm /etc/issue; mkdir /opt/empty", check=True)
    host.keep()
    kept, key = host.list_files(), host.host_key_line
    for _ in range(2):
        host.boot()
        host.run("echo lost > /etc/motd; echo lost > /etc/issue; rmdir /opt/empty", check=True)
        host.restore()
        assert not host.running
        assert host.list_files() == kept
    host.boot()
    assert host.read("/etc/motd") == "kept\n"
    assert host.host_key_line == key
    record = host.record
    host.down()
    assert residue(record) == []


def test_a_failing_command_raises_an_error_on_request(debian_host: Boot, bare_root: Path) -> None:
    with pytest.raises(LabError, match="no-such-file"):
        debian_host(bare_root).read("/no-such-file")


def test_a_reboot_and_a_power_cut_keep_the_disk(debian_host: Boot, bare_root: Path) -> None:
    host = debian_host(bare_root)
    before = host.run("cat /proc/1/stat").stdout
    host.write("/etc/lab-test", "kept\n")
    host.reboot()
    assert host.run("cat /proc/1/stat").stdout != before
    host.kill()
    assert not host.running
    host.boot()
    assert host.read("/etc/lab-test") == "kept\n"


def test_two_hosts_at_once_do_not_touch_each_other(debian_host: Boot, bare_root: Path) -> None:
    first, second = debian_host(bare_root), debian_host(bare_root)
    assert first.address != second.address
    assert first.host_key_line.split()[2] != second.host_key_line.split()[2]
    first.console("systemctl stop ssh", check=True)
    assert first.run("true").returncode == 255
    assert second.run("systemctl is-active ssh").stdout == "active\n"
    assert first.console("systemctl show -P ActiveState ssh").stdout == "inactive\n"


def test_a_stopped_host_leaves_nothing(bare_root: Path) -> None:
    with DebianHost(bare_root) as host:
        record, running = host.record, nspawn.find_supervisor(host.record)
        first = nspawn.find_leader(record)
        assert residue(record)
    assert running is not None
    assert not is_alive(running)
    assert not Path(f"/proc/{first}").exists()
    assert residue(record) == []
    assert record.name not in [path.name for path in get_hosts_directory().iterdir()]


def test_an_address_in_use_is_refused(debian_host: Boot, bare_root: Path) -> None:
    host = debian_host(bare_root)
    with pytest.raises(LabError, match=host.address):
        DebianHost(bare_root, address=host.address).up()


def test_what_a_killed_owner_left_is_removed_at_the_next_start(bare_root: Path) -> None:
    argv = [sys.executable, "-c", CHILD, str(bare_root)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        record = DebianHost.attach(name).record
        first = nspawn.find_leader(record)
        with hold_lock("hosts"):  # or another test that starts a host removes it before we look
            child.send_signal(signal.SIGKILL)
            child.wait()
            assert Path(f"/proc/{first}").exists()
            assert record.orphan
            nspawn.remove_orphans()
    nspawn.remove(record)  # as one does who had found it at the same time
    assert residue(record) == []
    assert wait_until(lambda: not Path(f"/proc/{first}").exists(), seconds=60)


def test_a_host_of_a_living_owner_is_never_removed(debian_host: Boot, bare_root: Path) -> None:
    host = debian_host(bare_root)
    with hold_lock("hosts"):
        nspawn.remove_orphans()
    assert host.running
    assert host.record.owner is not None
    assert host.record.owner.pid == os.getpid()


def test_where_an_sshd_of_the_machine_has_port_22_a_host_takes_another(
    debian_host: Boot, bare_root: Path
) -> None:
    with socket.create_server(("127.0.0.252", 22)):
        host = debian_host(bare_root, address="127.0.0.252")
        assert host.port == 2222
        assert host.host_key_line.startswith("[127.0.0.252]:2222 ssh-ed25519 ")
        assert host.run("hostname").stdout == f"{host.name}\n"


def test_a_person_starts_a_host_that_stays_and_takes_it_down_by_name(
    bare_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"person-{os.getpid()}"
    assert main(["up", "--name", name]) == 0
    record = DebianHost.attach(name).record
    with hold_lock("hosts"):
        nspawn.remove_orphans()
    assert main(["list"]) == 0
    assert f"{name}  {record.address}:{record.port}  running  owned by nobody" in (
        capsys.readouterr().out
    )
    assert main(["down", name]) == 0
    assert residue(record) == []
    assert main(["down", name]) == 1
    assert f"no lab host '{name}'" in capsys.readouterr().err
