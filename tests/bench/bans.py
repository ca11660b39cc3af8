"""Measure on a real host how fast bans reach the feed, and a restart of fail2ban with 100,000 bans.

    python -m tests.bench.bans [--attackers 10000] [--bans 100000] [--recipe 1000]

The end measures the page of a help desk with these bans: over https, each request with a connection of its
own, and its first paint in headless Chromium.

The limit for attackers who all come at once applies to http, as in the recipe. With https, the default,
each event is a handshake of its own, and the client computes half of it on this machine, too.

The recipe's own action (a shell that appends to a list and edits it) does the same on the same host in
the same run, with fewer bans. The client runs on the same machine and takes its share of it.

The exit code is 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from tests.bench import page
from tests.bench.host import JAIL, LINE, Bench, apply, deploy_site
from tests.bench.load import post, run
from tests.e2e.page_site import page_settings
from tests.e2e.poller import Poller, feed

RECIPE_LIST = "/var/tmp/blocked_ips_list.txt"
RECIPE_ACTION = f"""[Definition]
actionban = echo "<ip>" >> {RECIPE_LIST}
actionunban = sed -i "/^<ip>$/d" {RECIPE_LIST}
"""
RECIPE_JAIL = """[recipe]
enabled = true
filter = banstitch[detection=recipe]
logpath = /var/log/banstitch/events.log
backend = polling
bantime = 3600
action = recipe
"""
# One program for all jails: the client of fail2ban needs a fifth of a second for each.
COUNT_HELD = """
import sys
from fail2ban.client.csocket import CSocket
server = CSocket("/var/run/fail2ban/fail2ban.sock")
for jail in sys.argv[1:]:
    answer = dict(server.send(["status", jail, "short"])[1])
    print(dict(answer["Actions"])["Currently banned"])
