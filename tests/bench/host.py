"""A deployed site for benches on a real host, and a report of the limits that it kept or missed."""

from __future__ import annotations

import json
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.poller import trusting
from tests.lab.roots import build_ready_root

JAIL = "banstitch-sslvpn_login_failed"
LINE = (
    'date=2024-10-14 time=13:46:40 eventtime=1728938800841267391 tz="-0700" logid="0101039426"'
    ' type="event" subtype="vpn" level="alert" vd="root" logdesc="SSL VPN login fail"'
    ' action="ssl-login-fail" tunneltype="ssl-web" tunnelid=0 remip=%s user="N/A" group="N/A"'
    ' dst_host="N/A" reason="sslvpn_login_unknown_user" msg="SSL user failed to logged in"'
)


class Report:
    """Lines of a report, and the limits that were missed."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def report(self, what: str, result: object, promise: str = "", kept: bool = True) -> None:
        """Print a line of the report; remember a limit that was missed."""
        verdict = f"  {'kept' if kept else 'MISSED'}: {promise}" if promise else ""
        print(f"{what:44} {result}{verdict}", flush=True)
        if not kept:
            self.missed.append(promise)


class Bench(Report):
    """A deployed site, and the limits that it missed."""

    def __init__(self, site: LabSite) -> None:
        super().__init__()
        self.site, self.host = site, site.host
        self.tokens = json.loads(self.host.read("/etc/banstitch/tokens.json"))
        self.token = self.tokens["webhook:fgt1"]

    @property
    def encrypt(self) -> ssl.SSLContext | None:
        """Return the TLS context of a connection to the receiver; None for http.

        Each connection checks the name, the dates and that the receiver has the key of its certificate.
        It does not check the signature of the CA each time, which would take processor time from the
        receiver. It trusts the certificate itself.
        """
        if trusting(self.site) is None:
            return None
        found = self.host.read("/etc/banstitch/tls/server.pem")
        pinned = ssl.create_default_context(cadata=found[found.index("-----BEGIN CERTIFICATE") :])
        pinned.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return pinned


@contextmanager
def deploy_site(settings: str, group_settings: str | None = None) -> Iterator[LabSite]:
    """Deploy a site with one FortiGate; ``settings`` are lines of the ban host's variables.

    ``group_settings``: those of its group; None leaves one rule on.
    """
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory"
        with LabSite(
            inventory,
            build_ready_root(),
            [fortigate_options()],
            settings=settings,
            group_settings=group_settings,
        ) as site:
            apply(site)
            yield site


def apply(site: LabSite, *more: str) -> None:
    """Deploy, or fail with the output of the program."""
    done = site.run("apply", "-y", *more)
    if done.code:
        raise RuntimeError(done.out + done.err)
