"""A ban host that is not as it should be: a port, a disk, a clock, a fail2ban that is busy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite
from tests.lab.nspawn import wait_until

pytestmark = pytest.mark.lab

JAIL = "banstitch-sslvpn_login_failed"
SPARED, OUR_SPARED = "203.0.113.77", "203.0.113.99"
DEFAULTS = f"[DEFAULT]\nignoreip = {SPARED} 198.51.100.0/24\n"
UNMADE = "everything is as it was before the run"
# One test listens on all addresses, which hosts of other tests share; no other one has this port.
PORT = 5091


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ready_root: Path) -> Iterator[LabSite]:
    """A ban host on which nothing is deployed; each test leaves it so."""
    folder = tmp_path_factory.mktemp("site") / "inventory"
    with LabSite(folder, ready_root, settings=f"receiver_port: {PORT}") as lab:
        yield lab


@contextmanager
def made(site: LabSite, command: str, undo: str) -> Iterator[None]:
    """Run a command as root on the host, and take back what it did."""
    site.host.console(command, check=True)
    try:
        yield
    finally:
        site.host.console(undo, check=True)


def refused(site: LabSite, *words: str) -> None:
    """Check that `apply` fails with these words and leaves the host as it was."""
    before = site.list_files()
    failed = site.run("apply", "-y", "--json")
    assert failed.code == 1, failed.out
    error = failed.target("bh1")["error"]
    for word in words:
        assert word in error
    assert "Errno" not in error
    assert site.list_files() == before


def test_plan_reports_the_program_that_uses_the_port(site: LabSite) -> None:
    address = site.host.address
    start = f"systemd-run --unit theirs python3 -m http.server {PORT} --bind {address}"
    listens = f"until ss -tln | grep -q {address}:{PORT}; do :; done"
    with made(site, f"{start}; {listens}", "systemctl stop theirs"):
        plan = site.run("plan", "--json")
        assert plan.code == 1
        error = plan.target("bh1")["error"]
        assert f"{address}:{PORT} is taken by python3 (process " in error
        assert "theirs.service" in error
        assert "receiver_port" in error
        refused(site, "is taken by python3", "theirs.service")


def test_the_running_receiver_is_not_reported_as_another_program(deployed: LabSite) -> None:
    """Not after a crash, not while connections are open, not when it moves to all addresses."""
    deployed.write_inventory(f"receiver_port: {PORT}")
    assert deployed.run("apply", "-y").code == 0
    deployed.host.console("systemctl kill -s KILL banstitch-receiver", check=True)
    deployed.host.console("systemctl stop banstitch-receiver.socket", check=True)
    assert deployed.run("apply", "-y").code == 0
    everywhere = deployed.run("apply", "-y", "-e", "receiver_listen=0.0.0.0", "--json")
    assert everywhere.code == 0, everywhere.out
    assert deployed.run("apply", "-y").code == 0


NO_SPACE = (
    ("mount -t tmpfs -o size=100k none /opt", "umount /opt", "/opt/banstitch"),
    ("mount -t tmpfs -o size=0,nr_inodes=1 none /var/spool", "umount /var/spool", "/var/spool/ban"),
)
NOT_WRITABLE = "mount --bind {0} {0} && mount -o remount,ro,bind {0}"


@pytest.mark.parametrize(("fill", "undo", "path"), NO_SPACE)
def test_a_full_disk_is_named_and_nothing_is_left_half_written(
    site: LabSite, fill: str, undo: str, path: str
) -> None:
    with made(site, fill, undo):
        refused(site, path, "No space left on device; free some space there", UNMADE)


@pytest.mark.parametrize("folder", ["/etc", "/etc/fail2ban", "/var/lib"])
def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_left_half_written(
    site: LabSite, folder: str
) -> None:
    with made(site, NOT_WRITABLE.format(folder), f"umount {folder}"):
        refused(site, folder, "Read-only file system; mount it writable")


def test_after_the_repair_a_site_whose_disk_was_full_is_deployed(deployed: LabSite) -> None:
    attribute = "/etc/logrotate.d/banstitch"
    with made(deployed, f"chattr +i {attribute}", f"chattr -i {attribute}"):
        failed = deployed.run("apply", "-y", "-e", "receiver_log_keep=9", "--json")
        assert failed.code == 1
        error = failed.target("bh1")["error"]
        assert f"{attribute}: Operation not permitted; see `lsattr`" in error
        assert UNMADE in error
    assert deployed.run("plan").code == 0
    assert deployed.run("verify").code == 0


def bans(site: LabSite) -> str:
    return site.host.read(f"/var/spool/banstitch/{JAIL}.bans")


def is_banned(site: LabSite, address: str) -> bool:
    return address in bans(site)


def log_failures(site: LabSite, address: str) -> None:
    """Have the receiver's log say that an address failed three times."""
    now = int(time.time())
    line = f"{now}.000000 verify sslvpn_login_failed failure {address} - -"
    site.host.console(
        ["sh", "-c", 'for n in 1 2 3; do echo "$1"; done >>"$2"', "sh", line, LOG], check=True
    )


