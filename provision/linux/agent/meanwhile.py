"""Do what needs no new package while apt installs the packages of a run.

apt keeps one core busy for seconds, and waits for the disk. Users, directories, certificates and staged files
are ready when it ends, and fail2ban has mostly checked its configuration. Nothing of this is active before
that, and a failure of apt undoes it with everything else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from provision.linux.agent import steps
from provision.linux.agent.host import HostError
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import file, package
from provision.linux.agent.protocol.steps import (
    Install,
    MakeAuthority,
    MakeCertificate,
    MakeDigests,
    MakeDirectory,
    MakeTokens,
    MakeUser,
    PutFiles,
    Step,
    Touch,
)

# The steps that start no program of a package, so that a folder is all they need.
_IN_FOLDER = (MakeDirectory, MakeDigests, MakeTokens, Touch)
# The steps that start openssl, which most hosts have.
_SIGNING = (MakeAuthority, MakeCertificate)


def take_first(taken: Sequence[Step], journal: Journal) -> Sequence[Step]:
    """Install the packages of a run, take what needs none of them meanwhile, and return the other steps."""
    if not taken or not isinstance(taken[0], Install):
        return taken
    folders, signs = _find_folders(taken), shutil.which("openssl") is not None
    left: list[Step] = []
    with package.installing(taken[0], journal) as apt:
        for step in taken[1:]:
            if isinstance(step, MakeUser):
                steps.take(step, journal)
            elif isinstance(step, _IN_FOLDER) and os.path.dirname(step.path) in folders:
                steps.take(step, journal)
                if isinstance(step, MakeDirectory):
                    folders.add(step.path)
            elif signs and isinstance(step, _SIGNING) and _is_new(step.path, folders):
                signs = _sign(step, journal)
                left += [] if signs else [step]
            else:
                left.append(step)
                if isinstance(step, PutFiles):
                    here = [new for new in step.files if os.path.dirname(new.path) in folders]
                    file.stage_ahead(here, journal)
                    file.begin_check(step, journal, apt.ended)
    return left


def _sign(step: Step, journal: Journal) -> bool:
    """Return whether a certificate could be made already; apt may be replacing openssl at this moment."""
    try:
        steps.take(step, journal)
    except HostError:
        return False
    return True


def _is_new(path: str, folders: set[str]) -> bool:
    """Return whether nothing is there yet, so that no key can be lost if openssl fails meanwhile."""
    return os.path.dirname(path) in folders and not os.path.lexists(path)


def _find_folders(taken: Sequence[Step]) -> set[str]:
    """Return the folders that are there before any package is, of those in which the steps make something."""
    paths = [step.path for step in taken if isinstance(step, (*_IN_FOLDER, *_SIGNING))]
    paths += [new.path for step in taken if isinstance(step, PutFiles) for new in step.files]
    return {folder for folder in map(os.path.dirname, paths) if os.path.isdir(folder)}
