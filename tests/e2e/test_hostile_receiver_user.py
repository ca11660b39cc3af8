"""A receiver that was taken over: its user costs its own service and nothing else on the host.

The host has real fail2ban with a second jail, `other`, which stands for the host's sshd jail.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.load import post, run
from tests.e2e.labsite import LabSite, fortigate_options
from tests.lab.nspawn import wait_until
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

LOGS = "/var/log/banstitch"
LOG = f"{LOGS}/events.log"
JAIL = "banstitch-sslvpn_login_failed"
LINE = 'logid="0101039426" remip=%s user="x" msg="SSL user failed to logged in"'
OTHER = """[other]
enabled = true
filter = other
logpath = /var/log/other.log
backend = polling
maxretry = 1
action =
"""
FILTER = "[Definition]\nfailregex = ^ bad <ADDR>$\ndatepattern = ^{EPOCH}\n"
# KiB; a server of this size holds some ten thousand bans, and no log of 40 GB.
MOST_MEMORY = 400_000


class Taken:
    """A deployed site, as the receiver's user and as root see it."""

    def __init__(self, site: LabSite) -> None:
        self.site, self.host = site, site.host
        self.numbers = itertools.count(1)
        tokens = json.loads(site.host.read("/etc/banstitch/tokens.json"))
        self.token = tokens["webhook:fgt1"]

    def root(self, script: str) -> str:
        return self.host.console(script, check=True).stdout

    def as_user(self, script: str) -> str:
        """What the receiver's user gets to see, without the sandbox of its unit."""
        argv = ["setpriv", "--reuid=banstitch", "--regid=banstitch", "--clear-groups"]
        done = self.host.console([*argv, "sh", "-c", script])
        return done.stdout + done.stderr

    def in_sandbox(self, script: str) -> str:
        """The same within the sandbox: a unit with all lines of the receiver's but what it runs."""
        unit = self.host.read("/etc/systemd/system/banstitch-receiver.service")
        changed = {"Type": "oneshot", "ExecStart": "/bin/sh /opt/taken.sh", "Restart": "no"}
        changed |= {"RuntimeDirectory": "taken"}
        for key, value in changed.items():
            unit = re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", unit)
        unit = re.sub(
            r"(?m)^(Sockets|Wants|After|PartOf|StartLimit\w+|NotifyAccess)=.*\n", "", unit
        )
        self.root("touch /opt/taken.sh /run/systemd/system/taken.service")
        self.host.write("/opt/taken.sh", script)
        self.host.write("/run/systemd/system/taken.service", unit)
        self.root("systemctl daemon-reload")
        self.host.console("systemctl start taken.service")
        return self.root("journalctl -u taken.service -n 40 -o cat --no-pager")

    def other_bans(self) -> bool:
        """Whether the second jail bans somebody new within 30 seconds."""
        address = f"198.51.100.{next(self.numbers)}"
        self.root(f'echo "$(date +%s) bad {address}" >> /var/log/other.log')
        return wait_until(lambda: address in self.banned("other"), 30)

    def banned(self, jail: str = JAIL) -> list[str]:
        said = self.host.console(["fail2ban-client", "get", jail, "banip"], timeout=60)
        return said.stdout.split()

    def post(self, addresses: list[str], times: int = 3) -> None:
        bodies = [(LINE % a).encode() for a in addresses for _ in range(times)]
        posts = iter([post("/receive-logs", b, X_Banstitch_Token=self.token) for b in bodies])
        result = run((self.host.address, 5000), posts, at_once=4)
        assert result.all(200)

    def our_jail_bans(self) -> bool:
        """Whether an attacker is still banned, from webhook to jail, within 30 seconds."""
        address = f"45.1.7.{next(self.numbers)}"
        self.post([address])
        return wait_until(lambda: address in self.banned(), 30)

    def memory(self) -> int:
        """KiB of the fail2ban server."""
        return int(self.root("grep ^VmHWM: /proc/$(pgrep -o fail2ban)/status").split()[1])

    def all_is_well(self) -> bool:
        return self.other_bans() and self.our_jail_bans() and self.memory() < MOST_MEMORY


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory, ready_root: Path) -> Iterator[Taken]:
    folder = tmp_path_factory.mktemp("site") / "inventory"
    settings = "receiver_tls: off\ndetection_ban_time: 1h\nreceiver_log_size: 32k"
    with LabSite(folder, ready_root, [fortigate_options()], settings=settings) as site:
        done = site.run("apply", "-y")
        assert done.code == 0, done.out + done.err
        found = Taken(site)
        files = ("/var/log/other.log", "/etc/fail2ban/filter.d/other.conf")
        found.root(f"touch {' '.join(files)} /etc/fail2ban/jail.d/other.conf")
        site.host.write(files[1], FILTER)
        site.host.write("/etc/fail2ban/jail.d/other.conf", OTHER)
        found.root("fail2ban-client reload")
        assert found.all_is_well()
        # a ban is noted after it has taken effect
        assert wait_until((site.host.filesystem / f"{LOGS[1:]}/audit.log").exists, 30)
        yield found


