"""A plan for a host without python3: the controller installs it before the agent can run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from provision.plan import TargetPlan, format_canonical

# The step that the controller takes itself where the agent cannot run yet.
PYTHON = format_canonical({"do": "python3"})


def without_python(approved: TargetPlan, installed: Mapping[str, bool]) -> TargetPlan:
    """Return the rest of a plan for a host without python3 once it has python3.

    Packages that came with python3 drop out; nothing else may.
    """
    here = {name for name, there in installed.items() if there}
    gone = {f"package:{name}" for name in here} | {"package:python3"}
    steps = (_without(json.loads(step), here) for step in approved.steps if step != PYTHON)
    return replace(
        approved,
        changes=tuple(
            each for each in approved.changes if each.action != "install" or each.id not in gone
        ),
        steps=tuple(format_canonical(step) for step in steps if step),
    )


def _without(step: Mapping[str, Any], here: set[str]) -> Mapping[str, Any]:
    if step["do"] != "install":
        return step
    left = [name for name in step["packages"] if name not in here]
    return {**step, "packages": left} if left else {}
