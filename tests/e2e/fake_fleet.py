"""Sites for `site.py` in its own process: bare ban hosts that answer over SSH, until they are deployed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psutil

from provision.desired import collect
from provision.inventory import loader
from provision.masking import Secrets
from provision.sites.builder import build_sites
from tests import PROJECT
from tests.e2e import labsite
from tests.e2e.fake_ban_host import (
    FakeBanHost,
    Reply,
    Request,
    bare,
    honest,
    line,
    write_inventory,
)
from tests.plays import PLAYS

PATIENCE = 300


class Ran(labsite.Ran):
    """A run of `site.py` that has ended."""

    @property
    def states(self) -> dict[str, str]:
        """The state of each target."""
        return {host: target["state"] for host, target in self.targets.items()}

    @property
    def targets(self) -> dict[str, Any]:
        """The result of each target, by its name."""
        sites = self.document["sites"]
        return {target["host"]: target for site in sites for target in site["targets"]}


class Fleet:
    """Sites with these names. ``meddle`` is called with the name of a site when its apply has begun."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder, self.names = folder, names
        self.meddle: Callable[[str], object] = lambda _: None
        self.applied: list[str] = []
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.hosts = {
            name: self._stack.enter_context(FakeBanHost(lambda _: Reply())) for name in self.names
        }
        write_inventory(self.folder, self.hosts)
        for site in build_sites(loader.load(self.folder, ()), PLAYS, Secrets()):
            resources = collect.render_resources(site, PLAYS)
            self.hosts[site.name].reply = self._deploy_later(site.name, honest(resources))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _deploy_later(
        self, name: str, answers: Callable[[Request], Any]
    ) -> Callable[[Request], Reply]:
        def reply(request: Request) -> Reply:
            answer = answers(request)
            if request["do"] == "apply":
                with self._lock:
                    self.applied.append(name)
                self.meddle(name)
            elif request["do"] == "observe" and name not in self.applied:
                answer = bare(answer)
            return Reply(line(answer))

        return reply

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb."""
        # a test run in the background ignores Ctrl-C, and what it starts would inherit that
        prefix = ["env", "--default-signal=INT", sys.executable, "site.py"]
        argv = [*prefix, *words, "--json", "-i", str(self.folder)]
        return subprocess.Popen(
            argv,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: subprocess.Popen[str]) -> Ran:
        """Wait for the end of a verb."""
        with process:
            out, err = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, out, err)

    def run(self, *words: str) -> Ran:
        """Run a verb."""
        return self.end(self.begin(*words))

    def kill_worker(self, name: str, workers: Iterable[psutil.Process]) -> None:
        """Kill the worker that is connected to the site ``name``."""
        port = self.hosts[name].port
        for worker in workers:
            if any(each.raddr and each.raddr.port == port for each in worker.net_connections()):
                worker.kill()
                return
        raise AssertionError(f"nobody is connected to {name}")
