"""Read the commands that the README shows."""

from __future__ import annotations

import re

from tests import PROJECT


def find_deployment_steps() -> list[list[str]]:
    """Return the words after ``python site.py`` of each command that the README deploys with."""
    readme = (PROJECT / "README.md").read_text("utf-8")
    part = readme.split("\n## Deploy to your own FortiGates\n")[1].split("\n## ")[0]
    return [line.split() for line in re.findall(r"python site\.py ([^\n`#]+)", part)]
