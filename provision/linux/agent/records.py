"""Store the records of FortiGates in the manifest."""

from __future__ import annotations

from provision.linux.agent import memory, rotation
from provision.linux.agent.host import HostError
from provision.linux.agent.protocol.answers import Done
from provision.linux.agent.protocol.requests import Remember


def remember(request: Remember) -> Done:
    """Store or drop the record of one FortiGate."""
    never = HostError("this ban host was never deployed; run apply for it first")
    if memory.load() is None:  # checked before the lock, which would leave its directory behind
        raise never
    with memory.Lock(exclusive=True):
        manifest = memory.load()
        if manifest is None:
            raise never
        if request.record is None:
            manifest.fortigates.pop(request.fortigate, None)
        else:
            manifest.fortigates[request.fortigate] = request.record
        memory.save(manifest)
        rotation.retire(request.tokens, request.retire)
    return Done()
