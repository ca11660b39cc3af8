"""A site whose ban host is a dictionary: the FortiGate half of the product without a Linux machine.

Everything from the inventory to the bytes on the wire is the product's own; only the connection to
the ban host is replaced, by one that remembers what it is told in this process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from provision.desired import collect
from provision.engine.run import Job, Process
from provision.engine.site import apply_site, plan_site
from provision.inventory import loader
from provision.linux import planner
from provision.linux.agent.protocol.answers import Bans, Leased
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.requests import ListBans, Remember, TakeLease
from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.wire import from_json
from provision.linux.session import kept_session
from provision.masking import Secrets
from provision.plan import SitePlan, Verb
from provision.results import SiteResult, TargetResult, summarize
from provision.sites.builder import build_sites
from provision.sites.selection import Choice, ChosenSites
from provision.sites.site import Selected, Site
from provision.ssh.prompts import Codes
from tests.plays import PLAYS
from tests.simulator import Simulator
from tests.unit.linux import linux_model

TOKENS = {"webhook:fgt1": "webhook-token-1", "feed:fgt1": "feed-token-1", "verify": "verify-token"}
KEY = "0123456789abcdef"
# Nobody listens there: what a unit tries to fetch fails at once.
BAN_HOST = "127.0.0.10"


class MemoryHost:
    """Stands in for the connection to a ban host: keeps records, gives tokens."""

    execs = 0

    def __init__(self, records: dict[str, Any], deployed: Mapping[str, Any]) -> None:
        self._records = records
        self._deployed = deployed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def is_open(self) -> bool:
        return True

    def ask(self, request: Request[Any]) -> Any:
        """Answer as the agent would, as far as FortiGates need it."""
        if isinstance(request, TakeLease):  # nobody else is at work here
            return Leased(None, None, self._records.get(request.fortigate))
        if isinstance(request, ListBans):
            return Bans([], [])
        if isinstance(request, Remember):
            record = json.loads(json.dumps(request.record))
            if record is None:
                self._records.pop(request.fortigate, None)
            else:
                self._records[request.fortigate] = record
        remembered = {"key": KEY, "fortigates": dict(self._records)}
        observed = {
            **self._deployed,
            "digest": "",
            "manifest": {**self._deployed["manifest"], **remembered},
            "tokens": TOKENS,
        }
        return from_json(Observed, observed)


def deployed(site: Site) -> Mapping[str, Any]:
    """Return what an agent answers of a ban host that has all that the inventory asks for."""
    resources, host = collect.render_resources(site, PLAYS), linux_model.Host()
    host.carry_out(planner.plan(resources, host.observed(resources)))
    return host.answer(resources)


class MemorySite:
    """One FortiGate `fgt1`, its ban host in memory, and an inventory on disk that names both."""

    def __init__(self, folder: Path, fortigate: Simulator, **variables: Any) -> None:
        self.folder, self.fortigate = folder, fortigate
        self._deployed: Mapping[str, Any] = {}
        self.records: dict[str, Any] = {}
        self.codes: Codes | None = None
        self.write_inventory(**variables)

    def write_inventory(self, **variables: Any) -> None:
        """(Re)write the inventory; JSON is YAML. ``variables`` are those of the FortiGate."""
        login = {
            "ansible_host": self.fortigate.address,
            "ansible_port": self.fortigate.port,
            "ansible_user": self.fortigate.options.user,
            "ansible_password": self.fortigate.options.password,
        }
        hosts = {
            "ban_hosts": {"hosts": {"bh1": {"ansible_host": BAN_HOST, "ansible_user": "root"}}},
            "fortigates": {"hosts": {"fgt1": {**login, "ban_host": "bh1", **variables}}},
        }
        self.folder.mkdir(exist_ok=True)
        (self.folder / "hosts.yml").write_text(json.dumps({"all": {"children": hosts}}))
        (self.folder / "known_hosts").write_text(self.fortigate.host_key_line + "\n")

    def plan(self) -> TargetResult:
        """`plan --limit fgt1`."""
        return self._run("plan")

    def verify(self) -> TargetResult:
        """The look of `verify --limit fgt1`, which `status` takes as well."""
        return self._run("verify")

    def status(self) -> TargetResult:
        """The look of `status --limit fgt1`."""
        return self._run("status")

    def apply(self, adopt: bool = False) -> TargetResult:
        """`apply --limit fgt1`, with `--adopt` if so said."""
        return self._run("apply", adopt)

    def teardown(self) -> TargetResult:
        """`teardown --limit fgt1`."""
        return self._run("teardown")

    @property
    def authority(self) -> str:
        """The certificate of the CA that the ban host made."""
        made = self._deployed["certificates"].values()
        (text,) = {str(each["pem"]) for each in made if each["permits"]}
        return text

    def selected(self) -> Selected:
        """What a run with `--limit fgt1` works on."""
        (site,) = build_sites(loader.load(self.folder, ()), PLAYS, Secrets())
        self._deployed = deployed(site)
        return Selected(site, False, site.fortigates)

    def job(self, verb: Verb, adopt: bool = False) -> Job:
        """What a run with `--limit fgt1` is to do."""
        chosen = ChosenSites(Choice((str(self.folder),)), PLAYS, [self.selected()])
        return Job(verb, PLAYS, chosen, self.folder / "known_hosts", adopt=adopt)

    def look(self, job: Job) -> SitePlan:
        """The plan that an operator is shown."""
        (name,) = job.sites
        with patch.object(
            kept_session, "BanHostSession", lambda *_: MemoryHost(self.records, self._deployed)
        ):
            return plan_site(name, job, Process(codes=self.codes))

    def carry_out(self, job: Job, approved: SitePlan) -> TargetResult:
        """What becomes of the FortiGate once the operator said yes to a plan."""
        (name,) = job.sites
        with patch.object(
            kept_session, "BanHostSession", lambda *_: MemoryHost(self.records, self._deployed)
        ):
            return _of_unit(apply_site(name, job, approved, Process(codes=self.codes)))

    def _run(self, verb: Verb, adopt: bool = False) -> TargetResult:
        job = self.job(verb, adopt)
        planned = self.look(job)
        found = _of_unit(summarize(planned))
        return (
            found
            if verb in ("plan", "verify", "status") or found.error
            else self.carry_out(job, planned)
        )


def _of_unit(found: SiteResult) -> TargetResult:
    (target,) = (each for each in found.targets if each.host == "fgt1")
    return target
