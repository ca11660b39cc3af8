"""Debian's Prometheus and its promtool, unpacked and not installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests import PROJECT
from tests.lab.fetch import fetch
from tests.lab.records import get_cache_directory, hold_lock
from tests.lab.stopwatch import within


def unpack_prometheus() -> Path:
    """Return the folder with the programs."""
    place = get_cache_directory() / "prometheus"
    with hold_lock("prometheus"):  # two package managers at once get in each other's way
        argv = ["sh", "tests/lab/install.sh", "prometheus"]
        environment = {**os.environ, "PROMETHEUS": str(place)}
        subprocess.run(argv, cwd=PROJECT, check=True, env=environment)
    return place / "usr/bin"


def run_promtool(programs: Path, *words: str, stdin: str = "") -> str:
    """Run promtool in the folder with the alert rules, and return its errors; empty if there are none."""
    done = subprocess.run(
        [programs / "promtool", *words],
        cwd=PROJECT / "docs/monitoring",
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.stdout + done.stderr if done.returncode else ""


class Prometheus:
    """A running Prometheus, asked by its HTTP interface."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer.

        Raises:
            AssertionError: Prometheus refuses the request. The text says why.
        """
        url = f"http://{self._address}/api/v1/{path}?{urlencode(parameters)}"
        status, text = fetch(url)
        assert status == 200, f"{parameters}: {text}"
        return json.loads(text)["data"]

    def query(self, expression: str) -> list[Any]:
        """Return the series of an expression."""
        found: list[Any] = self.ask("query", query=expression)["result"]
        return found


@contextmanager
def start_prometheus(programs: Path, configuration: Path) -> Iterator[Prometheus]:
    """Yield a Prometheus that keeps its data and its log beside its configuration."""
    log = configuration.with_suffix(".log")
    argv = [
        str(programs / "prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={configuration.parent / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with log.open("w") as stream, subprocess.Popen(argv, stdout=stream, stderr=stream) as process:
        try:
            assert within(60, lambda: bool(find_address(log))), log.read_text()
            yield Prometheus(find_address(log))
        finally:
            process.terminate()


def find_address(log: Path) -> str:
    """Return where Prometheus listens; empty if its log does not say so yet."""
    found = re.search(r'msg="Listening on" address=(\S+)', log.read_text())
    return found[1] if found else ""
