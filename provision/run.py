"""What is the same at every site of a run, and what its verb and flags allow there."""

from __future__ import annotations

from dataclasses import dataclass

from provision.progress import Verb
from provision.report import Listener
from provision.secrets import Secrets
from provision.sites import Play
from provision.ssh import HostKeyPolicy


@dataclass(frozen=True)
class Run:
    """What is the same for every site of a run."""

    verb: Verb
    plays: tuple[Play, ...]
    policy: HostKeyPolicy
    secrets: Secrets
    listener: Listener
    adopt: bool = False
    purge_data: bool = False
    keep_packages: bool = False
    # FortiGates that are gone for good: what is remembered of them is dropped
    forget: tuple[str, ...] = ()
