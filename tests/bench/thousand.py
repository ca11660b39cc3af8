"""Measure runs of 1,000 sites: directly, through jump hosts, with broken sites, and stopped halfway.

    python -m tests.bench.thousand [--sites 1000] [--only plain,one,two,broken,broken-two,stopped,fortigates]

plain      `plan`, `status` and `apply` with nothing to do: sites a second, and whether memory is flat from a
           tenth of the sites to all of them.
one, two   the same through one and two jump hosts, whose sshd lets ten logins in at a time.
broken     3 % of the sites are dead (half of them refuse, half say nothing), 2 % are slow, and 1 % have
           another host key than known. The run must name the dead and the changed. Once they are repaired,
           `--retry-failed` must touch these only. broken-two: the same through two jump hosts.
stopped    `apply` gets Ctrl-C or SIGTERM at several moments; afterwards `plan` finds nothing to do.
fortigates  each site has a simulated FortiGate, and its ban host is a program as well. The first `apply`
           changes all FortiGates; then `plan`, and `apply` with nothing to do.

The other sites are eight real hosts whose sshd listens at many ports each. No run changes anything, so each
port is looked at as a site of its own. The hosts run on this machine and take most of its time. The exit code
is 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench import fake_fortigates
from tests.bench.fleet import Endpoint, apply, boot, name_aliases, name_sites, write_inventory
from tests.bench.host import Report
from tests.bench.process import Cost, Stop, run_site
from tests.e2e.labsite import known_as
from tests.e2e.proxy import Proxy
from tests.e2e.sshd_host import SshdHost, generate
from tests.lab.debian import DebianHost
from tests.lab.roots import build_bare_root, build_ready_root

HOSTS = 8
FORKS = "20"
# What sshd of Debian allows by default: ten connections that have not logged in.
NARROW = "MaxStartups 10:30:100\nMaxSessions 10"
# MiB that a run of all sites may use beyond that of a tenth of them.
GROWTH = 40
# When a run is stopped, and how.
STOPS = [
    Stop(after, number) for after in (0.2, 1, 5, 20) for number in (signal.SIGINT, signal.SIGTERM)
]
# Seconds by which each packet of a slow site is late.
LATE = 0.5


class Thousand(Report):
    """Many sites, and the lines of the report."""

    def __init__(self, folder: Path, sites: Mapping[str, Endpoint]) -> None:
        super().__init__()
        self.folder, self.sites = folder, sites
        self.count = len(sites)
        self.all = write_inventory(folder / "all", sites)

    def report_rate(self, what: str, cost: Cost, count: int) -> None:
        rate, cpu = count / cost.seconds, 1000 * cost.cpu / count
        shown = f"{cost.seconds:.0f} s, {rate:.1f} sites/s, {cpu:.0f} ms of CPU a site"
        self.report(what, f"{shown}, {cost.mebibytes:.0f} MiB")


def run(
    *words: str, inventory: Path, codes: tuple[int, ...] = (0,), stop: Stop | None = None
) -> Cost:
    """Return the cost of a verb for all sites of an inventory."""
    argv = [*words, "-i", str(inventory), "-f", FORKS]
    return run_site(*argv, codes=codes, stop=stop)


def measure_plain(bench: Thousand) -> None:
    """Measure all sites, and a tenth of them."""
    tenth = dict(list(bench.sites.items())[: bench.count // 10])
    few = write_inventory(bench.folder / "tenth", tenth)
    for verb in (["plan"], ["status"], ["apply", "-y"]):
        small, large = run(*verb, inventory=few), run(*verb, inventory=bench.all)
        bench.report_rate(f"{verb[0]} of {len(tenth)} sites", small, len(tenth))
        bench.report_rate(f"{verb[0]} of {bench.count} sites", large, bench.count)
        grown = large.mebibytes - small.mebibytes
        bench.report("  memory", f"{grown:+.0f} MiB", f"at most {GROWTH} more", grown <= GROWTH)


def measure_hops(count: int) -> Callable[[Thousand], None]:
    """Return the line for so many jump hosts."""

    def measure(bench: Thousand) -> None:
        inventory = write_inventory(bench.folder / f"hops{count}", bench.sites)
        with boot_bastions(bench.folder / f"home{count}", count) as bastions:
            bastions.put_before(inventory)
            cost = run("plan", inventory=inventory)
            bench.report_rate(f"plan of {bench.count} sites, {count} jump hosts", cost, bench.count)
            cost = run("apply", "-y", inventory=inventory)
            bench.report_rate("  apply with nothing to do", cost, bench.count)

    return measure


class Bastions(NamedTuple):
    """Jump hosts that follow one another; ``jumps`` as for `ssh -J`, ``known`` their lines of known_hosts."""

    jumps: str
    known: str

    def put_before(self, inventory: Path) -> None:
        """Let all sites of an inventory be reached through the jump hosts."""
        if self.jumps:
            (inventory / "group_vars").mkdir(exist_ok=True)
            variables = inventory / "group_vars" / "all.yml"
            variables.write_text(f"ansible_ssh_common_args: '-J {self.jumps}'\n")
            with (inventory / "known_hosts").open("a") as file:
                file.write(self.known)


@contextmanager
def boot_bastions(home: Path, count: int) -> Iterator[Bastions]:
    """Boot jump hosts, to which the operator of a new home directory has a key."""
    if not count:
        yield Bastions("", "")
        return
    before = os.environ["HOME"]
    with DebianHost(build_bare_root()) as host:
        world = SshdHost(host)
        (home / ".ssh").mkdir(parents=True)
        world.authorize(generate(home / ".ssh" / "id_ed25519"))
        ports = [world.sshd(NARROW).port for _ in range(count)]
        key = host.host_key_line.split(" ", 1)[1]
        known = "".join(f"[{host.address}]:{port} {key}\n" for port in ports)
        os.environ["HOME"] = str(home)
        try:
            yield Bastions(",".join(f"joe@{host.address}:{port}" for port in ports), known)
        finally:
            os.environ["HOME"] = before


def measure_broken(jump_hosts: int) -> Callable[[Thousand], None]:
    """Return the line that breaks some sites, runs, repairs them and retries."""

    def measure(bench: Thousand) -> None:
        names, part = list(bench.sites), max(1, bench.count // 100)
        dead, slow, changed = (
            names[: 3 * part],
            names[3 * part : 5 * part],
            names[5 * part :][:part],
        )
        failed = {*dead, *changed}
        with ExitStack() as stack:
            home = bench.folder / f"broken-home{jump_hosts}"
            bastions = stack.enter_context(boot_bastions(home, jump_hosts))
            broken = break_sites(bench.sites, dead, slow, stack)
            inventory = write_inventory(bench.folder / f"broken{jump_hosts}", broken)
            change_keys(inventory / "known_hosts", [broken[name] for name in changed])
            bastions.put_before(inventory)
            cost, found = report_run(bench.folder, inventory, (4,))
            what = f"apply with 6 % of broken sites, {jump_hosts} jump hosts"
            bench.report_rate(what, cost, bench.count)
            unreachable = {name for name, state in found.items() if state == "unreachable"}
            is_right = unreachable == failed and len(found) == bench.count
            bench.report("  unreachable", len(unreachable), "the dead and the changed", is_right)
            for name in ("hosts.yml", "known_hosts"):
                (inventory / name).write_bytes((bench.all / name).read_bytes())
            bastions.put_before(inventory)
            cost, found = report_run(bench.folder, inventory, (0,), "--retry-failed")
            shown = f"{len(found)} sites, {cost.seconds:.0f} s"
            bench.report("  --retry-failed after repair", shown, "these only", set(found) == failed)

    return measure


def break_sites(
    sites: Mapping[str, Endpoint], dead: Sequence[str], slow: Sequence[str], stack: ExitStack
) -> dict[str, Endpoint]:
    """Return the sites; half of the dead ones refuse, half are silent, and the lines of others are slow."""
    broken = dict(sites)
    for number, name in enumerate(dead):
        port = (
            number + 1
        )  # nobody listens at these that are odd, and no two sites have the same place
        if number % 2:
            silent = stack.enter_context(socket.create_server(("", 0)))
            port = silent.getsockname()[1]
        broken[name] = broken[name]._replace(port=port)
    for name in slow:
        host, port = broken[name]
        line = stack.enter_context(Proxy(host.address, port, LATE, host.address))
        broken[name] = Endpoint(host, line.port)
    return broken


def report_run(
    folder: Path, inventory: Path, codes: tuple[int, ...], *options: str
) -> tuple[Cost, dict[str, str]]:
    """Run `apply`, and return its cost and the state of each ban host in its report."""
    path = folder / "report.json"
    argv = ["apply", "-y", "--report", f"json:{path}", *options]
    cost = run(*argv, inventory=inventory, codes=codes)
    sites = json.loads(path.read_text())["sites"]
    return cost, {each["name"]: each["targets"][0]["state"] for each in sites}


def change_keys(known_hosts: Path, endpoints: Iterable[Endpoint]) -> None:
    """Let other keys be known for some sites."""
    key = generate(known_hosts.parent.parent / "another-key").with_suffix(".pub").read_text()
    names = {known_as(each.host.address, each.port) for each in endpoints}
    lines = [line.split(" ") for line in known_hosts.read_text().splitlines()]
    kept = [line if line[0] not in names else [line[0], *key.split()[:2]] for line in lines]
    known_hosts.write_text("".join(f"{' '.join(line)}\n" for line in kept))


def measure_stopped(bench: Thousand) -> None:
    """Stop `apply` at several moments, and look at what is left."""
    for stop in STOPS:
        # a signal that comes while Python starts ends it as it ends any program
        codes = (0, -stop.number, 128 + stop.number)
        cost = run("apply", "-y", inventory=bench.all, codes=codes, stop=stop)
        what = f"apply that gets {stop.number.name} after {stop.after} s"
        bench.report(what, f"ends {cost.seconds - stop.after:.1f} s later")
    cost = run("plan", inventory=bench.all)
    bench.report("  plan afterwards", "nothing to do", "nothing to do", cost.code == 0)


def measure_fortigates(bench: Thousand) -> None:
    """Deploy sites with a FortiGate each, and look at them again."""
    with fake_fortigates.serve(bench.folder / "fortigates", bench.count) as inventory:
        what = f"of {bench.count} sites with a FortiGate each"
        cost = run("apply", "-y", inventory=inventory)
        bench.report_rate(f"first apply {what}", cost, bench.count)
        cost = run("plan", inventory=inventory)
        bench.report_rate("  plan", cost, bench.count)
        cost = run("apply", "-y", inventory=inventory)
        bench.report_rate("  apply with nothing to do", cost, bench.count)


LINES: dict[str, Callable[[Thousand], None]] = {
    "plain": measure_plain,
    "one": measure_hops(1),
    "two": measure_hops(2),
    "broken": measure_broken(0),
    "broken-two": measure_broken(2),
    "stopped": measure_stopped,
    "fortigates": measure_fortigates,
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.thousand")
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--only", default=",".join(LINES), metavar="LINE,LINE")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name, boot(build_ready_root(), HOSTS) as hosts:
        folder = Path(name)
        apply(write_inventory(folder / "deployed", name_sites(hosts)))
        bench = Thousand(folder, name_aliases(hosts, options.sites))
        for line in options.only.split(","):
            LINES[line](bench)
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