LOG = "/var/log/banstitch/events.log"


def test_addresses_in_the_operators_ignoreip_are_never_banned(deployed: LabSite) -> None:
    deployed.host.write("/etc/fail2ban/jail.local", DEFAULTS)
    deployed.write_inventory(f"detection_ignore: [{OUR_SPARED}]")
    assert deployed.run("apply", "-y").code == 0
    for command, attacker in (
        ("true", "203.0.113.81"),
        ("fail2ban-client reload", "203.0.113.82"),
    ):
        deployed.host.console(command, check=True)
        for address in (SPARED, OUR_SPARED, attacker):
            log_failures(deployed, address)
        assert wait_until(partial(is_banned, deployed, attacker), 30)
        assert SPARED not in bans(deployed)
        assert OUR_SPARED not in bans(deployed)
        listed = deployed.host.console(["fail2ban-client", "get", JAIL, "ignoreip"]).stdout
        assert SPARED in listed
        assert OUR_SPARED in listed
    assert deployed.run("plan").code == 0


# Connects again and again, and asks nothing for a while: the queue of fail2ban's socket has room for one.
CROWD = """\
import socket, threading
def ask():
    while True:
        with socket.socket(socket.AF_UNIX) as one:
            try:
                one.connect("/var/run/fail2ban/fail2ban.sock")
                one.sendall(b"x<F2B_END_COMMAND>")
                one.recv(100)
            except OSError:
                pass
for _ in range(8):
    threading.Thread(target=ask).start()
"""


def test_a_busy_fail2ban_is_not_reported_as_stopped(deployed: LabSite) -> None:
    deployed.host.write("/run/crowd.py", CROWD)
    crowd = "systemd-run --unit crowd python3 /run/crowd.py"
    with made(deployed, crowd, "systemctl stop crowd"):
        for _ in range(3):
            plan = deployed.run("plan", "--json")
            assert plan.code == 0, plan.out
        changed = deployed.run("apply", "-y", "-e", "detection_max_retry=4")
        assert changed.code == 0, changed.out + changed.err
        assert deployed.run("apply", "-y").code == 0


# Every process that the agent is, and starts, has another clock than the rest of the host.
LATE_PYTHON = """\
#!/bin/sh
exec env LD_PRELOAD={library} FAKETIME={off} {python} "$@"
"""


@contextmanager
def clock_off(site: LabSite, off: str) -> Iterator[None]:
    """Have the clock of the agent differ."""
    host = site.host
    library = host.console("dpkg -L libfaketime | grep faketimeMT.so.1", check=True).stdout.strip()
    python = host.console("readlink -f /usr/bin/python3", check=True).stdout.strip()
    script = LATE_PYTHON.format(library=library, off=off, python=python)
    with made(site, "mv /usr/bin/python3 /root/python3", "mv /root/python3 /usr/bin/python3"):
        host.write("/usr/bin/python3", script)
        host.console("chmod 755 /usr/bin/python3", check=True)
        yield


def test_a_clock_off_by_a_day_is_an_error_and_by_minutes_a_warning(
    site: LabSite,
) -> None:
    site.host.console("apt-get install -y -q libfaketime", check=True)
    for off, words in (("-1d", "24 h 0 min behind"), ("+90m", "1 h 30 min ahead")):
        with clock_off(site, off):
            refused(site, f"the clock of this host is {words}", "timedatectl set-ntp true")
    with clock_off(site, "+10m"):
        plan = site.run("plan", "--json")
    assert plan.code == 2, plan.out
    assert any("10 min ahead" in note for note in plan.target("bh1")["notes"])


def test_an_unsupported_system_is_refused_with_its_name(site: LabSite) -> None:
    away = "mv /usr/bin/apt-get /root/apt-get; cp /etc/os-release /root/"
    back = "mv /root/apt-get /usr/bin/apt-get; cat /root/os-release > /etc/os-release"
    with made(site, away, back):
        site.host.write("/etc/os-release", 'ID=rocky\nPRETTY_NAME="Rocky Linux 9.4"\n')
        refused(site, "this host (Rocky Linux 9.4) does not run apt")