def test_no_name_in_the_folder_of_the_logs_can_be_made_removed_or_replaced(taken: Taken) -> None:
    before = taken.root(f"ls {LOGS}; stat -c '%n %i %F %U %a' {LOGS}/*")
    for attempt in (
        f"mkfifo {LOGS}/audit.log.1",
        f"rm -f {LOG}",
        f"mv {LOG} {LOGS}/x",
        f"ln -sf /etc/shadow {LOG}",
        f"ln {LOG} {LOGS}/y",
        f"mkdir {LOGS}/audit.log.9",
        f"chmod 777 {LOG} {LOGS}",
        f"mv {LOGS} /var/log/elsewhere",
    ):
        assert "ermi" in taken.as_user(attempt), attempt
    assert taken.root(f"ls {LOGS}; stat -c '%n %i %F %U %a' {LOGS}/*") == before
    assert taken.all_is_well()


def test_the_audit_can_be_read_and_neither_written_nor_held_up(taken: Taken) -> None:
    assert '"what": "ban"' in taken.as_user(f"tail -n 5 {LOGS}/audit.log")
    assert "ermission denied" in taken.as_user(f"echo x >> {LOGS}/audit.log")
    taken.root(
        "systemd-run --quiet --unit=holder --uid=banstitch --gid=banstitch"
        f" sh -c 'exec 7<{LOGS}; exec 8<{LOGS}/audit.log; flock 7; flock 8; exec sleep 600'"
    )
    try:
        assert taken.our_jail_bans()
        (last, *_) = (a for a in reversed(taken.banned()) if a.startswith("45.1.7."))
        assert wait_until(lambda: last in taken.host.read(f"{LOGS}/audit.log"), 20)
    finally:
        taken.root("systemctl stop holder")


def test_a_sparse_log_of_40_gb_costs_no_memory_and_stops_no_jail(taken: Taken) -> None:
    assert taken.as_user(f"truncate -s 40G {LOG}") == ""
    taken.root("systemctl restart fail2ban")
    assert taken.all_is_well()
    assert int(taken.root(f"stat -c %s {LOG}")) < 1 << 20
    taken.as_user(f"truncate -s 40G {LOG}")
    assert wait_until(lambda: int(taken.root(f"stat -c %s {LOG}")) < 1 << 20, 20)
    assert taken.all_is_well()


def test_garbage_without_an_end_of_line_stops_no_jail(taken: Taken) -> None:
    taken.as_user(f"head -c 50000000 /dev/zero | tr '\\0' '[' >> {LOG}")
    taken.as_user(f"head -c 20000 /dev/urandom >> {LOG}")
    taken.as_user(f"echo '99999999999999999999 sslvpn_login_failed 45.1.1.1' >> {LOG}")
    taken.as_user(f"echo 'nan sslvpn_login_failed 45.1.1.1' >> {LOG}")
    assert taken.all_is_well()


def test_a_lock_or_a_lease_on_the_event_log_holds_nobody_up(taken: Taken) -> None:
    lease = f"import fcntl, os; fcntl.fcntl(os.open('{LOG}', os.O_WRONLY), fcntl.F_SETLEASE, 1)"
    assert "Error" in taken.as_user(f'python3 -c "{lease}"')
    taken.root(
        "systemd-run --quiet --unit=holder --uid=banstitch --gid=banstitch"
        f" sh -c 'exec 7<>{LOG}; flock 7; head -c 200000 /dev/zero >&7; exec sleep 600'"
    )
    try:
        # full and locked: root moves it aside all the same
        assert wait_until(lambda: int(taken.root(f"stat -c %s {LOG}")) == 0, 30)
        taken.root("systemctl restart fail2ban")
        assert taken.all_is_well()
    finally:
        taken.root("systemctl stop holder")


POISON = (
    "[" * 60000 + f'"what": "ban", "jail": "{JAIL}"',
    f'{{"at": 9e18, "what": "unban", "address": "45.1.9.1", "jail": "{JAIL}", "count": 1}}',
    f'{{"at": Infinity, "what": "unban", "address": "45.1.9.1", "jail": "{JAIL}", "count": 1}}',
    f'{{"at": NaN, "what": "unban", "address": "45.1.9.1", "jail": "{JAIL}", "count": 1}}',
    f'{{"at": 1, "what": "ban", "address": "45.1.9.1", "jail": "{JAIL}", "count": 1e400}}',
    f'{{"at": 1, "what": "ban", "address": ["45.1.9.1"], "jail": "{JAIL}", "count": 1}}',
)


