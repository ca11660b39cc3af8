"""Replay old logs through the code of the ban host, to show whom its rules would have banned."""

import sys

from provision.desired.templates import TEMPLATES

# The receiver and the rules run here as they run on ban hosts, under the same import names.
if str(TEMPLATES) not in sys.path:
    sys.path.append(str(TEMPLATES))
