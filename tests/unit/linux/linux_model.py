"""A ban host as a pure model: what the agent would find on it, and what a plan's steps do to it."""

from __future__ import annotations

import base64
import copy
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from banstitch_shared.tokens import format_digests

from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.wire import from_json, to_json
from provision.linux.draft import LinuxPlan
from provision.linux.kinds.file import File
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import FAIL2BAN, Service
from provision.linux.observation import build_request
from tests.unit.roles.sample_ca import CA, limited

State = dict[str, Any]
FACTS = {"system": "", "systemd": True, "apt": True, "sshd_jail_without_log": False}
DEAD = {
    **dict.fromkeys(("exists", "enabled", "active", "stale", "answers"), False),
    "taken_by": "",
}


def file_state(content: str, mode: int = 0o644, owner: str = "root", group: str = "root") -> State:
    """What the agent answers for a file."""
    encoded = base64.b64encode(content.encode()).decode()
    return {"type": "file", "mode": mode, "owner": owner, "group": group, "content": encoded}


def directory_state(mode: int = 0o755, owner: str = "root", group: str = "root") -> State:
    """What the agent answers for a directory."""
    return {"type": "directory", "mode": mode, "owner": owner, "group": group, "content": None}


@dataclass(frozen=True)
class Unknown(Request[object]):
    """A request that no agent knows."""

    do: ClassVar[str] = "nothing"


