"""Do what needs no new package while apt installs the packages of a run.

apt keeps one core busy for seconds, and waits for the disk. Users, directories and staged files are ready
when it ends. Nothing of this is active before that, and a failure of apt undoes it with everything else.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from provision.linux.agent import steps
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import file, package
from provision.linux.agent.protocol.steps import (
    Install,
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


def take_first(taken: Sequence[Step], journal: Journal) -> Sequence[Step]:
    """Install the packages of a run, take what needs none of them meanwhile, and return the other steps."""
    if not taken or not isinstance(taken[0], Install):
        return taken
    folders = _find_folders(taken)
    left: list[Step] = []
    with package.installing(taken[0], journal):
        for step in taken[1:]:
            if isinstance(step, MakeUser):
                steps.take(step, journal)
            elif isinstance(step, _IN_FOLDER) and os.path.dirname(step.path) in folders:
                steps.take(step, journal)
                if isinstance(step, MakeDirectory):
                    folders.add(step.path)
            else:
                left.append(step)
                if isinstance(step, PutFiles):
                    here = [new for new in step.files if os.path.dirname(new.path) in folders]
                    file.stage_ahead(here, journal)
    for step in left:
        if isinstance(step, PutFiles):
            file.begin_check(step, journal)
    return left


def _find_folders(taken: Sequence[Step]) -> set[str]:
    """Return the folders that are there before any package is, of those in which the steps make something."""
    paths = [step.path for step in taken if isinstance(step, _IN_FOLDER)]
    paths += [new.path for step in taken if isinstance(step, PutFiles) for new in step.files]
    return {folder for folder in map(os.path.dirname, paths) if os.path.isdir(folder)}
