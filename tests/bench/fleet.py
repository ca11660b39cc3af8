"""Real ban hosts `bh1`, `bh2`, ... for benches, and inventories that name them.

A site has the shipped defaults; only what the loopback network of the lab demands is set.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from provision.desired import collect
from provision.inventory import loader
from provision.linux.kinds.resource import Resource
from provision.masking import Secrets
from provision.sites.builder import build_sites
from tests import PROJECT
from tests.bench.process import Cost, run_site
from tests.e2e.labsite import FORTIGATE_PASSWORD, known_as
from tests.lab import nspawn
from tests.lab.debian import DebianHost
from tests.simulator import Simulator

# No host of the lab has these as its first.
FIRST_PORT = 23001
# sshd listens at 16 addresses at most (MAX_LISTEN_SOCKS in its source). One is that of its configuration.
SSHD_PORTS = 12


class Endpoint(NamedTuple):
    """A host, and one of the ports at which its sshd is reached."""

    host: DebianHost
    port: int


def describe(endpoint: Endpoint) -> dict[str, Any]:
    """Return the variables of a ban host that is reached at ``endpoint``."""
    host = endpoint.host
    return {
        "ansible_host": endpoint.host.address,
        "ansible_port": endpoint.port,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(host.private_key),
        "receiver_address": host.address,
        "receiver_listen": host.address,
        "receiver_allow": ["127.0.0.0/8"],
    }


def write_inventory(
    folder: Path, sites: Mapping[str, Endpoint], fortigate: Simulator | None = None
) -> Path:
    """Write an inventory of ban hosts and their known_hosts; the FortiGate belongs to the first."""
    groups: dict[str, Any] = {
        "ban_hosts": {"hosts": {name: describe(each) for name, each in sites.items()}}
    }
    keys = [
        f"{known_as(each.host.address, each.port)} {each.host.host_key_line.split(' ', 1)[1]}"
        for each in sites.values()
    ]
    if fortigate:
        variables = {
            "ansible_host": fortigate.address,
            "ansible_port": fortigate.port,
            "ansible_password": FORTIGATE_PASSWORD,
            "ban_host": next(iter(sites)),
        }
        groups["fortigates"] = {"hosts": {"fgt1": variables}}
        keys.append(fortigate.host_key_line)
    folder.mkdir()
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": groups}}))
    (folder / "known_hosts").write_text("\n".join(keys) + "\n")
    return folder


@contextmanager
def boot(root: Path, count: int) -> Iterator[list[DebianHost]]:
    """Boot so many hosts."""
    with ExitStack() as stack:
        yield [stack.enter_context(DebianHost(root)) for _ in range(count)]


def name_sites(hosts: Sequence[DebianHost]) -> dict[str, Endpoint]:
    """Return the hosts at their own addresses, by name."""
    return {f"bh{n}": Endpoint(host, host.port) for n, host in enumerate(hosts, 1)}


def apply(inventory: Path) -> Cost:
    """Return the cost of `apply`."""
    return run_site("apply", "-y", "-i", str(inventory))


def plan(inventory: Path) -> Cost:
    """Return the cost of `plan` where `apply` has nothing to do.

    Raises:
        RuntimeError: it would change something, as the exit code 2 says.
    """
    return run_site("plan", "-i", str(inventory))


def render_sites(inventory: Path) -> Iterator[tuple[str, tuple[Resource, ...]]]:
    """Yield each ban host with the resources that `site.py` asks for."""
    plays = runpy.run_path(str(PROJECT / "site.py"))["load_plays"]()
    for site in build_sites(loader.load(inventory, ()), plays, Secrets()):
        yield site.name, collect.render_resources(site, plays)


def name_aliases(hosts: Sequence[DebianHost], sites: int) -> dict[str, Endpoint]:
    """Let each host listen for ssh at more ports, and return so many sites there, in turn."""
    ports = range(FIRST_PORT, FIRST_PORT - (-sites // len(hosts)))
    for host in hosts:
        for start in range(0, len(ports), SSHD_PORTS):
            _start_sshd(host, ports[start : start + SSHD_PORTS])
    endpoints = [Endpoint(host, port) for port in ports for host in hosts]
    return {f"site{number:03}": each for number, each in enumerate(endpoints[:sites], 1)}


def _start_sshd(host: DebianHost, ports: Sequence[int]) -> None:
    """Start one more sshd, which serves these ports until the host is switched off."""
    unit = ["systemd-run", "--quiet", "--service-type=notify", f"--unit=bench-sshd-{ports[0]}"]
    listen = [f"-oListenAddress={host.address}:{port}" for port in ports]
    host.console([*unit, "/usr/sbin/sshd", "-D", "-oPidFile=none", *listen], check=True)


def read_cpu(host: DebianHost) -> float:
    """Return the seconds of CPU that all processes of a host have used since it booted.

    Raises:
        RuntimeError: it is off.
    """
    first = nspawn.find_leader(host.record)
    if first is None:
        raise RuntimeError(f"{host.name} is off")
    (mount,) = (
        line.split()[1]
        for line in Path("/proc/mounts").read_text().splitlines()
        if line.split()[2] == "cgroup2"
    )
    rows = Path(f"/proc/{first}/cgroup").read_text().splitlines()
    (group,) = (row.partition("::")[2] for row in rows if row.startswith("0::"))
    path = Path(mount, group.partition("/payload")[0].lstrip("/"), "cpu.stat")
    used = dict(line.split() for line in path.read_text().splitlines())
    return int(used["usage_usec"]) / 1e6
