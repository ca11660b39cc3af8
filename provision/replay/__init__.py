"""Replay old logs through the code of the ban host: who would have been banned, when, and by which rule."""

import sys

from provision.desired.templates import TEMPLATES

# The receiver and the rules run here as they run on ban hosts, under the same import names.
if str(TEMPLATES) not in sys.path:
    sys.path.append(str(TEMPLATES))
