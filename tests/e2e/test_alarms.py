"""Alarms of a real host reach a mail server, webhooks and a syslog server: each once, and its end too."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from receiver.spool import load_whole

from tests.e2e.alarm_servers import PASSWORD, USER, Hooks, Mails, Syslogs, make_certificates
from tests.e2e.labsite import KeptSite, LabSite
from tests.e2e.poller import Poller
from tests.e2e.rules_site import LOGS, NAME, ON, Rules
from tests.e2e.site_helpers import EVENT, list_leftovers
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

HEARTBEAT = "beat-4711-4711"
# Changes a number of the receiver, which all of its workers map into their memory.
SET = """
import json, struct, sys
path, wanted = "/run/banstitch/counts", json.loads(sys.argv[1])
with open(path, "r+b") as stream:
    names = json.loads(stream.readline())
    stream.seek(0, 2)
    start = stream.tell() - 8 * len(names)
    for name, value in wanted.items():
        stream.seek(start + 8 * names.index(name))
        stream.write(struct.pack("d", value))
"""
# Attackers of whom each is banned for one event, and how many of them may be.
ATTACKERS, MOST_BANS, MOST_IN_FEED = 1_040, 1_000, 900
# Sets the clock of one Python program forward while a file is there; that of the machine stays as it is.
CLOCK = """
import os, time
real = time.time
time.time = lambda: real() + 400 * os.path.exists("/opt/clock/shift")
"""
DROP_IN = "/run/systemd/system/banstitch-watch.service.d"
SPOOL = "/var/spool/banstitch"
# Alarms whose causes can be taken away at once, and alarms that end by themselves much later.
ENDING = {
    "receiver",
    "disk:/var/spool/banstitch",
    "full",
    "polls:fgt1",
    "posts:fgt1",
    "certificate",
    "rules",
    "error:fail2ban",
    "burst",
    "ban_limit:fgt1",
    "shield",
    "drift",
    "channel:late",
    "clock:fgt1",
}
LASTING = {
    "rate:fgt1",
    "refused:refused_token",
    "unreadable:fgt1",
    "attacked:alice",
    "login",
    "jump",
}


class Alarmed:
    """A site with alarms, and the servers that get them."""

    def __init__(self, folder: Path, kept: LabSite, stack: ExitStack) -> None:
        self.ca, self.context = make_certificates(folder)
        self.mails = stack.enter_context(Mails(self.context))
        self.hooks = stack.enter_context(Hooks(self.context))
        self.beats = stack.enter_context(Hooks(self.context))
        self.syslogs = stack.enter_context(Syslogs())
        # nobody listens there until the alarm about it is to end
        with Hooks(self.context) as closed:
            self.late_port = closed.port
        self.site = stack.enter_context(KeptSite(folder / "inventory", kept, self.settings))

    @property
    def settings(self) -> str:
        base = "https://127.0.0.1"
        return f"""{ON}
detection_settings: {{}}
detection_success_events: true
receiver_ban_limit: {MOST_BANS}
receiver_feed_limit: {MOST_IN_FEED}
alarms_ca: {self.ca}
alarms_mail_to: [noc@example.com]
alarms_mail_from: bh1@example.com
alarms_mail_server: 127.0.0.1
alarms_mail_port: {self.mails.port}
alarms_mail_security: tls
alarms_mail_user: {USER}
alarms_mail_password: {PASSWORD}
alarms_syslog: udp://127.0.0.1:{self.syslogs.port}
alarms_webhooks:
  - {{name: hook, url: "{base}:{self.hooks.port}/x"}}
  - {{name: late, url: "{base}:{self.late_port}/x", template: slack}}