"""
# addresses in one call of fail2ban-client
CALL = 2000
PATIENCE = 300


def make_address(number: int, net: int) -> str:
    return f"{net}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Bans(Bench):
    """Bans and attacks on one host."""

    def make_events(self, addresses: list[str], times: int) -> Iterator[bytes]:
        """Yield posts of one event each. An address comes again only after all the others."""
        for address in itertools.chain.from_iterable(itertools.repeat(addresses, times)):
            yield post(
                "/receive-logs", (LINE % address).encode(), X_Banstitch_Token=self.token
            )  # fmt: skip

    def attack(self, addresses: list[str], times: int = 3) -> None:
        result = run(
            (self.host.address, 5000),
            self.make_events(addresses, times),
            at_once=8,
            encrypt=self.encrypt,
        )
        if not result.all(200):
            raise RuntimeError(f"not all events were taken: {result}")
        if len(addresses) > 1:
            self.report(f"{len(addresses) * times} events", result)

    def ban(self, jail: str, addresses: list[str]) -> None:
        for start in range(0, len(addresses), CALL):
            call = ["fail2ban-client", "set", jail, "banip", *addresses[start : start + CALL]]
            self.host.console(call, check=True)

    def count_held(self, *jails: str) -> int:
        """Return the number of bans that fail2ban holds in all; -1 if it does not answer."""
        counts = self.host.console(["python3", "-c", COUNT_HELD, *jails]).stdout.split()
        return sum(map(int, counts)) if len(counts) == len(jails) else -1


def wait_until(holds: Callable[[], bool], every: float = 0.1) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {PATIENCE} s")
        time.sleep(every)


def measure_many_attackers(bench: Bans, count: int, net: int) -> float:
    """Return the seconds from the first of three events each to the last address in the feed."""
    addresses = [make_address(n, net) for n in range(count)]
    began = time.monotonic()
    bench.attack(addresses)
    wait_until(lambda: feed(bench.site) >= set(addresses))
    seconds = time.monotonic() - began
    how = "https" if bench.encrypt else "http"
    bench.report(f"{count} attackers by {how} all in the feed", f"{seconds:.1f} s")
    return seconds


def measure_restart(bench: Bans, bans: int, jails: Sequence[str] = (JAIL,)) -> None:
    """Measure a restart of fail2ban with so many live bans in all of ``jails``."""
    time.sleep(2)  # each process of the receiver builds a large feed at most once a second
    known = len(feed(bench.site))
    began = time.monotonic()
    addresses = [make_address(n, 46) for n in range(bans - known)]
    for number, jail in enumerate(jails):
        bench.ban(jail, addresses[number :: len(jails)])
    wait_until(lambda: len(feed(bench.site)) == bans)
    bench.report(
        f"{bans - known} more bans by fail2ban-client", f"{time.monotonic() - began:.1f} s"
    )
    time.sleep(20)  # fail2ban still writes them to its database
    measure_one_more(bench, 0)
    time.sleep(2)
    live, held = feed(bench.site), bench.count_held(*jails)
    with Poller(bench.site, live) as poller:
        began = time.monotonic()
        bench.host.console("systemctl restart fail2ban", check=True)
        wait_until(lambda: bench.count_held(*jails) >= held)
        seconds = time.monotonic() - began
    gap = f"no gap in {poller.answers} polls (missed: {dict(poller.missed.most_common(3))})"
    bench.report("fail2ban restarted", f"{seconds:.1f} s", "ready in 60 s", seconds <= 60)
    bench.report("", "", gap, not poller.missed and poller.answers > 100)
    measure_one_more(bench, 1)
    kib = bench.host.console(["ps", "-o", "rss=", "-C", "fail2ban-server"], check=True).stdout
    bench.report("memory of fail2ban", f"{int(kib) / 1024:.0f} MiB")


def measure_one_more(bench: Bans, number: int) -> None:
    """Measure one more ban, from the last of its events to the feed."""
    address = make_address(number, 47)
    bench.attack([address])
    began = time.monotonic()
    wait_until(lambda: address in feed(bench.site), 0.02)
    seconds = time.monotonic() - began
    bench.report("one more ban in the feed", f"{seconds:.2f} s", "within 2 s", seconds <= 2)


def ban_one(bench: Bans, number: int) -> None:
    """Ban one more address, and wait for it."""
    address = make_address(number, 50)
    bench.ban(JAIL, [address])
    wait_until(lambda: address in feed(bench.site))


def measure_recipe(bench: Bans, bans: int) -> None:
    """Measure bans and a restart with the recipe's action."""
    write = "cat > /etc/fail2ban/{0}; touch " + RECIPE_LIST
    bench.host.console(write.format("action.d/recipe.conf"), stdin=RECIPE_ACTION, check=True)
    bench.host.console(write.format("jail.d/recipe.conf"), stdin=RECIPE_JAIL, check=True)
    bench.host.console("fail2ban-client reload", check=True)
    began = time.monotonic()
    bench.ban("recipe", [make_address(n, 48) for n in range(bans)])
    wait_until(lambda: count_listed(bench) == bans)
    bench.report(f"the recipe: {bans} bans", f"{time.monotonic() - began:.1f} s")
    fewest, over = [bans], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            fewest.append(count_listed(bench))

    thread = threading.Thread(target=look)
    thread.start()
    began = time.monotonic()
    bench.host.console("systemctl restart fail2ban", check=True)
    wait_until(lambda: min(fewest) < bans and count_listed(bench) == bans)
    seconds = time.monotonic() - began
    over.set()
    thread.join()
    bench.report(f"the recipe: restart with {bans} bans", f"{seconds:.1f} s")
    bench.report("the recipe: fewest on its list meanwhile", min(fewest))


def count_listed(bench: Bans) -> int:
    path = bench.host.filesystem / RECIPE_LIST.lstrip("/")
    return len(path.read_text().split())


def measure_same_number_as_recipe(bench: Bans, bans: int) -> None:
    began = time.monotonic()
    wanted = {make_address(n, 49) for n in range(bans)}
    bench.ban(JAIL, sorted(wanted))
    wait_until(lambda: feed(bench.site) >= wanted)
    bench.report(f"this action: {bans} bans", f"{time.monotonic() - began:.1f} s")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bans")
    parser.add_argument("--attackers", type=int, default=10_000)
    parser.add_argument("--bans", type=int, default=100_000)
    parser.add_argument("--recipe", type=int, default=1_000, help="bans of the recipe's action")
    options = parser.parse_args(argv)
    settings = "receiver_rate: 100000\nreceiver_burst: 1000000\n"
    settings += "receiver_ban_limit: 1000000\ndetection_ban_time: 1d\n" + page_settings()
    with deploy_site(settings) as site:
        bench = Bans(site)
        measure_same_number_as_recipe(bench, options.recipe)
        measure_recipe(bench, options.recipe)
        bench.host.console("rm /etc/fail2ban/jail.d/recipe.conf; fail2ban-client reload")
        apply(site, "-e", "receiver_tls=off")
        seconds = measure_many_attackers(bench, options.attackers, 45)
        bench.report("", "", "within 30 s", seconds <= 30)
        apply(site)
        measure_many_attackers(bench, options.attackers, 44)
        measure_restart(bench, options.bans)
        page.measure(bench, lambda number: ban_one(bench, number))
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
