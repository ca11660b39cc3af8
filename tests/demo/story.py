"""The story of the demo: what is done at its site, and what must hold after each step."""

from __future__ import annotations

import re
import threading
import time

from tests import PROJECT
from tests.demo.fortigate import MINUTE, event_line
from tests.demo.narrator import Narrator
from tests.demo.site import BAN_TIME, INVENTORY, DemoSite

ATTACKER, BYSTANDER = "203.0.113.66", "203.0.113.67"
NAMED = "8.8.8.8"  # by an attacker who types a field of the log into the user name
# Lines of a screen, and the indentation of CLI in a plan.
SCREEN, INSIDE = 40, " " * 10
WHERE = f"-i {INVENTORY.relative_to(PROJECT)}"


class Demo:
    """The story, in the order of its methods."""

    def __init__(self, site: DemoSite, tell: Narrator) -> None:
        self.site, self.fortigate, self.tell = site, site.fortigate, tell
        self.files = site.listing()
        self.show = self.fortigate.show()
        self.last_event = 0.0

    def look(self) -> None:
        """Inventory and plan: nothing is changed."""
        tell = self.tell
        with tell.step("check the inventory"):
            tell.say("`check` reads the inventory and renders every template. It contacts nobody.")
            tell.show((INVENTORY / "hosts.yml").read_text().splitlines())
            tell.command(f"python site.py check {WHERE}", 0)
        with tell.step("plan: what would change"):
            tell.say(
                """`plan` looks at both targets and prints the difference: new files in groups (`-D`
                prints them), all CLI for the firewall. Exit code 2 means: there are differences."""
            )
            said = tell.command(f"python site.py plan {WHERE}", 2)
            lines = [line for line in said.splitlines() if not line.startswith(INSIDE)]
            tell.claim(f"the plan has {len(lines)} lines beside the CLI", len(lines) <= SCREEN)
            changed = sorted(_different(self.files, self.site.listing()))
            tell.claim("no file of the host was changed", not changed, changed)
            sent = self.fortigate.changing_lines()
            tell.claim("no line was sent that could change the firewall", not sent, sent)

    def deploy(self) -> None:
        tell = self.tell
        with tell.step("apply"):
            tell.say(
                """`apply` installs python3 first, since this host has none, then makes all changes
                of the host in one exec, as one transaction, and then those of the firewall."""
            )
            tell.command(f"python site.py apply -y {WHERE}", 0)
            tell.claim("the feed answers and is empty", self.site.feed() == [])
            tell.claim("the firewall lets everybody in", not self.fortigate.denies(ATTACKER))

    def attack(self) -> None:
        """Three failed logins ban; a name typed by the attacker bans nobody; the ban ends."""
        tell = self.tell
        with tell.step("attack: three failed logins"):
            tell.say(
                f"""{ATTACKER} fails to log in to the SSL VPN three times. The firewall logs each;
                its own stitch POSTs the log line to the ban host. Three within ten minutes ban."""
            )
            for number, user in enumerate(("root", "admin", "test"), 1):
                self._log(f"event {number}", ATTACKER, user, written=1)
                if number == 2:
                    self._two_are_not_enough()
            self.last_event = time.monotonic()
            tell.within(3, f"the feed lists {ATTACKER}", lambda: self.site.feed() == [ATTACKER])
            tell.say(f"The firewall polls once a minute; a minute lasts {MINUTE:g} s here.")
            tell.within(
                2 * MINUTE + 1,
                f"after its own poll the firewall denies {ATTACKER}",
                lambda: self.fortigate.denies(ATTACKER),
            )
            tell.claim(f"it does not deny {BYSTANDER}", not self.fortigate.denies(BYSTANDER))
        with tell.step("attack: a user name that names an address"):
            tell.say(
                f"""Somebody wants {NAMED} banned and logs in as `x remip={NAMED}`. The receiver
                reads the line with quotes respected: that is a name, not an address."""
            )
            for _ in range(3):
                self._log("event", "N/A", f"x remip={NAMED}", written=0)
            tell.claim(f"{NAMED} is not in the feed", NAMED not in self.site.feed())
            self.fortigate.poll()
            tell.claim(f"the firewall does not deny {NAMED}", not self.fortigate.denies(NAMED))
        with tell.step("the ban ends"):
            tell.say(f"A ban lasts {BAN_TIME} s here, an hour if nothing is set.")
            left = self.last_event + BAN_TIME + 3 - time.monotonic()
            tell.within(left, "the feed is empty again", lambda: self.site.feed() == [])
            stayed = time.monotonic() - self.last_event
            tell.claim(f"the ban lasted {stayed:.1f} s", stayed > BAN_TIME - 1)
            tell.within(
                2 * MINUTE + 1,
                f"after its own poll the firewall lets {ATTACKER} in again",
                lambda: not self.fortigate.denies(ATTACKER),
            )

    def _two_are_not_enough(self) -> None:
        """Said only once fail2ban has counted both, and the firewall has asked."""
        tell = self.tell
        tell.within(60, "fail2ban has counted 2 failures", lambda: self.site.failures() == 2)
        self.fortigate.poll()
        tell.claim("the feed is empty", self.site.feed() == [])
        tell.claim(f"the firewall does not deny {ATTACKER}", not self.fortigate.denies(ATTACKER))

    def _log(self, what: str, address: str, user: str, written: int) -> None:
        """One event through the firewall; ``written``: lines for fail2ban that must come of it."""
        line = event_line(address=address, user=user)
        shown = re.search(r"remip=.*?user=\".*?\"", line)
        self.tell.show([f"{what}: ... {shown.group() if shown else line} ..."])
        before = self.site.events()
        deliveries = self.fortigate.log_event(line)
        self.tell.show(f"  POST {each['url']} -> {each['status']}" for each in deliveries)
        sent = [(each["body"].split("\n")[1:], each["status"]) for each in deliveries]
        self.tell.claim(
            "the stitch sent the whole line, once, and got 200", sent == [([line], 200)]
        )
        new = self.site.events()[len(before) :]
        self.tell.show(f"  fail2ban reads: {each}" for each in new)
        said = rf"sslvpn_login_failed failure {re.escape(address)} [0-9a-f]+ [a-z0-9_]+"
        clean = rf"[0-9.]+ [a-z0-9-]+ {said}"
        held = len(new) == written and all(re.fullmatch(clean, each) for each in new)
        self.tell.claim(
            "one clean line was written" if written else "nothing was written", held, new
        )

    def again(self) -> None:
        """A second apply, and the loop tried by the product itself."""
        tell = self.tell
        with tell.step("apply again: nothing to do") as step:
            stamps, sent = self.site.stamps(), self.fortigate.changing_lines()
            said = tell.command(f"python site.py apply -y {WHERE}", 0)
            tell.claim("no change was made", "ok=2 changes=0" in said)
            tell.claim("looking at the host took one exec", "ban-demo (linux, 1 exec)" in said)
            cost = re.search(r"fw-demo \(fortios, (\d+) exchanges\)", said)
            exchanges = int(cost[1]) if cost else 99
            tell.claim(
                "looking at the firewall took at most 3 exchanges", exchanges <= 3, exchanges
            )
            tell.claim("no file was touched (inodes and mtimes)", self.site.stamps() == stamps)
            tell.claim("no changing line was sent", self.fortigate.changing_lines() == sent)
            step.outcome = f"as promised: 0 changes, 1 exec, {exchanges} exchanges"
        with tell.step("verify: the loop works"):
            tell.say("`verify` plans, then sends an event for an address that nobody has.")
            tell.command(f"python site.py verify {WHERE}", 0)

    def operate(self) -> None:
        """What an operator does on an ordinary day, and a restart that nobody notices."""
        tell = self.tell
        with tell.step("ban by hand, status, bans"):
            tell.command(f"python site.py ban {ATTACKER} --for 1h {WHERE}", 0)
            tell.within(3, f"the feed lists {ATTACKER}", lambda: self.site.feed() == [ATTACKER])
            tell.command(f"python site.py status {WHERE}", 0)
            listed = tell.command(f"python site.py bans {WHERE}", 0)
            tell.claim(f"`bans` lists {ATTACKER}", ATTACKER in listed)
        with tell.step("fail2ban restarts: no gap in the feed"):
            tell.say("In the recipe, a restart empties the list, and a poll lets everybody in.")
            restart = threading.Thread(
                target=self.site.host.console, args=("systemctl restart fail2ban",)
            )
            seen = [self.site.feed()]
            restart.start()
            while restart.is_alive():
                seen.append(self.site.feed())
            restart.join()
            seen.append(self.site.feed())
            tell.claim(f"{len(seen)} polls meanwhile, none without it", all(seen), seen)
        with tell.step("unban"):
            tell.command(f"python site.py unban {ATTACKER} {WHERE}", 0)
            tell.within(3, "the feed is empty again", lambda: self.site.feed() == [])

    def remove(self) -> None:
        tell = self.tell
        with tell.step("teardown"):
            tell.say("The firewall first, then the host, packages, logs and bans included.")
            tell.command(f"python site.py teardown -y --purge-data {WHERE}", 0)
        with tell.step("nothing is left"):
            left = sorted(_different(self.files, self.site.listing()))
            tell.claim(
                f"""{len(self.files) - 1} files of /etc, /opt, /usr/local, /var/lib and the FortiGates are
      as before (hash, mode, owner), but for records of apt, dpkg and fail2ban themselves""",
                not left,
                left,
            )
            tell.claim("no program of the loop is left", self.site.programs() == [])
            logs = [
                path
                for place in ("var/log/banstitch*", "var/spool/banstitch*")
                for path in self.site.host.filesystem.glob(place)
            ]
            tell.claim("no log and no ban is left", not logs, logs)
            tell.claim(
                "the firewall's `show` is byte for byte the same, ENC apart",
                self.fortigate.show() == self.show,
            )


def _different(before: dict[str, object], now: dict[str, object]) -> set[str]:
    return {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
