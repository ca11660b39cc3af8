"""How fast bans reach the feed on a real host, and what a restart of fail2ban costs, at 100,000 bans.

    python -m tests.bench.bans [--attackers 10000] [--bans 100000] [--recipe 1000]

The promise for attackers who come all at once is for http, as the recipe has it. Over https, the
default, each of their events is a handshake of its own, half of which the client computes here as well.

The recipe's own action (a shell that appends to a list and edits it) does the same on the same host in
the same run, at a size that it can bear. The client runs on the same machine and takes its share of it.

Exit status 1 if a number that the project promises is missed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator

from tests.bench.host import JAIL, LINE, Bench, apply, deployed
from tests.bench.load import post, run
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
# fail2ban-client takes so many addresses in one call
CALL = 2000
PATIENCE = 300


def attacker(number: int, net: int) -> str:
    return f"{net}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Bans(Bench):
    """Bans and attacks on one host."""

    def events(self, addresses: list[str], times: int) -> Iterator[bytes]:
        """One event a post; each address comes again only when all have come."""
        for address in itertools.chain.from_iterable(itertools.repeat(addresses, times)):
            yield post(
                "/receive-logs", (LINE % address).encode(), X_Banstitch_Token=self.token
            )  # fmt: skip

    def attack(self, addresses: list[str], times: int = 3) -> None:
        result = run(
            (self.host.address, 5000),
            self.events(addresses, times),
            at_once=8,
            encrypt=self.encrypt,
        )
        if not result.all(200):
            raise RuntimeError(f"not all events were taken: {result}")
        if len(addresses) > 1:
            self.say(f"{len(addresses) * times} events", result)

    def banip(self, jail: str, addresses: list[str]) -> None:
        for start in range(0, len(addresses), CALL):
            call = ["fail2ban-client", "set", jail, "banip", *addresses[start : start + CALL]]
            self.host.console(call, check=True)

    def held(self, jail: str) -> int:
        """How many bans fail2ban itself holds; -1 when it does not answer."""
        words = self.host.console(["fail2ban-client", "status", jail, "short"]).stdout
        counts = [line.split()[-1] for line in words.splitlines() if "Currently banned" in line]
        return int(counts[0]) if counts else -1


def until(holds: Callable[[], bool], every: float = 0.1) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {PATIENCE} s")
        time.sleep(every)


def many_attackers(bench: Bans, count: int, net: int) -> float:
    """Three events each, all at once: seconds from the first event to the last address in the feed."""
    addresses = [attacker(n, net) for n in range(count)]
    began = time.monotonic()
    bench.attack(addresses)
    until(lambda: feed(bench.site) >= set(addresses))
    seconds = time.monotonic() - began
    how = "https" if bench.encrypt else "http"
    bench.say(f"{count} attackers by {how} all in the feed", f"{seconds:.1f} s")
    return seconds


def a_restart(bench: Bans, bans: int) -> None:
    """With so many live bans; the attackers of before are among them."""
    time.sleep(2)  # each process of the receiver makes a large feed anew once a second at most
    known = len(feed(bench.site))
    began = time.monotonic()
    bench.banip(JAIL, [attacker(n, 46) for n in range(bans - known)])
    until(lambda: len(feed(bench.site)) == bans)
    bench.say(f"{bans - known} more bans by fail2ban-client", f"{time.monotonic() - began:.1f} s")
    time.sleep(20)  # fail2ban still writes these many into its database
    one_more(bench, 0)
    time.sleep(2)
    live = feed(bench.site)
    with Poller(bench.site, live) as poller:
        began = time.monotonic()
        bench.host.console("systemctl restart fail2ban", check=True)
        until(lambda: bench.held(JAIL) >= len(live))
        seconds = time.monotonic() - began
    gap = f"no gap in {poller.answers} polls (missed: {dict(poller.missed.most_common(3))})"
    bench.say("fail2ban restarted", f"{seconds:.1f} s", "ready in 60 s", seconds <= 60)
    bench.say("", "", gap, not poller.missed and poller.answers > 100)
    one_more(bench, 1)
    kib = bench.host.console(["ps", "-o", "rss=", "-C", "fail2ban-server"], check=True).stdout
    bench.say("memory of fail2ban", f"{int(kib) / 1024:.0f} MiB")


def one_more(bench: Bans, number: int) -> None:
    """One attacker among the many: from the last of its events to the feed."""
    address = attacker(number, 47)
    bench.attack([address])
    began = time.monotonic()
    until(lambda: address in feed(bench.site), 0.02)
    seconds = time.monotonic() - began
    bench.say("one more ban in the feed", f"{seconds:.2f} s", "within 2 s", seconds <= 2)


def the_recipe(bench: Bans, bans: int) -> None:
    """The same steps with the recipe's action: bans, and a restart with somebody looking."""
    write = "cat > /etc/fail2ban/{0}; touch " + RECIPE_LIST
    bench.host.console(write.format("action.d/recipe.conf"), stdin=RECIPE_ACTION, check=True)
    bench.host.console(write.format("jail.d/recipe.conf"), stdin=RECIPE_JAIL, check=True)
    bench.host.console("fail2ban-client reload", check=True)
    began = time.monotonic()
    bench.banip("recipe", [attacker(n, 48) for n in range(bans)])
    until(lambda: listed(bench) == bans)
    bench.say(f"the recipe: {bans} bans", f"{time.monotonic() - began:.1f} s")
    fewest, over = [bans], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            fewest.append(listed(bench))

    thread = threading.Thread(target=look)
    thread.start()
    began = time.monotonic()
    bench.host.console("systemctl restart fail2ban", check=True)
    until(lambda: min(fewest) < bans and listed(bench) == bans)
    seconds = time.monotonic() - began
    over.set()
    thread.join()
    bench.say(f"the recipe: restart with {bans} bans", f"{seconds:.1f} s")
    bench.say("the recipe: fewest on its list meanwhile", min(fewest))


def listed(bench: Bans) -> int:
    path = bench.host.filesystem / RECIPE_LIST.lstrip("/")
    return len(path.read_text().split())


def ours_at_the_size_of_the_recipe(bench: Bans, bans: int) -> None:
    began = time.monotonic()
    wanted = {attacker(n, 49) for n in range(bans)}
    bench.banip(JAIL, sorted(wanted))
    until(lambda: feed(bench.site) >= wanted)
    bench.say(f"this action: {bans} bans", f"{time.monotonic() - began:.1f} s")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bans")
    parser.add_argument("--attackers", type=int, default=10_000)
    parser.add_argument("--bans", type=int, default=100_000)
    parser.add_argument("--recipe", type=int, default=1_000, help="bans of the recipe's action")
    options = parser.parse_args(argv)
    settings = "receiver_rate: 100000\nreceiver_burst: 1000000\n"
    settings += "receiver_ban_limit: 1000000\ndetection_ban_time: 1d"
    with deployed(settings) as site:
        bench = Bans(site)
        ours_at_the_size_of_the_recipe(bench, options.recipe)
        the_recipe(bench, options.recipe)
        bench.host.console("rm /etc/fail2ban/jail.d/recipe.conf; fail2ban-client reload")
        apply(site, "-e", "receiver_tls=off")
        seconds = many_attackers(bench, options.attackers, 45)
        bench.say("", "", "within 30 s", seconds <= 30)
        apply(site)
        many_attackers(bench, options.attackers, 44)
        a_restart(bench, options.bans)
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