def test_a_manipulated_audit_of_release_0_1_stops_no_jail_and_lifts_no_ban(
    taken: Taken,
) -> None:
    taken.root("systemctl stop fail2ban")
    script = f"cat >> {LOGS}/audit.log"
    taken.host.console(["sh", "-c", script], stdin="\n".join(POISON) + "\n", check=True)
    taken.root("systemctl start fail2ban")
    taken.post(["45.1.9.1"])
    assert wait_until(lambda: "45.1.9.1" in taken.banned(), 30)
    assert taken.all_is_well()


def test_the_sandbox_makes_no_devices_and_no_large_files(taken: Taken) -> None:
    said = taken.in_sandbox(
        f"truncate -s 40G {LOG}; mkfifo /run/taken/fifo; ls -l /run/taken/fifo;"
        f" dd if=/dev/zero of=/run/taken/large bs=1M count=400; touch {LOGS}/x;"
        " touch /opt/banstitch/x;"
        " cat /etc/banstitch/tokens.json; grep -c webhook:fgt1 /etc/banstitch/digests.json"
    )
    assert said.count("File size limit exceeded") == 2, said
    assert "cannot create fifo '/run/taken/fifo': Operation not permitted" in said, said
    assert "/etc/banstitch/tokens.json: Permission denied" in said
    assert f"cannot touch '{LOGS}/x': Permission denied" in said
    assert said.splitlines()[-1] == "1" or "\n1\n" in said


def test_the_sandbox_has_no_folder_on_a_disk_that_it_could_fill(taken: Taken) -> None:
    said = taken.in_sandbox(
        "for each in $(find / -xdev -type d -writable 2>/dev/null; echo /tmp /var/tmp); do"
        ' touch $each/x 2>/dev/null && stat -f -c "writes to $each on %T" $each; done'
    )
    written = re.findall(r"writes to (\S+) on (\S+)", said)
    assert {kind for _, kind in written} <= {"tmpfs"}, said  # MemoryMax= bounds it
    assert not {"/tmp", "/var/tmp"} & {folder for folder, _ in written}, said


def test_status_reports_a_filter_of_addresses_only_where_the_kernel_has_one(taken: Taken) -> None:
    """The kernel counts bytes by the same program by which it filters."""
    shown = taken.root("systemctl show banstitch-receiver.socket -p IPIngressBytes --value")
    allowed = taken.root("systemctl show banstitch-receiver.socket -p IPAddressAllow --value")
    status = taken.site.run("status")
    assert "127.0.0.0/8" in allowed
    assert ("does not filter addresses" in status.out) == (not shown.strip().isdigit())


def test_no_event_is_lost_and_none_counts_twice_while_a_flood_rotates_the_log(
    taken: Taken,
) -> None:
    """32 KiB is the size that logrotate waits for: root moves the log aside at 64 KiB."""
    guilty = [f"46.{n >> 8}.{n & 255}.1" for n in range(900)]
    innocent = [f"47.0.{n}.1" for n in range(100)]
    inode = taken.root(f"stat -c %i {LOG}")
    for _ in range(3):
        taken.post(guilty, times=1)
    taken.post(innocent, times=2)
    assert wait_until(lambda: set(guilty) <= set(taken.banned()), 60)
    assert not set(innocent) & set(taken.banned())
    assert taken.root(f"stat -c %i {LOG}") != inode


def test_apply_puts_the_folder_of_release_0_1_in_order_whatever_its_user_left_there(
    taken: Taken,
) -> None:
    shadow = taken.root("stat -c '%U %G %a %i' /etc/shadow")
    bans = set(taken.banned())
    taken.root(f"systemctl stop banstitch-receiver.service; chown banstitch:banstitch {LOGS}")
    taken.as_user(
        f"cd {LOGS} && rm -f evidence.log rejected.log && ln -s /etc/shadow evidence.log"
        " && mkfifo rejected.log && mkdir -p audit.log.1/x && truncate -s 40G events.log.1"
    )
    try:
        # fail2ban mends names meanwhile, so that a plan may be out of date
        assert within(60, lambda: taken.site.run("apply", "-y").code == 0)
        assert taken.root("stat -c '%U %G %a %i' /etc/shadow") == shadow
        kinds = taken.root(f"cd {LOGS}; stat -c '%n %F %U' . events.log evidence.log rejected.log")
        assert kinds.count("regular") == 3
        assert kinds.count("root") == 4
        assert bans <= set(taken.banned())
        assert taken.all_is_well()
        assert taken.site.run("plan").code == 0
    finally:
        taken.root(f"cd {LOGS} && rm -rf audit.log.1 events.log.1")
