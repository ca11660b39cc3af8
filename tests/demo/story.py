"""The steps of the demo, and the claims that each of them checks."""

from __future__ import annotations

import re
import threading
import time

from tests import PROJECT
from tests.demo.fortigate import MINUTE, make_event_line, make_login_line
from tests.demo.narrator import Narrator
from tests.demo.site import BAN_TIME, FOLDER, INVENTORY, DemoSite

ATTACKER, BYSTANDER = "203.0.113.66", "203.0.113.67"
# An employee at home, and three strangers who try one password each.
EMPLOYEE, HOME = "alice", "203.0.113.10"
STRANGERS = ("192.0.2.9", "198.51.100.7", "198.51.100.8")
NAMED = "8.8.8.8"  # which an attacker types into the user name as if it were a field of the log
# Lines of a screen, and the indentation of CLI in a plan.
SCREEN, INSIDE = 40, " " * 10
WHERE = f"-i {INVENTORY.relative_to(PROJECT)}"


class Demo:
    """The steps, in the order of the methods."""

    def __init__(self, site: DemoSite, narrator: Narrator) -> None:
        self.site, self.fortigate, self.narrator = site, site.fortigate, narrator
        self.files = site.list_files()
        self.show = self.fortigate.show()
        self.last_event = 0.0

    def check_and_plan(self) -> None:
        """Check the inventory and plan, which changes nothing."""
        narrator = self.narrator
        with narrator.step("check the inventory"):
            narrator.say(
                "`check` reads the inventory and renders every template. It connects to nothing."
            )
            narrator.show((INVENTORY / "hosts.yml").read_text().splitlines())
            narrator.run_command(f"python site.py check {WHERE}", 0)
        with narrator.step("plan the changes"):
            narrator.say(
                """`plan` compares both targets with the inventory. It prints new files in groups (in
                full with `-D`) and all CLI for the FortiGate. Exit code 2 means: there are changes."""
            )
            output = narrator.run_command(f"python site.py plan {WHERE}", 2)
            lines = [line for line in output.splitlines() if not line.startswith(INSIDE)]
            narrator.claim(f"the plan has {len(lines)} lines besides the CLI", len(lines) <= SCREEN)
            changed = sorted(_find_differences(self.files, self.site.list_files()))
            narrator.claim("no file of the host was changed", not changed, changed)
            sent = self.fortigate.list_changing_lines()
            narrator.claim("no line was sent that could change the FortiGate", not sent, sent)

    def deploy(self) -> None:
        """Apply for the first time."""
        narrator = self.narrator
        with narrator.step("apply"):
            narrator.say(
                """`apply` installs python3, since this host has none. Then it changes the host in one
                exec, as one transaction, and after that the FortiGate."""
            )
            narrator.run_command(f"python site.py apply -y {WHERE}", 0)
            narrator.claim("the feed answers and is empty", self.site.fetch_feed() == [])
            narrator.claim("the FortiGate denies nobody yet", not self.fortigate.denies(ATTACKER))

    def attack(self) -> None:
        """Fail to log in three times, which leads to a ban."""
        narrator = self.narrator
        with narrator.step("attack: three failed logins"):
            narrator.say(
                f"""{ATTACKER} fails to log in to the SSL VPN three times. The FortiGate logs each
                one, and its automation stitch POSTs the log line to the ban host. Three failures
                within ten minutes lead to a ban."""
            )
            for number in (1, 2, 3):
                self._log_event(f"event {number}", ATTACKER, "j.smith", written=1)
                if number == 2:
                    self._check_two_failures()
            self.last_event = time.monotonic()
            narrator.claim_within(
                3, f"the feed lists {ATTACKER}", lambda: self.site.fetch_feed() == [ATTACKER]
            )
            narrator.say(
                f"The FortiGate fetches the feed once a minute. In this demo a minute lasts {MINUTE:g} s."
            )
            narrator.claim_within(
                2 * MINUTE + 1,
                f"after its next fetch the FortiGate denies {ATTACKER}",
                lambda: self.fortigate.denies(ATTACKER),
            )
            narrator.claim(f"it does not deny {BYSTANDER}", not self.fortigate.denies(BYSTANDER))

    def attack_with_forged_name(self) -> None:
        """Try to have somebody else banned by a user name that looks like a field of the log."""
        narrator = self.narrator
        with narrator.step("attack: a user name that contains an address"):
            narrator.say(
                f"""An attacker wants {NAMED} to be banned and logs in as `x remip={NAMED}`. The receiver
                respects the quotes in the log line: this is a user name, not an address."""
            )
            for _ in range(3):
                self._log_event("event", "N/A", f"x remip={NAMED}", written=0)
            narrator.claim(f"{NAMED} is not in the feed", NAMED not in self.site.fetch_feed())
            self.fortigate.poll()
            narrator.claim(f"the FortiGate does not deny {NAMED}", not self.fortigate.denies(NAMED))

    def await_end_of_ban(self) -> None:
        """Wait until the ban ends, on the ban host and at the FortiGate."""
        narrator = self.narrator
        with narrator.step("the ban ends"):
            narrator.say(f"In this demo a ban lasts {BAN_TIME} s; the default is an hour.")
            left = self.last_event + BAN_TIME + 3 - time.monotonic()
            narrator.claim_within(
                left, "the feed is empty again", lambda: self.site.fetch_feed() == []
            )
            stayed = time.monotonic() - self.last_event
            narrator.claim(f"the ban lasted {stayed:.1f} s", stayed > BAN_TIME - 1)
            narrator.claim_within(
                2 * MINUTE + 1,
                f"after its next fetch the FortiGate lets {ATTACKER} in again",
                lambda: not self.fortigate.denies(ATTACKER),
            )

    def _check_two_failures(self) -> None:
        """Claim that two failures that fail2ban has counted do not lead to a ban."""
        narrator = self.narrator
        narrator.claim_within(
            60, "fail2ban has counted 2 failures", lambda: self.site.count_failures() == 2
        )
        self.fortigate.poll()
        narrator.claim("the feed is empty", self.site.fetch_feed() == [])
        narrator.claim(
            f"the FortiGate does not deny {ATTACKER}", not self.fortigate.denies(ATTACKER)
        )

    def spray(self) -> None:
        """Try one employee from many addresses, once each, while she mistypes her password at home."""
        narrator = self.narrator
        with narrator.step("a spray: one user, many addresses, one attempt each"):
            narrator.say(
                f"""{EMPLOYEE} logs in from home. Then three strangers try one password each with her name.
                A count for each address finds none of them. The rules know her and her address."""
            )
            self._log_event("login", HOME, EMPLOYEE, written=1, kind="success")
            for stranger in STRANGERS:
                self._log_event("event", stranger, EMPLOYEE, written=1)
            narrator.claim_within(
                5,
                "the feed lists all three strangers",
                lambda: set(self.site.fetch_feed()) == set(STRANGERS),
            )
            self.fortigate.poll()
            denied = [each for each in STRANGERS if self.fortigate.denies(each)]
            narrator.claim("the FortiGate denies them all", denied == [*STRANGERS], denied)
            narrator.say(f"{EMPLOYEE} mistypes her password three times.")
            for number in (1, 2, 3):
                self._log_event(f"event {number}", HOME, EMPLOYEE, written=1)
            listed = narrator.run_command(f"python site.py bans {WHERE}", 0)
            rules = {row.split()[2] for row in listed.splitlines() if "login_failed" in row}
            is_spray = rules == {"sslvpn_login_failed/spray"}
            narrator.claim("`plain`, the count of the recipe, banned none of them", is_spray, rules)
            narrator.claim("she is not banned", HOME not in self.site.fetch_feed())
        self._replay()

    def _replay(self) -> None:
        """Replay a log without contacting anybody."""
        narrator = self.narrator
        with narrator.step("replay a log"):
            narrator.say(
                "`replay` shows what these rules would have done with an old log. It contacts nobody."
            )
            log = FOLDER / "vpn.log"
            users = ("admin", "test", "info")
            log.write_text(
                "".join(make_event_line(a, u) + "\n" for a, u in zip(STRANGERS, users, strict=True))
            )
            output = narrator.run_command(
                f"python site.py replay {log.relative_to(PROJECT)} {WHERE}", 0
            )
            narrator.claim(
                "each of them would have been banned at the first attempt", "3 bans" in output
            )

    def _log_event(
        self, title: str, address: str, user: str, written: int, kind: str = "failure"
    ) -> None:
        """Log an event at the FortiGate; ``written``: the number of lines that must be written of it."""
        make_line = make_login_line if kind == "success" else make_event_line
        line = make_line(address=address, user=user)
        shown = re.search(r"remip=.*?user=\".*?\"", line)
        self.narrator.show([f"{title}: ... {shown.group() if shown else line} ..."])
        before = self.site.read_events()
        deliveries = self.fortigate.log_event(line)
        self.narrator.show(
            f"  POST {delivery['url']} -> {delivery['status']}" for delivery in deliveries
        )
        sent = [(sent["body"].split("\n")[1:], sent["status"]) for sent in deliveries]
        self.narrator.claim(
            "the stitch sent the whole line once, and the receiver answered 200",
            sent == [([line], 200)],
        )
        new = self.site.read_events()[len(before) :]
        self.narrator.show(f"  the rules read: {each}" for each in new)
        event = rf"sslvpn_login_failed {kind} {re.escape(address)} [0-9a-f]+ [a-z0-9_-]+"
        clean = rf"[0-9.]+ [a-z0-9-]+ {event}"
        matches = len(new) == written and all(re.fullmatch(clean, each) for each in new)
        self.narrator.claim(
            "one valid line was written" if written else "nothing was written", matches, new
        )

    def apply_again(self) -> None:
        """Apply a second time, and verify the loop."""
        narrator = self.narrator
        with narrator.step("apply again: nothing to do") as step:
            stamps, sent = self.site.read_stamps(), self.fortigate.list_changing_lines()
            output = narrator.run_command(f"python site.py apply -y {WHERE}", 0)
            narrator.claim("no change was made", "ok=2 changes=0" in output)
            narrator.claim("observing the host took one exec", "ban-demo (linux, 1 exec)" in output)
            cost = re.search(r"fw-demo \(fortios, (\d+) exchanges\)", output)
            exchanges = int(cost[1]) if cost else 99
            narrator.claim(
                "observing the FortiGate took at most 3 exchanges", exchanges <= 3, exchanges
            )
            narrator.claim(
                "no file was touched (inodes and mtimes)", self.site.read_stamps() == stamps
            )
            narrator.claim(
                "no changing line was sent", self.fortigate.list_changing_lines() == sent
            )
            step.outcome = f"ok: 0 changes, 1 exec, {exchanges} exchanges"
        with narrator.step("verify the loop"):
            narrator.say(
                "`verify` plans, and then sends a synthetic event from a reserved address through the loop."
            )
            narrator.run_command(f"python site.py verify {WHERE}", 0)

    def operate(self) -> None:
        """Ban and unban by hand, list bans, and restart fail2ban."""
        narrator = self.narrator
        with narrator.step("ban by hand, status, bans"):
            narrator.run_command(f"python site.py ban {ATTACKER} --for 1h {WHERE}", 0)
            narrator.claim_within(
                3, f"the feed lists {ATTACKER}", lambda: self.site.fetch_feed() == [ATTACKER]
            )
            narrator.run_command(f"python site.py status {WHERE}", 0)
            listed = narrator.run_command(f"python site.py bans {WHERE}", 0)
            narrator.claim(f"`bans` lists {ATTACKER}", ATTACKER in listed)
        with narrator.step("restart fail2ban: no gap in the feed"):
            narrator.say(
                "A restart of fail2ban must not empty the feed, or the next fetch would let attackers in."
            )
            restart = threading.Thread(
                target=self.site.host.console, args=("systemctl restart fail2ban",)
            )
            seen = [self.site.fetch_feed()]
            restart.start()
            while restart.is_alive():
                seen.append(self.site.fetch_feed())
            restart.join()
            seen.append(self.site.fetch_feed())
            narrator.claim(f"{len(seen)} fetches during the restart all listed it", all(seen), seen)
        with narrator.step("unban"):
            narrator.run_command(f"python site.py unban {ATTACKER} {WHERE}", 0)
            narrator.claim_within(
                3, "the feed is empty again", lambda: self.site.fetch_feed() == []
            )

    def remove(self) -> None:
        """Tear the site down and claim that nothing is left."""
        narrator = self.narrator
        with narrator.step("teardown"):
            narrator.say(
                "`teardown` changes the FortiGate first and then the host, packages, logs and bans included."
            )
            narrator.run_command(f"python site.py teardown -y --purge-data {WHERE}", 0)
        with narrator.step("nothing is left"):
            left = sorted(_find_differences(self.files, self.site.list_files()))
            narrator.claim(
                f"""{len(self.files) - 1} files of /etc, /opt, /usr/local, /var/lib and the FortiGates are
      as before (hash, mode, owner), except for records of apt, dpkg and fail2ban""",
                not left,
                left,
            )
            narrator.claim("no program of the loop is installed", self.site.find_programs() == [])
            logs = [
                path
                for place in ("var/log/banstitch*", "var/spool/banstitch*", "var/lib/banstitch*")
                for path in self.site.host.filesystem.glob(place)
            ]
            narrator.claim("no log and no ban is left", not logs, logs)
            narrator.claim(
                "`show` on the FortiGate is byte for byte the same, except for ENC blobs",
                self.fortigate.show() == self.show,
            )


def _find_differences(before: dict[str, object], now: dict[str, object]) -> set[str]:
    return {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
