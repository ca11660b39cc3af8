"""Serve many sites whose ban hosts are programs that answer over SSH as a deployed one would.

    python -m tests.bench.fake_sites FOLDER COUNT

Each site has an address of its own, so no two render the same. This process writes their inventory, says
that it is ready, and ends with its standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from provision.linux.agent.protocol.wire import to_json
from provision.linux.observation import build_request
from tests import PROJECT
from tests.bench.fleet import render_sites
from tests.e2e.fake_ban_host import FakeBanHost, Reply, deployed, leave_out, line

READY = "ready\n"


def write_inventory(folder: Path, hosts: dict[str, FakeBanHost]) -> None:
    """Write the inventory; nobody is at the receivers' addresses, and `plan` does not ask."""
    described = {
        name: {
            "ansible_host": "127.0.0.1",
            "ansible_port": host.port,
            "ansible_user": "root",
            "ansible_password": "password-of-root",
            "receiver_address": f"198.18.{number // 250}.{number % 250 + 1}",
        }
        for number, (name, host) in enumerate(hosts.items())
    }
    folder.mkdir()
    groups = {"all": {"children": {"ban_hosts": {"hosts": described}}}}
    (folder / "hosts.yml").write_text(json.dumps(groups))
    (folder / "known_hosts").write_text("".join(host.known_as for host in hosts.values()))


@contextmanager
def serve(folder: Path, count: int) -> Iterator[None]:
    """Serve so many sites in a process of their own; ``folder`` becomes their inventory."""
    argv = [sys.executable, "-m", "tests.bench.fake_sites", str(folder), str(count)]
    with subprocess.Popen(
        argv, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdout.readline() != READY:
            raise RuntimeError("the fake sites did not start")
        yield


def main(folder: Path, count: int) -> None:
    """Serve until the standard input ends."""
    with ExitStack() as stack:
        hosts = {
            f"site{number:03}": stack.enter_context(FakeBanHost(lambda _: Reply()))
            for number in range(1, count + 1)
        }
        write_inventory(folder, hosts)
        for name, resources in render_sites(folder):
            asked = to_json(build_request(resources))
            found = line(leave_out(asked, deployed(resources)))
            hosts[name].reply = lambda _, found=found: Reply(found)  # type: ignore[misc]
        sys.stdout.write(READY)
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
