"""A site whose events come as the receiver writes them, and what its rules make of them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.e2e.labsite import LabSite
from tests.e2e.poller import Poller, feed
from tests.lab.stopwatch import within

NAME = "sslvpn_login_failed"
JAIL = f"banstitch-{NAME}"
LOGS = "/var/log/banstitch"
ON = f"detection_enabled: [{NAME}, admin_login_failed]\ndetection_known_users: [alice, bob]"
UNKNOWN = "sslvpn_login_unknown_user"
# those beside plain, by which anybody can be banned
RULES = ("slow", "unknown_user", "trap", "spray", "network")
# Of tests of what fail2ban does not do itself, one is enough.
WHATEVER_FAIL2BAN = pytest.mark.parametrize("rules_site", ["bookworm"], indirect=True)


class Rules:
    """A site whose events come as the receiver writes them."""

    def __init__(self, site: LabSite) -> None:
        self.site = site

    def event(
        self, address: str, user: str = "", kind: str = "failure", reason: str = "-", **more: Any
    ) -> None:
        at, detection = more.get("at", time.time()), more.get("detection", NAME)
        name = user.encode().hex() or "-"
        line = f"{at:.6f} fgt1 {detection} {kind} {address} {name} {reason}\n"
        self.site.host.console(["tee", "-a", f"{LOGS}/events.log"], stdin=line, check=True)

    def bans(self) -> dict[tuple[str, str], float]:
        """Return the end of each ban, by rule and address."""
        found = self.site.run("bans", "--json").target("bh1")["bans"]
        return {
            (ban["jail"].removeprefix(JAIL).lstrip("-"), ban["address"]): ban["until"]
            for ban in found
        }

    def bans_soon(self, rule: str, address: str) -> bool:
        # the feed costs less to ask for
        return within(60, lambda: address in feed(self.site) and (rule, address) in self.bans())

    def ban_by_every_rule(self, net: str) -> set[tuple[str, str]]:
        """Have each rule ban somebody in a /16 such as "45.1"; return the bans, by rule and address.

        Each test has a /16 of its own: fail2ban bans for longer whom it has banned before.
        """
        expected = {("trap", f"{net}.100.{number}") for number in (1, 2, 3)}
        expected |= {("spray", f"{net}.{number}.7") for number in (1, 2, 3)}
        for rule, address in sorted(expected):
            self.event(address, "admin" if rule == "trap" else "alice")
        for _ in range(5):
            self.event(f"{net}.150.8")
            self.event(f"{net}.151.8", "jsmith", reason=UNKNOWN)
        expected |= {("", f"{net}.150.8"), ("slow", f"{net}.150.8")}
        expected |= {("unknown_user", f"{net}.151.8"), ("network", f"{net}.100.0/24")}
        addresses = {address for _, address in expected}
        assert within(60, lambda: addresses <= feed(self.site) and expected <= set(self.bans()))
        # each jail has read all of it once one of them has looked twice: a line that fail2ban reads after a
        # restart would prolong a ban
        self.settle()
        self.settle()
        return expected

    def settle(self) -> None:
        """Wait until everything that was written is known: an event of the self-test's address is."""
        self.event("198.51.100.200", "admin")
        assert self.bans_soon("trap", "198.51.100.200")
        self.site.run("unban", "198.51.100.200")

    def clear(self) -> None:
        """Begin anew: no ban, no memory, empty logs.

        The logs are other files: a jail would not see that a file was cut if it had grown again meanwhile.
        """
        replace = "; ".join(
            f"cp -p --attributes-only {log} {log}.empty; mv {log}.empty {log}"
            for log in (f"{LOGS}/events.log", f"{LOGS}/rules.log")
        )
        self.site.host.console(
            "systemctl stop banstitch-rules; fail2ban-client unban --all;"
            f" rm -f /var/lib/banstitch-rules/*; {replace}; systemctl start banstitch-rules",
            check=True,
        )


def read_metrics(site: LabSite) -> str:
    """Return what the ban host's own monitoring reads."""
    secret = json.loads(site.host.read("/etc/banstitch/tokens.json"))["status"]
    login = base64.b64encode(f"status:{secret}".encode()).decode()
    return ask(site, "/metrics", login)


def read_health(site: LabSite) -> dict[str, Any]:
    """Return what /healthz says on the ban host itself."""
    found: dict[str, Any] = json.loads(ask(site, "/healthz"))
    return found


def ask(site: LabSite, path: str, login: str = "") -> str:
    """Return what the receiver answers, whatever the status."""
    connection = Poller(site, ()).connection()
    connection.request("GET", path, headers={"Authorization": f"Basic {login}"} if login else {})
    return connection.getresponse().read().decode()
