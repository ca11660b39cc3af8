"""What the benches on a real host share: a deployed site, real log lines, and promises kept or missed."""

from __future__ import annotations

import json
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.poller import trusting
from tests.lab.roots import ready_root

JAIL = "banstitch-sslvpn_login_failed"
LINE = (
    'date=2024-10-14 time=13:46:40 eventtime=1728938800841267391 tz="-0700" logid="0101039426"'
    ' type="event" subtype="vpn" level="alert" vd="root" logdesc="SSL VPN login fail"'
    ' action="ssl-login-fail" tunneltype="ssl-web" tunnelid=0 remip=%s user="N/A" group="N/A"'
    ' dst_host="N/A" reason="sslvpn_login_unknown_user" msg="SSL user failed to logged in"'
)


class Bench:
    """A deployed site, and what was promised and missed."""

    def __init__(self, site: LabSite) -> None:
        self.site, self.host = site, site.host
        self.tokens = json.loads(self.host.read("/etc/banstitch/tokens.json"))
        self.token = self.tokens["webhook:fgt1"]
        self.missed: list[str] = []

    @property
    def encrypt(self) -> ssl.SSLContext | None:
        """How to speak to the receiver now; None for http.

        Each connection checks the name, the dates and that the receiver holds the key of its certificate.
        What it does not do, since here it would be the receiver's processors that do it: check the CA's
        signature again each time. The certificate itself is what it believes.
        """
        if trusting(self.site) is None:
            return None
        found = self.host.read("/etc/banstitch/tls/server.pem")
        pinned = ssl.create_default_context(cadata=found[found.index("-----BEGIN CERTIFICATE") :])
        pinned.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return pinned

    def say(self, what: str, result: object, promise: str = "", kept: bool = True) -> None:
        """One line of the report."""
        verdict = f"  {'kept' if kept else 'MISSED'}: {promise}" if promise else ""
        print(f"{what:44} {result}{verdict}", flush=True)
        if not kept:
            self.missed.append(promise)


@contextmanager
def deployed(settings: str) -> Iterator[LabSite]:
    """A site with one FortiGate, applied; ``settings`` are lines of the ban host's variables."""
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory"
        with LabSite(inventory, ready_root(), [fortigate_options()], settings=settings) as site:
            apply(site)
            yield site


def apply(site: LabSite, *more: str) -> None:
    """Deploy, or fail with what the program said."""
    done = site.run("apply", "-y", *more)
    if done.code:
        raise RuntimeError(done.out + done.err)
