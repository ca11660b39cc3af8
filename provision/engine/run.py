"""A run: as a value that can be sent to another process (Job), and in progress in this one (Run)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from provision.engine.progress import SILENT, Listener
from provision.masking import Secrets
from provision.plan import Verb
from provision.sites.selection import ChosenSites
from provision.sites.site import Play
from provision.ssh.connection import Access
from provision.ssh.known_hosts import list_openssh_files
from provision.ssh.prompts import Codes
from provision.ssh.routing.hops import Hops

# Verbs that also ask each FortiGate what it holds of the feed.
EXAMINING = ("verify", "status")


@dataclass(frozen=True)
class Process:
    """The parts of this process that all its sites share. They are never sent to another.

    ``listener`` shows progress. ``secrets``: the mask, which has the inventory's secrets and learns all
    others. ``codes`` asks the operator for codes, and keeps the connections that took one. ``hops`` keeps
    the connections to jump hosts.
    """

    listener: Listener = SILENT
    secrets: Secrets | None = None
    codes: Codes | None = None
    hops: Hops | None = None


# A process that shows nothing and shares nothing among its sites.
ALONE = Process()


@dataclass(frozen=True)
class Job:
    """A run as a value. Pickled, it holds no secret, no lock and no callback."""

    verb: Verb
    plays: tuple[Play, ...]
    sites: ChosenSites = field(repr=False)
    known_hosts: Path
    accept_new_host_keys: bool = False
    adopt: bool = False
    purge_data: bool = False
    keep_packages: bool = False
    # FortiGates that no longer exist: their records are dropped
    forget: tuple[str, ...] = ()
    # seconds to wait for the FortiGates to fetch the feed, for `verify`
    wait: int = 0

    def begin(self, process: Process) -> Run:
        """Return the run of this job in this process."""
        return Run(
            self.verb,
            self.plays,
            Access(
                self.known_hosts,
                self.accept_new_host_keys,
                process.listener.print_line,
                list_openssh_files(),
                process.codes,
                process.hops,
            ),
            process.secrets or Secrets(self.sites.hidden),
            process.listener,
            self.adopt,
            self.purge_data,
            self.keep_packages,
            self.forget,
            self.wait,
        )


@dataclass(frozen=True)
class Run:
    """A job in progress in this process, with its mask and its listener."""

    verb: Verb
    plays: tuple[Play, ...]
    access: Access
    secrets: Secrets
    listener: Listener
    adopt: bool = False
    purge_data: bool = False
    keep_packages: bool = False
    forget: tuple[str, ...] = ()
    wait: int = 0
