"""Measure a re-run of real hosts and of a fleet, beside pyinfra and Ansible doing the same work.

    python -m tests.bench.rerun [--only rerun,eight] [--runs 5]

rerun      `apply` with nothing to do at one ban host, beside pyinfra 3.10 and Ansible. What they do follows
           from what our roles ask for: packages, users, directories, files and services. A run that changes
           something is an error, so all of them hold the same host to be right. Ours also looks at tokens,
           certificates and the jails that run. pyinfra gets a socket that waits for no acknowledgements.
eight      the same at eight ban hosts, without Ansible.
fortigate  the same at one ban host and its FortiGate, a simulator without latency.
check      `--help`, and `check` of the example inventory.
thousand   `check` of 1,000 sites with 2,000 FortiGates.
sites      CPU of the controller for `plan` of 100 sites, the start of the program included. The ban hosts are
           programs in another process that answer as deployed hosts would. Each site has other settings.
logins     `plan` of 100 sites beside 100 bare logins of paramiko with one exec. The sites are real: eight
           hosts, whose sshd listens at 13 ports each. `plan` changes nothing, so each port is looked at as a
           site of its own, and the agent does its whole work 100 times. Sites of one host render the same.
look       CPU that `plan` costs on a ban host, less that of a bare login with `true`.
first      the first `apply` beside `apt-get install` of the same packages by hand, each on a fresh host that
           has downloaded them.

Commands that are compared take turns. The figures are medians, and a factor is the median over the turns. The
hosts run on this machine and take their share of it. The exit code is 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from provision.linux.kinds.package import Package
from tests import PROJECT
from tests.bench import check, fake_sites
from tests.bench.fleet import (
    Endpoint,
    apply,
    boot,
    name_aliases,
    name_sites,
    plan,
    read_cpu,
    render_sites,
    write_inventory,
)
from tests.bench.host import Report
from tests.bench.peers.tools import Peers
from tests.bench.process import (
    Cost,
    compare_seconds,
    measure,
    measure_in_turn,
    take_medians,
)
from tests.e2e.labsite import fortigate_options
from tests.lab.debian import DebianHost
from tests.lab.roots import build_bare_root, build_ready_root
from tests.simulator import Simulator

EIGHT, SITES = 8, 100
# Seconds in which the CPU of a host is counted: a plan, and all that follows the end of its session.
WINDOW = 3.0
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "


class Rerun(Report):
    """Deployed hosts, inventories of them, and the lines of the report."""

    def __init__(self, folder: Path, hosts: Sequence[DebianHost], runs: int) -> None:
        super().__init__()
        self.folder, self.hosts, self.runs = folder, hosts, runs
        self.deployed = self.write("deployed", name_sites(hosts))
        if hosts:
            apply(self.deployed)
            plan(self.deployed)

    def write(
        self, name: str, sites: dict[str, Endpoint], fortigate: Simulator | None = None
    ) -> Path:
        """Write an inventory to a folder of its own."""
        return write_inventory(self.folder / name, sites, fortigate)

    def limit_seconds(self, what: str, costs: Sequence[Cost], most: float) -> None:
        """Report the median time and the limit for it."""
        found = take_medians(costs)
        shown = f"{found.seconds:.2f} s, {found.cpu:.2f} s of CPU"
        self.report(what, shown, f"at most {most} s", found.seconds <= most)

    def compare(self, what: str, ours: Sequence[Cost], others: Sequence[Cost]) -> None:
        """Report the time of a peer, which must take at least four times as long."""
        seconds, factor = take_medians(others).seconds, compare_seconds(ours, others)
        shown = f"{seconds:.2f} s, {factor:.1f} times"
        self.report(what, shown, "at least 4 times as long", factor >= 4)


def measure_rerun(bench: Rerun) -> None:
    """Measure one ban host, beside both peers."""
    sites = name_sites(bench.hosts[:1])
    inventory = bench.write("one", sites)
    peers = Peers(bench.folder / "peers-one", inventory, sites)
    ours, pyinfra = measure_in_turn(bench.runs, lambda: apply(inventory), peers.run_pyinfra)
    bench.limit_seconds("apply with nothing to do, one ban host", ours, 1.0)
    bench.compare("  pyinfra", ours, pyinfra)
    bench.hosts[0].console(f"{INSTALL} python3-apt", check=True)  # a module of Ansible needs it
    bench.report("  Ansible, once", f"{peers.run_ansible().seconds:.1f} s")


def measure_eight(bench: Rerun) -> None:
    """Measure eight ban hosts, beside pyinfra."""
    sites = name_sites(bench.hosts)
    peers = Peers(bench.folder / "peers-eight", bench.deployed, sites)
    ours, pyinfra = measure_in_turn(
        min(bench.runs, 3), lambda: apply(bench.deployed), peers.run_pyinfra
    )
    bench.limit_seconds("apply with nothing to do, eight ban hosts", ours, 2.5)
    bench.compare("  pyinfra", ours, pyinfra)


def measure_fortigate(bench: Rerun) -> None:
    """Measure one ban host with its FortiGate; afterwards the ban host is no longer as the others are."""
    with Simulator(fortigate_options()) as fortigate:
        inventory = bench.write("fortigate", name_sites(bench.hosts[:1]), fortigate)
        apply(inventory)
        plan(inventory)
        (ours,) = measure_in_turn(bench.runs, lambda: apply(inventory))
        bench.limit_seconds("apply with nothing to do, and its FortiGate", ours, 1.3)


def measure_check(bench: Rerun) -> None:
    """Measure what contacts no host."""
    for what, arguments, most in (
        ("--help", ["--help"], 0.2),
        ("check of the example inventory", ["check", "-i", str(PROJECT / "inventory")], 0.5),
    ):
        bench.limit_seconds(what, [check.measure_call(arguments)], most)


def measure_thousand(bench: Rerun) -> None:
    """Measure a large inventory."""
    inventory = check.write_inventory(bench.folder, 1000)
    cost = check.measure_call(["check", "-i", str(inventory)], runs=3)
    bench.limit_seconds("check of 1,000 sites, 2,000 FortiGates", [cost], 10)
    shown = f"{cost.mebibytes:.0f} MiB"
    bench.report("  its memory", shown, "below 300 MiB", cost.mebibytes < 300)


def measure_sites(bench: Rerun) -> None:
    """Measure the controller's CPU for many sites."""
    inventory = bench.folder / "fakes"
    with fake_sites.serve(inventory, SITES):
        (costs,) = measure_in_turn(3, lambda: plan(inventory))
    spent = 1000 * take_medians(costs).cpu / SITES
    shown = f"{spent:.0f} ms of CPU a site"
    bench.report(f"plan of {SITES} sites", shown, "at most 40 ms", spent <= 40)


