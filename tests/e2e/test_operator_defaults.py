"""Global defaults of an operator change nothing of ours, but whom they never ban is never banned by us.

Each Debian's own fail2ban and logrotate read our files beside a hostile configuration. No host is booted:
the programs run in the file system that hosts are started from.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import PROJECT
from tests.lab.roots import build_ready_root

pytestmark = pytest.mark.lab

SUITES = ("bullseye", "bookworm", "trixie")
JAIL = "banstitch-sslvpn_login_failed"
DEFAULTS = """\
[DEFAULT]
ignoreip = 203.0.113.77 198.51.100.0/24
ignorecommand = /bin/false <ip>
ignoreself = true
bantime = 1
findtime = 1
maxretry = 99
maxmatches = 0
usedns = raw
backend = systemd
logencoding = utf-16
failregex = ^nothing <HOST>$
ignoreregex = .
prefregex = ^never <F-CONTENT>.+</F-CONTENT>$
datepattern = %%Y
maxlines = 50
journalmatch = _X=y
action = iptables[name=x]
banaction = nftables
filter = sshd
enabled = false
mode = aggressive
port = 1
protocol = udp
chain = OUTPUT
"""
LOGROTATE = """\
daily
rotate 1
size 1k
minsize 100M
minage 5
maxage 1
olddir /var/log/old
createolddir 0700 root root
dateext
dateformat -%Y%m%d-%s
compresscmd /usr/bin/xz
uncompresscmd /usr/bin/unxz
compressext .xz
compressoptions -9 --nothing
copy
copytruncate
renamecopy
mail nobody@example.invalid
mailfirst
shred
shredcycles 9
sharedscripts
start 7
su nobody nogroup
extension .log
addextension .x
ifempty
nomissingok
create 0600 nobody nogroup
include /tmp/ours
"""
# A temporary /tmp and /var/log over the file system, for this process only; $0 is that file system.
ALONE = """
set -e
mount -t tmpfs none "$0/tmp"
mount -t tmpfs none "$0/var/log"
cp -a "$0/etc/fail2ban" "$0/tmp/fail2ban"
cp -r "$1"/. "$0/tmp/"
"""


def run_in(suite: str, files: Path, script: str) -> str:
    """Run ``script`` within a Debian that has ``files`` in /tmp, and give what it prints."""
    argv = ["unshare", "--mount", "sh", "-c", ALONE + 'exec chroot "$0" sh -ec "$2"']
    argv += [str(build_ready_root(suite)), str(files), script]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `render` makes of the example inventory, for one of its ban hosts."""
    folder = tmp_path_factory.mktemp("rendered") / "out"
    argv = [sys.executable, str(PROJECT / "site.py"), "render", str(folder)]
    argv += ["-i", str(PROJECT / "inventory"), "-e", '{"detection_ignore": ["192.0.2.0/24"]}']
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    return folder / "ban-paris"


def statements(suite: str, rendered: Path, files: Path, defaults: str) -> list[list[object]]:
    """What fail2ban makes of the jail's file: the commands that its client sends to the server."""
    (files / "jail.local").write_text(defaults)
    ours = rendered / "etc/fail2ban"
    for name in ("jail.d/banstitch.conf", "filter.d/banstitch.conf"):
        (files / "fail2ban" / name).parent.mkdir(parents=True, exist_ok=True)
        (files / "fail2ban" / name).write_text((ours / name).read_text())
    script = "mv /tmp/jail.local /tmp/fail2ban/; fail2ban-client -c /tmp/fail2ban -d"
    lines = run_in(suite, files, script).splitlines()
    return [ast.literal_eval(line) for line in lines if f"'{JAIL}'" in line]


@pytest.mark.parametrize("suite", SUITES)
def test_of_the_operators_jail_defaults_only_ignoreip_applies_to_our_jails(
    suite: str, rendered: Path, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "hostile").mkdir()
    plain = statements(suite, rendered, tmp_path / "plain", "")
    hostile = statements(suite, rendered, tmp_path / "hostile", DEFAULTS)

    assert [each for each in plain if each not in hostile] == [["set", JAIL, "ignorecommand", ""]]
    assert [each for each in hostile if each not in plain] == [
        ["set", JAIL, "ignorecommand", "/bin/false <ip>"],
        ["set", JAIL, "addignoreip", "203.0.113.77", "198.51.100.0/24"],
    ]
    (action,) = [str(each[-1]) for each in plain if "addaction" in each]
    assert "192.0.2.0/24" in action


@pytest.mark.parametrize("suite", SUITES)
def test_the_operators_logrotate_defaults_do_not_apply_to_our_log(
    suite: str, rendered: Path, tmp_path: Path
) -> None:
    stanza = (rendered / "etc/logrotate.d/banstitch").read_text()
    (tmp_path / "ours").write_text(
        re.sub(r"create 0660 root \S+", "create 0660 root daemon", stanza)
    )
    (tmp_path / "logrotate.conf").write_text(LOGROTATE)
    script = (
        "chmod 644 /tmp/ours /tmp/logrotate.conf; mkdir -m 750 /var/log/banstitch; "
        "for line in 1 2 3; do echo $line >/var/log/banstitch/events.log; "
        "logrotate --force --state /tmp/state /tmp/logrotate.conf; done; "
        "cd /var/log/banstitch; stat -c '%n %a %U %G %s' *; zcat events.log.2.gz; ls /var/log"
    )
    assert run_in(suite, tmp_path, script).splitlines() == [
        "events.log 660 root daemon 0",
        "events.log.1 660 root daemon 2",
        "events.log.2.gz 660 root daemon 22",
        "events.log.3.gz 644 root root 22",
        "2",
        "banstitch",
    ]