@dataclass
class Host:
    """The things that plans speak of; ``memory`` is the manifest with its copies."""

    paths: dict[str, State] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    services: dict[str, State] = field(default_factory=dict)
    jails: dict[str, State] = field(default_factory=dict)
    bans: dict[str, int | None] = field(default_factory=dict)
    tokens: dict[str, str] | None = None
    certificates: dict[str, State] = field(default_factory=dict)
    foreign: dict[str, State] = field(default_factory=dict)
    memory: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def things(self) -> dict[str, Any]:
        """All but the memory, to compare hosts by."""
        return copy.deepcopy({k: v for k, v in vars(self).items() if k != "memory"})

    def observed(self, desired: tuple[Resource, ...]) -> Observed:
        """What a look finds, in its form."""
        return from_json(Observed, self.answer(desired))

    def answer(self, desired: tuple[Resource, ...]) -> dict[str, Any]:
        """As the agent answers."""
        asked = build_request(desired)
        paths = [r.path for r in desired if hasattr(r, "path")]
        known = [e["id"].partition(":")[2] for e in (self.memory or {}).get("objects", ())]
        names = {r.name for r in desired if isinstance(r, Package)} | self.packages
        return {
            "facts": {name: self.facts.get(name, usual) for name, usual in FACTS.items()},
            "paths": {path: self.paths.get(path) for path in [*paths, *known]},
            "packages": {name: name in self.packages for name in names},
            "users": dict.fromkeys(asked.users, False) | dict.fromkeys(self.users, True),
            "services": {
                r.name: {**DEAD, **self.services.get(r.name, DEAD)}
                for r in desired
                if isinstance(r, Service)
            },
            "jails": dict.fromkeys(asked.jails) | self.jails,
            "bans": dict(self.bans),
            "tokens": self.tokens,
            "certificates": dict.fromkeys(asked.sealed) | self.certificates,
            "foreign": dict(self.foreign),
            "manifest": self._summary(),
            "package_lock": "",
            "shield": None,
            "clock": time.time(),
            "digest": self._digest(),
            "as_desired": [],
        }

    def _digest(self) -> str:
        """As the agent's: of all but bans and records, which change by themselves."""
        memory = {k: v for k, v in (self.memory or {}).items() if k != "fortigates"}
        found = {**self.things(), "packages": sorted(self.packages), "users": sorted(self.users)}
        text = repr((self.memory is None, memory, {**found, "bans": None}))
        return hashlib.sha256(text.encode()).hexdigest()

    def _summary(self) -> dict[str, Any] | None:
        if self.memory is None:
            return None
        shown = [
            {"id": e["id"], "restores": e["before"] is not None, "data": e["data"]}
            for e in self.memory["objects"]
        ]
        services = list(self.memory["services"])
        blank = {"version": 1, "key": "", "fortigates": {}}
        return {**blank, **self.memory, "objects": shown, "services": services}

    def carry_out(self, plan: LinuxPlan) -> None:
        """Every step, as the agent takes it."""
        steps = to_json(plan.steps)
        for step in steps:
            if step["do"] == "service":
                before = copy.deepcopy(self.services.get(step["name"], DEAD))
                self._remembering()["services"].setdefault(step["name"], before)
        for step in steps:
            getattr(self, "_" + step["do"].replace("-", "_"))(step)
        if self.memory is not None:
            self.memory["owed"] = {}

    def _remembering(self) -> dict[str, Any]:
        if self.memory is None:
            self.memory = {"objects": [], "packages": [], "services": {}, "owed": {}}
        return self.memory

    def _own(self, identity: str, before: Any, data: bool = False) -> None:
        objects = self._remembering()["objects"]
        if all(entry["id"] != identity for entry in objects):
            objects.append({"id": identity, "before": copy.deepcopy(before), "data": data})

    def _install(self, step: State) -> None:
        memory = self._remembering()
        memory["packages"] = sorted({*memory["packages"], *step["packages"]})
        self.packages |= set(step["packages"])

    def _user(self, step: State) -> None:
        theirs = step["name"] in self.users
        self._own("user:" + step["name"], step["name"] if theirs else None)
        self.users.add(step["name"])

    def _directory(self, step: State) -> None:
        before = self.paths.get(step["path"])
        self._own("directory:" + step["path"], None if step["data"] else before, step["data"])
        self.paths[step["path"]] = directory_state(step["mode"], step["owner"], step["group"])

    def _touch(self, step: State) -> None:
        self._own("file:" + step["path"], None, data=True)
        state = self.paths.setdefault(step["path"], file_state(""))
        state.update(mode=step["mode"], owner=step["owner"], group=step["group"])

    def _tokens(self, step: State) -> None:
        self._own("tokens:" + step["path"], self.paths.get(step["path"]))
        self.tokens = {name: (self.tokens or {}).get(name, "secret") for name in step["names"]}
        attributes = (step["mode"], step["owner"], step["group"])
        self.paths[step["path"]] = file_state(str(self.tokens), *attributes)

    def _digests(self, step: State) -> None:
        self._own("digests:" + step["path"], self.paths.get(step["path"]))
        attributes = (step["mode"], step["owner"], step["group"])
        self.paths[step["path"]] = file_state(format_digests(self.tokens or {}), *attributes)

    def _authority(self, step: State) -> None:
        first = step["path"] not in self.certificates
        self._sealed("authority", step, ())
        pem = limited(tuple(step["names"]), serial=1 if first else 2)
        self.certificates[step["path"]]["pem"] = pem
        self.certificates[step["path"]]["permits"] = sorted(step["names"])

    def _certificate(self, step: State) -> None:
        self._sealed("certificate", step, step["names"])

    def _sealed(self, kind: str, step: State, names: Sequence[str]) -> None:
        self._own(f"{kind}:{step['path']}", self.paths.get(step["path"]))
        self.paths[step["path"]] = file_state(kind, step["mode"], step["owner"], step["group"])
        self.certificates[step["path"]] = {
            "days_left": 397 if names else 3650,
            "names": sorted(names),
            "permits": [],
            "sound": True,
            "digest": hashlib.sha256(base64.b64decode(step.get("content", ""))).hexdigest(),
            "pem": CA,
        }

    def _owe(self, step: State) -> None:
        self._remembering()["owed"].update(step["services"])

    def _files(self, step: State) -> None:
        for file in step["files"]:
            self._own("file:" + file["path"], self.paths.get(file["path"]))
            state = file_state("", file["mode"], file["owner"], file["group"])
            self.paths[file["path"]] = {**state, "content": file["content"]}
        self._take_back({"ids": step["remove"], "purge": False})

    def _service(self, step: State) -> None:
        up = {**dict.fromkeys(DEAD, True), "stale": False, "taken_by": ""}
        self.services[step["name"]] = up

    def _jail(self, step: State) -> None:
        self.jails[step["name"]] = {k: step[k] for k in ("max_retry", "find_time", "ban_time")}

    def _take_back(self, step: State) -> None:
        memory = self._remembering()
        for entry in [e for e in memory["objects"] if e["id"] in step["ids"]]:
            memory["objects"].remove(entry)
            kind, _, name = entry["id"].partition(":")
            if entry["data"] and not step["purge"]:
                continue
            if kind == "user":
                self.users -= set() if entry["before"] else {name}
            elif entry["before"] is None:
                self.paths.pop(name, None)
            else:
                self.paths[name] = entry["before"]
            if kind == "tokens":
                self.tokens = None
            self.certificates.pop(name, None)

    def _stop_service(self, step: State) -> None:
        self.services.pop(step["name"], None)
        self._remembering()["services"].pop(step["name"], None)

    def _put_back_service(self, step: State) -> None:
        before = self._remembering()["services"].pop(step["name"])
        self.services[step["name"]] = before
        if not before["exists"]:
            del self.services[step["name"]]
        if step["name"] == FAIL2BAN:  # it has read its files anew
            self.jails = {}

    def _purge_packages(self, step: State) -> None:
        self.packages -= set(self._remembering()["packages"])

    def _purge_bans(self, step: State) -> None:
        """The rows of fail2ban's database are no object of the model."""

    def _forget(self, step: State) -> None:
        self.memory = None


def drifts(desired: tuple[Resource, ...]) -> list[str]:
    """The names of what can go astray on a host that holds ``desired``."""
    return [str(r.id) for r in desired if not (isinstance(r, File) and r.when)]


def let_drift(host: Host, identity: str) -> None:
    """Somebody else changes one thing."""
    kind, _, name = identity.partition(":")
    if kind == "package":
        host.packages.discard(name)
    elif kind == "user":
        host.users.discard(name)
    elif kind == "service":
        host.services[name] = {**host.services[name], "active": False, "answers": False}
    elif kind == "jail":
        host.jails.pop(name)
    elif kind == "tokens":
        host.tokens = None
        host.paths.pop(name)
    elif kind in ("authority", "certificate"):
        host.certificates.pop(name)
    else:
        host.paths.pop(name)
