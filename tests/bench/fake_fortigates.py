"""Serve many sites that are programs: each is a ban host that remembers, and a simulated FortiGate.

    python -m tests.bench.fake_fortigates FOLDER FIRST COUNT

This process writes the inventory of its sites, says that it is ready, and ends with its standard input.
Nobody is at the receivers, so no feed is ever fetched.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from provision.linux.kinds.resource import Resource
from tests import PROJECT
from tests.bench.fake_sites import READY
from tests.bench.fleet import render_sites
from tests.e2e.fake_ban_host import FakeBanHost, Reply, Request, honest, line
from tests.e2e.labsite import FORTIGATE_PASSWORD, fortigate_options
from tests.simulator import Simulator

PROCESSES = 4
# FortiGates poll a feed every few minutes; ours would only find out that nobody listens.
MINUTE = 1e6


class Remembering:
    """A ban host that is well, and remembers what it is told about FortiGates."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._answer = honest(resources)
        self._records: dict[str, Any] = {}

    def reply(self, request: Request) -> Reply:
        """Answer as the agent does."""
        answer = self._answer(request)
        if request["do"] == "remember":
            self._records[request["fortigate"]] = request["record"]
        elif request["do"] == "lease":
            answer["record"] = self._records.get(request["fortigate"])
        elif request["do"] == "observe":
            manifest = {**answer["manifest"], "fortigates": dict(self._records)}
            answer = {**answer, "manifest": manifest}
        return Reply(line(answer))


def write_inventory(
    folder: Path, first: int, sites: Sequence[tuple[FakeBanHost, Simulator]]
) -> None:
    """Write the inventory of some sites; the first of them has the number ``first``."""
    ban_hosts, fortigates = {}, {}
    for number, (host, fortigate) in enumerate(sites, first):
        ban_hosts[f"site{number:04}"] = {
            "ansible_host": "127.0.0.1",
            "ansible_port": host.port,
            "ansible_user": "root",
            "ansible_password": "password-of-root",
            "receiver_address": f"127.1.{number // 250}.{number % 250 + 1}",
            "receiver_allow": ["127.0.0.0/8"],
        }
        fortigates[f"fw{number:04}"] = {
            "ansible_host": fortigate.address,
            "ansible_port": fortigate.port,
            "ansible_password": FORTIGATE_PASSWORD,
            "ban_host": f"site{number:04}",
        }
    keys = [f"{host.known_as}{fortigate.host_key_line}\n" for host, fortigate in sites]
    _write(folder, {"ban_hosts": ban_hosts, "fortigates": fortigates}, "".join(keys))


def _write(folder: Path, groups: dict[str, dict[str, Any]], known_hosts: str) -> None:
    folder.mkdir()
    children = {name: {"hosts": hosts} for name, hosts in groups.items()}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": children}}))
    (folder / "known_hosts").write_text(known_hosts)


@contextmanager
def serve(folder: Path, count: int) -> Iterator[Path]:
    """Serve so many sites in some processes, and yield the inventory of all of them."""
    folder.mkdir()
    each = -(-count // PROCESSES)
    with ExitStack() as stack:
        parts = [
            (folder / f"part{first}", first, min(each, count - first))
            for first in range(0, count, each)
        ]
        started = [stack.enter_context(_start(*part)) for part in parts]
        for process in started:
            if process.stdout is None or process.stdout.readline() != READY:
                raise RuntimeError("the fake sites did not start")
        yield merge([part for part, _, _ in parts], folder / "all")


def _start(folder: Path, first: int, count: int) -> subprocess.Popen[str]:
    argv = [
        sys.executable,
        "-m",
        "tests.bench.fake_fortigates",
        str(folder),
        str(first),
        str(count),
    ]
    return subprocess.Popen(
        argv, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def merge(parts: Sequence[Path], folder: Path) -> Path:
    """Write the inventories in ``parts`` as one."""
    groups: dict[str, dict[str, Any]] = {"ban_hosts": {}, "fortigates": {}}
    for part in parts:
        found = json.loads((part / "hosts.yml").read_text())["all"]["children"]
        for name, hosts in groups.items():
            hosts.update(found[name]["hosts"])
    _write(folder, groups, "".join((part / "known_hosts").read_text() for part in parts))
    return folder


def main(folder: Path, first: int, count: int) -> None:
    """Serve until the standard input ends."""
    with ExitStack() as stack:
        sites = [
            (
                stack.enter_context(FakeBanHost(lambda _: Reply())),
                stack.enter_context(Simulator(fortigate_options(enc_stable=True, minute=MINUTE))),
            )
            for _ in range(count)
        ]
        write_inventory(folder, first, sites)
        for (host, _), (_, resources) in zip(sites, render_sites(folder), strict=True):
            host.reply = Remembering(resources).reply
        sys.stdout.write(READY)
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
