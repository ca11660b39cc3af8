"""Measure on a real host what 20 rules over 6 detections cost, beside a site with one rule.

    python -m tests.bench.rules [--seconds 5] [--attackers 10000] [--bans 100000]

On both sites failed logins arrive as fast as the receiver takes them, while the rules and fail2ban count
them. Then attackers of three attempts each come at once. The processor time of each service is that of one of
their events. At the end the bans are spread over the jails of all 20 rules, and fail2ban restarts.

With 20 rules, attackers must be in the feed within 30 s, and the limits of tests.bench.bans hold. The exit
code is 1 if a limit is missed. The client runs on the same machine and takes its share of it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator

from tests.bench.bans import Bans, measure_restart, wait_until
from tests.bench.host import LINE, deploy_site
from tests.bench.load import post, run
from tests.e2e.poller import feed

SETTINGS = """\
receiver_tls: off
receiver_rate: 100000
receiver_burst: 1000000
receiver_ban_limit: 1000000
detection_ban_time: 1d
"""
# 7 + 2 + 7 + 1 + 1 + 2 rules
RULES_OFF = {
    "sslvpn_login_failed": (),
    "admin_login_failed": ("trusted", "slow", "unknown_user", "trap", "spray", "network"),
    "ipsec_login_failed": (),
    "ipsec_psk_failed": ("slow",),
    "ipsec_identity_guess": ("trusted", "slow", "unknown_user", "trap", "network"),
    "user_auth_failed": ("trusted", "unknown_user", "trap", "spray", "network"),
}
RULES = 20
SERVICES = ("banstitch-receiver", "banstitch-rules", "fail2ban")
ATTEMPTS = 3


def describe_rules() -> str:
    """Return the settings of a site with 20 rules."""
    off = {name: ", ".join(f"{rule}: off" for rule in rules) for name, rules in RULES_OFF.items()}
    each = ", ".join(f"{name}: {{rules: {{{rules}}}}}" for name, rules in off.items())
    enabled = ", ".join(RULES_OFF)
    return (
        f"detection_enabled: [{enabled}]\ndetection_max_retry: {ATTEMPTS}\n"
        f"detection_settings: {{{each}}}"
    )


class Rules(Bans):
    """A deployed site, and the processor time of its services."""

    def list_jails(self) -> list[str]:
        """Return our jails."""
        words = self.host.console(["fail2ban-client", "status"], check=True).stdout
        return [word for word in words.replace(",", " ").split() if word.startswith("banstitch-")]

    def measure_seconds(self, service: str) -> float:
        """Return the seconds of processor time that all processes of a service have used."""
        script = (
            f"for p in $(cat /sys/fs/cgroup/system.slice/{service}.service/cgroup.procs);"
            " do cat /proc/$p/stat; done"
        )
        rows = self.host.console(script, check=True).stdout.splitlines()
        used = (row.rpartition(")")[2].split()[11:13] for row in rows)
        return sum(int(ticks) for pair in used for ticks in pair) / os.sysconf("SC_CLK_TCK")

    def list_seconds(self) -> dict[str, float]:
        """Return the processor time of each service until now."""
        return {service: self.measure_seconds(service) for service in SERVICES}

    def make_new_events(self) -> Iterator[bytes]:
        """Yield posts of sources that fail once each, none of them near another one."""
        for address in make_sources(itertools.count(), 101):
            yield post(
                "/receive-logs", (LINE % address).encode(), X_Banstitch_Token=self.token
            )  # fmt: skip


def make_sources(numbers: Iterator[int], net: int) -> Iterator[str]:
    """Yield addresses in different networks, of which 65,536 begin with the same number."""
    for number in numbers:
        yield f"{net + (number >> 16)}.{number >> 8 & 255}.{number & 255}.1"


def measure_events(bench: Rules, seconds: float) -> None:
    """Measure the events that the receiver takes while everything runs."""
    result = run(
        (bench.host.address, 5000), bench.make_new_events(), at_once=8, seconds=seconds
    )  # fmt: skip
    bench.report("events, while the rules count", result, "all taken", result.all(200))


def measure_attackers(bench: Rules, count: int, limit: float) -> None:
    """Measure so many attackers at once until all are in the feed, and what an event costs then."""
    addresses = list(make_sources(iter(range(count)), 45))
    before, began = bench.list_seconds(), time.monotonic()
    bench.attack(addresses, ATTEMPTS)
    wait_until(lambda: feed(bench.site) >= set(addresses))
    seconds, after = time.monotonic() - began, bench.list_seconds()
    promise = f"within {limit:.0f} s"
    what = f"{count} attackers all in the feed"
    bench.report(what, f"{seconds:.1f} s", promise, seconds <= limit)
    for service in SERVICES:
        spent = 1e6 * (after[service] - before[service]) / (ATTEMPTS * count)
        bench.report(f"{service}, an event", f"{spent:.0f} us of processor time")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rules")
    parser.add_argument("--seconds", type=float, default=5, help="of the run of events")
    parser.add_argument("--attackers", type=int, default=10_000)
    parser.add_argument("--bans", type=int, default=100_000)
    options = parser.parse_args(argv)
    missed = []
    for rules, group_settings in ((1, None), (RULES, describe_rules())):
        with deploy_site(SETTINGS, group_settings) as site:
            bench = Rules(site)
            jails = bench.list_jails()
            bench.report("rules", str(len(jails)), f"{rules} as asked for", len(jails) == rules)
            measure_events(bench, options.seconds)
            measure_attackers(bench, options.attackers, 30)
            if rules == RULES:
                held = [jail for jail in jails if not jail.endswith("-network")]
                measure_restart(bench, options.bans, held)
            missed += bench.missed
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
