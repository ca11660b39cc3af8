"""The orchestrator: inventory in, desired resources, plan, and the two transports."""

import sys
from pathlib import Path

VERSION = "0.2.0"

# Modules that also run on the ban host have one import name everywhere, banstitch_shared.
_SHARED = str(Path(__file__).parents[1] / "templates" / "shared")
if _SHARED not in sys.path:
    sys.path.append(_SHARED)