heartbeat_url: {base}:{self.beats.port}/{HEARTBEAT}
heartbeat_interval: 1s"""

    def set_numbers(self, **numbers: float) -> None:
        wanted = json.dumps({name.replace("_of_", ":"): n for name, n in numbers.items()})
        self.site.host.run(["python3", "-c", SET, wanted], check=True)

    def set_clock(self) -> None:
        """Set the clock of banstitch-watch by 400 seconds at once, until it notices, and set it back."""
        host = self.site.host
        host.console("touch /opt/clock/shift", check=True)
        assert within(30, lambda: "jump" in self.read_active())
        host.console("rm /opt/clock/shift", check=True)

    def read_active(self) -> str:
        return self.site.host.console("cat /var/lib/banstitch-watch/active.json").stdout

    def attack(self) -> None:
        """Let a thousand addresses, each in a network of its own, try a name that nobody has."""
        now = time.time()
        lines = "".join(
            f"{now:.6f} fgt1 {NAME} failure 45.{n >> 8}.{n & 255}.7 {b'admin'.hex()} -\n"
            for n in range(ATTACKERS)
        )
        self.site.host.console(["tee", "-a", f"{LOGS}/events.log"], stdin=lines, check=True)
        assert within(120, lambda: self.count_refused() >= ATTACKERS - MOST_BANS)

    def count_refused(self) -> int:
        """Return how many bans of events of the FortiGate were refused."""
        host = self.site.host
        counts = load_whole(lambda: host.console(f"cat {SPOOL}/limit.json").stdout or "{}")
        return sum(counts["fgt1"]["refused"].values()) if counts else 0

    def provoke(self) -> None:
        """Provoke every alarm that can be provoked, all at once."""
        site, rules = self.site, Rules(self.site)
        site.host.console(f"mkdir -p /opt/clock {DROP_IN}", check=True)
        site.host.console("cat > /opt/clock/sitecustomize.py", stdin=CLOCK, check=True)
        site.host.console(
            f"printf '[Service]\nEnvironment=PYTHONPATH=/opt/clock:/opt/banstitch\n' > {DROP_IN}/clock.conf;"
            " systemctl daemon-reload; systemctl restart banstitch-watch",
            check=True,
        )
        for number in range(3):
            rules.event(f"198.51.{number}.7", "alice")
        for _ in range(6):
            rules.event("198.51.150.7")
        rules.event("198.51.150.7", "<!channel>bob", "success")
        site.units[0].log_event(EVENT.format(address="198.51.100.77", user="x"))
        self.attack()
        assert within(60, lambda: json.loads(self.read_rules() or "{}").get("attacked", []) != [])
        site.host.console("echo '# by hand' >> /etc/fail2ban/jail.d/banstitch.conf", check=True)
        assert site.run("plan", "--note-drift").code == 2
        assert site.run("shield", "on").code == 0
        self.post("wrong-token")
        self.post(json.loads(site.host.read("/etc/banstitch/tokens.json"))["webhook:fgt1"])
        site.units[0].feeds.stop()
        old = time.time() - 3 * 86400
        self.set_numbers(
            started=old, last_poll_of_fgt1=old, last_event_of_fgt1=old, limited_of_fgt1=7
        )
        site.host.console(
            "systemctl stop banstitch-rules fail2ban;"
            " touch -d '3 min ago' /var/lib/banstitch-rules/alive /var/spool/banstitch/*.alive;"
            f" cp -a {SPOOL} /root/spool; mount -t tmpfs -o size=8m tmpfs {SPOOL};"
            f" cp -a /root/spool/. {SPOOL}; head -c 7700k /dev/zero > {SPOOL}/fill;"
            " cd /etc/banstitch/tls; cp -p server.pem /root/server.pem;"
            " openssl req -x509 -key server.pem -days 2 -subj /CN=x -out /root/short.pem;"
            " openssl pkey -in /root/server.pem > server.pem; cat /root/short.pem >> server.pem;"
            " systemctl restart banstitch-watch",
            check=True,
        )
        # within a minute of its start, the service does not judge by the age of files
        assert within(90, lambda: '"rules"' in self.read_active())
        self.set_clock()

    def stop_receiver(self) -> None:
        """Stop what takes events, and nothing else."""
        units = "banstitch-receiver.socket banstitch-receiver.service"
        self.site.host.console(f"systemctl stop {units}", check=True)

    def read_rules(self) -> str:
        return self.site.host.console("cat /var/lib/banstitch-rules/alarms.json").stdout

    def post(self, token: str) -> None:
        """Post what no FortiGate posts."""
        connection = Poller(self.site, ()).connection()
        connection.request("POST", "/receive-logs", "nonsense", {"X-Banstitch-Token": token})
        connection.getresponse().read()

    def end(self) -> None:
        """Take all causes away."""
        site = self.site
        site.host.console(
            f"umount {SPOOL}; rm -r {SPOOL}/limit.json {DROP_IN} /opt/clock /root/spool;"
            " systemctl daemon-reload;"
            " cp -p /root/server.pem /etc/banstitch/tls/server.pem;"
            " systemctl start fail2ban banstitch-rules banstitch-receiver.socket banstitch-receiver",
            check=True,
        )
        site.write_inventory(self.settings.replace(f"_limit: {MOST_IN_FEED}", "_limit: 131072"))
        assert site.run("shield", "off").code == 0
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        assert site.run("plan", "--note-drift").code == 0
        site.units[0].feeds.start()
        site.units[0].poll_feeds()
        right = EVENT.replace("1732269600000000000", str(time.time_ns()))
        site.units[0].log_event(right.format(address="198.51.100.78", user="x"))
        site.host.console("systemctl restart banstitch-watch", check=True)

    def list_active(self) -> dict[str, str]:
        """Return the text of each alarm that is active."""
        found = self.site.run("alarms", "--json").target("bh1")["alarms"]
        return {alarm["key"].partition(":1")[0]: alarm["text"] for alarm in found}


@pytest.fixture
def alarmed(tmp_path: Path, kept_site: LabSite) -> Iterator[Alarmed]:
    with ExitStack() as stack:
        found = Alarmed(tmp_path, kept_site, stack)
        applied = found.site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        yield found


def await_all(hooks: Hooks, keys: set[str], state: str, seconds: float = 120) -> None:
    """Wait until each alarm has arrived in a state."""

    def list_missing() -> list[str]:
        return sorted(keys - {key.partition(":1")[0] for key in hooks.count(state)})

    within(seconds, lambda: not list_missing())
    assert list_missing() == []


def test_each_alarm_arrives_once_and_its_end_too(alarmed: Alarmed) -> None:
    site, hooks = alarmed.site, alarmed.hooks
    assert within(60, lambda: alarmed.beats.beats > 1)
    tested = site.run("alarms", "--test")
    assert tested.code == 1, tested.out
    assert "bh1: mail: ok: accepted for noc@example.com" in tested.out
    assert "bh1: hook: ok: 200 taken" in tested.out
    assert "bh1: late: failed: Connection refused" in tested.out
    assert HEARTBEAT not in tested.out

    alarmed.provoke()
    await_all(hooks, ENDING - {"receiver"} | LASTING, "active")
    assert hooks.count("active")["receiver"] == 0
    beats = alarmed.beats.beats
    active = alarmed.list_active()
    assert set(active) >= ENDING - {"receiver"}
    assert active["burst"] == f"a burst of bans: {MOST_BANS} new ones within the last hour"
    assert active["full"].startswith("the feed is full: 1")
    assert "%3C%21channel%3Ebob logged in from 198.51.150.7" in alarmed.mails.text
    assert "<!channel>" not in alarmed.mails.text + "".join(alarmed.syslogs.lines)
    assert "fgt1 has not fetched the feed for 3 d" in alarmed.mails.text
    assert any("alarm=burst state=active" in line for line in alarmed.syslogs.lines)
    assert alarmed.beats.beats == beats
    stale = site.run("status", "--stale", "1h")
    assert stale.code == 1
    assert stale.out.startswith("bh1: fgt1: has not polled for 72 h ")
    alarmed.stop_receiver()
    await_all(hooks, {"receiver"}, "active")

    with Hooks(alarmed.context, alarmed.late_port):
        alarmed.end()
        await_all(hooks, ENDING, "over")
    assert within(60, lambda: alarmed.beats.beats > beats)
    assert site.run("status", "--stale", "1h").code == 0
    often = {
        key: n for state in ("active", "over") for key, n in hooks.count(state).items() if n > 1
    }
    assert often == {}
    check_teardown(alarmed)


def check_teardown(alarmed: Alarmed) -> None:
    """Check that no secret was shown anywhere, and that nothing is left."""
    site = alarmed.site
    secrets = [PASSWORD, HEARTBEAT, f":{alarmed.hooks.port}/x"]
    journal = site.host.console("journalctl -u banstitch-watch").stdout
    removed = site.run("teardown", "-y", "--purge-data", "-D")
    assert removed.code == 0, removed.out + removed.err
    assert not [secret for secret in secrets if secret in journal + removed.out + removed.err]
    assert list_leftovers(site) == []
