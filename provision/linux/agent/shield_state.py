"""The state of the shield, which banstitch-rules writes: see banstitch_shared/shield_file.py."""

from __future__ import annotations

import time
from typing import Optional

from banstitch_shared.shield_file import read_shield

from provision.linux.agent.protocol.state import ShieldState


def read_shield_state(folder: str) -> Optional[ShieldState]:  # noqa: UP045 - Python 3.9
    """Return the shield that is up, or would be, without its networks; None for none."""
    shield = read_shield(folder, time.time())
    if shield is None:
        return None
    fields = shield._asdict()
    return ShieldState(**{name: fields[name] for name in ShieldState.__dataclass_fields__})
