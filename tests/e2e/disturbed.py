"""A site whose apply is disturbed at a moment of one's choice."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tests.e2e.labsite import LabSite
from tests.e2e.proxy import Proxy

# What differs between any two deployments: the secrets and certificates, what remembers them, and
# account files, which hold the lab users' own passwords.
RANDOM = (
    "/etc/banstitch/digests.json",
    "/etc/banstitch/tokens.json",
    "/etc/banstitch/tls/ca.pem",
    "/etc/banstitch/tls/server.pem",
    "/var/lib/banstitch/manifest.json",
)
# What useradd itself leaves if the power fails while it locks a file; the next useradd ignores it.
LOCKS = re.compile(r"/etc/(passwd|group|shadow|gshadow)\.[0-9]+")
ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
# Moments by what can be seen on the host while the agent works there.
ON_HOST = {
    "the manifest is begun": "var/lib/banstitch/manifest.json",
    "a file is staged": "opt/banstitch/receiver/.app.py.banstitch.dpkg-new",
    "the last file is in place": "etc/logrotate.d/banstitch",
}


class Disturbed:
    """A site behind proxies, and a run of apply that is disturbed at a moment of one's choice."""

    def __init__(self, site: LabSite, stack: ExitStack) -> None:
        self.site = site
        host, unit = site.host, site.units[0]
        self.proxies = [
            stack.enter_context(Proxy(host.address, host.port)),
            stack.enter_context(Proxy(unit.address, unit.port)),
        ]
        for name, proxy in zip(("bh1", "fgt1"), self.proxies, strict=True):
            site.endpoints[name] = ("127.0.0.1", proxy.port)
        site.write_inventory()
        self._before = site.list_files()

    def said(self) -> list[int]:
        """Bytes said to each target so far."""
        return [proxy.count for proxy in self.proxies]

    def apply(self, arm: Callable[[Callable[[], None]], None], how: str) -> None:
        """Run apply; ``arm`` is handed what to call at its moment, which kills or cuts."""
        process = subprocess.Popen(
            self.site.argv("apply", "-y"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        arm(process.kill if how == "killing" else self.cut)
        process.wait(timeout=300)

    def cut(self) -> None:
        """Both connections break at once."""
        for proxy in self.proxies:
            proxy.cut()

    def at_share(self, share: float, total: list[int]) -> Callable[[Callable[[], None]], None]:
        """The moment when ``share`` of all that is said has been said: to the host, then the unit."""
        count = int(share * sum(total))
        proxy = self.proxies[0] if count < total[0] else self.proxies[1]
        return lambda disturb: proxy.at(
            max(1, count if count < total[0] else count - total[0]), disturb
        )

    def when_there(self, path: str) -> Callable[[Callable[[], None]], None]:
        """The moment when a file appears on the host."""
        seen = self.site.host.filesystem / path

        def watch(disturb: Callable[[], None]) -> None:
            given_up = threading.Event()
            timer = threading.Timer(60, given_up.set)
            timer.start()
            # a loop without a pause would take the time of the host that is watched
            while not seen.exists() and not given_up.wait(0.001):
                pass
            timer.cancel()
            disturb()

        return watch

    def state(self) -> tuple[Any, str]:
        """All that a deployment leaves on both targets: secrets and the host's own address apart."""
        after = self.site.list_files()
        changed = dict.fromkeys(self._before.keys() - after.keys())
        changed |= {p: e for p, e in after.items() if self._before.get(p) != e}
        shown = re.sub(r"(ENC|set uuid) \S+", r"\1", self.site.units[0].show())
        shown = re.sub(r'(?m)^( +set value) "\S{30,}"$', r"\1 TOKEN", shown)
        shown = re.sub(r"-----BEGIN CERT[^\"]+", "CERTIFICATE", shown)
        left = {p: self._seen(p, e) for p, e in changed.items() if not LOCKS.fullmatch(p)}
        return left, self._plain(shown)

    def _seen(self, path: str, entry: Any) -> Any:
        if entry is not None and path in RANDOM:
            return entry._replace(content="something")
        if path.startswith(ACCOUNTS) or path.endswith(".pyc"):
            return "something"
        if entry is None or entry.kind != "file":
            return entry
        text = (self.site.host.filesystem / path.lstrip("/")).read_text()
        return entry._replace(content=self._plain(text))

    def _plain(self, text: str) -> str:
        return text.replace(self.site.host.address, "HOST")
