"""Write the SHA-256 digests of the secrets; the receiver may read only these.

A secret has 43 random characters, so a plain digest is enough: nobody can try all of them. The digests
lie beside the secrets and are written again whenever a secret is made, rotated or removed.
"""

from __future__ import annotations

import os

from banstitch_shared.tokens import format_digests

from provision.linux.agent import host
from provision.linux.agent.paths import read_state

NAME = "digests.json"


def find_digests_path(tokens_path: str) -> str:
    """Return the path of the digests of the secrets in ``tokens_path``."""
    return os.path.join(os.path.dirname(tokens_path), NAME)


def renew(tokens_path: str, secrets: dict[str, str]) -> None:
    """Write the digests of ``secrets`` again, if the host has that file."""
    path = find_digests_path(tokens_path)
    state = read_state(path)
    if state is not None and state.type == "file":
        content = format_digests(secrets).encode()
        host.write(path, content, state.mode, state.owner, state.group)
