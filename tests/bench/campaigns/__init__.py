"""A site of 500 people, the attacks of today, and what several defences make of both.

The numbers are chosen so that the site holds every case that operators complain about. They were not
measured. Everything follows from a seed, so two runs print the same table.
"""

import sys

from provision.desired.templates import TEMPLATES

# the rules stand there as they will stand on the ban host
sys.path += [str(TEMPLATES), str(TEMPLATES / "shared")]
