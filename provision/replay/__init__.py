"""Replay old logs through the code of the ban host: who would have been banned, when, and by which rule."""

import sys

from provision.desired.templates import TEMPLATES

# The receiver and the rules run here as they run on ban hosts, under the same import names.
for folder in (TEMPLATES, TEMPLATES / "shared"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