def measure_logins(bench: Rerun) -> None:
    """Measure many real sites, beside bare logins to them."""
    inventory = bench.write("aliases", name_aliases(bench.hosts, SITES))
    logins, plans = measure_in_turn(
        3, lambda: log_in_barely(inventory), lambda: plan(inventory), uncounted=0
    )
    factor = compare_seconds(logins, plans)
    ours, bare = take_medians(plans), take_medians(logins)
    bench.report(f"{SITES} bare logins", f"{bare.seconds:.1f} s, {bare.cpu:.1f} s of CPU")
    shown = f"{ours.seconds:.1f} s, {ours.cpu:.1f} s of CPU, {factor:.1f} times"
    bench.report(f"plan of {SITES} sites", shown, "at most 4 times as long", factor <= 4)


def log_in_barely(inventory: Path) -> Cost:
    """Return the cost of bare logins to all hosts of an inventory."""
    return measure([sys.executable, "-m", "tests.bench.logins", str(inventory)])


def measure_look(bench: Rerun) -> None:
    """Measure the agent's CPU on a ban host; what the host does by itself is in both halves of a pair."""
    host, inventory = bench.hosts[0], bench.write("look", name_sites(bench.hosts[:1]))

    def count_cpu(act: Callable[[], Cost]) -> float:
        before, ends = read_cpu(host), time.monotonic() + WINDOW
        act()
        time.sleep(max(0.0, ends - time.monotonic()))
        return read_cpu(host) - before

    plans, logins = [], []
    for _ in range(bench.runs):
        plans.append(count_cpu(lambda: plan(inventory)))
        logins.append(count_cpu(lambda: log_in_barely(inventory)))
    spent = statistics.median(map(float.__sub__, plans, logins))
    bench.report(
        "the agent's look, on the host", f"{spent:.2f} s of CPU", "at most 0.25 s", spent <= 0.25
    )


def measure_first(bench: Rerun) -> None:
    """Measure the first `apply` to a host that has no Python, beside its packages by hand."""
    turns = [measure_first_turn(bench.folder / f"first{n}") for n in range(min(bench.runs, 3))]
    by_hand, ours = zip(*turns, strict=True)
    factor = compare_seconds(by_hand, ours)
    seconds = take_medians(by_hand).seconds
    bench.report("apt-get install by hand", f"{seconds:.1f} s")
    shown = f"{take_medians(ours).seconds:.1f} s, {factor:.2f} times"
    bench.report("first apply", shown, "at most 1.15 times as long", factor <= 1.15)


def measure_first_turn(folder: Path) -> tuple[Cost, Cost]:
    """Return the cost of the packages by hand, and of the first `apply`."""
    with boot(build_bare_root(), 2) as (by_hand, ours):
        inventory = write_inventory(folder, name_sites([ours]))
        ((_, resources),) = render_sites(inventory)
        command = INSTALL + " ".join(r.name for r in resources if isinstance(r, Package))
        for host in (by_hand, ours):
            host.console(f"{command} --download-only", check=True)
        return measure([*by_hand.ssh_argv(), command]), apply(inventory)


# What each line needs: the number of deployed hosts. The FortiGate changes its ban host, so it comes last.
LINES: dict[str, tuple[int, Callable[[Rerun], None]]] = {
    "check": (0, measure_check),
    "thousand": (0, measure_thousand),
    "sites": (0, measure_sites),
    "first": (0, measure_first),
    "rerun": (1, measure_rerun),
    "look": (1, measure_look),
    "eight": (EIGHT, measure_eight),
    "logins": (EIGHT, measure_logins),
    "fortigate": (1, measure_fortigate),
}


def choose(text: str) -> list[str]:
    """Return the lines of a list with commas, in the order in which they run."""
    chosen = text.split(",")
    if unknown := set(chosen) - set(LINES):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(LINES)}")
    return [name for name in LINES if name in chosen]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rerun")
    parser.add_argument("--only", type=choose, default=list(LINES), metavar="LINE,LINE")
    parser.add_argument(
        "--runs", type=int, default=5, help="of each command; the slow ones run 3 times"
    )
    options = parser.parse_args(argv)
    count = max(LINES[name][0] for name in options.only)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hosts = stack.enter_context(boot(build_ready_root(), count)) if count else []
        bench = Rerun(folder, hosts, options.runs)
        for name in options.only:
            LINES[name][1](bench)
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
