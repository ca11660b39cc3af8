"""Read the state of the shield, which banstitch-rules writes: see banstitch_shared/shield_file.py."""

from __future__ import annotations

import os
import time

from provision.linux.agent.protocol.state import ShieldState

# The file in the folder of banstitch-rules.
NAME = "shield.json"


def read_shield_state(folder: str) -> ShieldState | None:
    """Return the shield that is up, or would be, without its networks; None for none."""
    if not os.path.exists(os.path.join(folder, NAME)):
        return None
    # this takes long to import, and there is hardly ever a shield
    from banstitch_shared.shield_file import read_shield

    shield = read_shield(folder, time.time())
    if shield is None:
        return None
    fields = shield._asdict()
    return ShieldState(**{name: fields[name] for name in ShieldState.__dataclass_fields__})
