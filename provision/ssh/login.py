"""The connection variables of one host: what both transports need to reach and enter it."""

from __future__ import annotations

from dataclasses import dataclass, field

from provision.errors import Problem

# Seconds for TCP, for the SSH handshake, and for the answer to each attempt to log in.
DEFAULT_TIMEOUT = 15.0


@dataclass(frozen=True)
class Login:
    """The connection variables of one host, under Ansible's names (``ansible_host``, ``ansible_user``, ...).

    ``password`` and ``become_password`` stay out of ``repr``, so that no traceback can show them.
    """

    host: str
    address: str
    user: str
    port: int = 22
    password: str | None = field(default=None, repr=False)
    private_key_file: str | None = None
    become: bool = False
    become_password: str | None = field(default=None, repr=False)
    python: str | None = None
    # environment variables that the passwords refer to and that are not set: needed only to connect
    unset: tuple[Problem, ...] = ()
    # variables that the inventory sets and that have no effect here
    warnings: tuple[Problem, ...] = ()
    timeout: float = DEFAULT_TIMEOUT

    @property
    def where(self) -> str:
        """The target as errors name it: ``bh1 (root@192.0.2.10:22)``."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.host} ({self.user}@{address}:{self.port})"
