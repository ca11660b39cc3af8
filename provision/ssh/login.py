"""How to reach and enter one target: the part of a host's variables that both transports need."""

from __future__ import annotations

from dataclasses import dataclass, field

from provision.errors import Problem

# Seconds for TCP, for the SSH handshake, and for the answer to each attempt to log in.
DEFAULT_TIMEOUT = 15.0


@dataclass(frozen=True)
class Login:
    """Connection facts of one host, named as Ansible names them (``ansible_host``, ``ansible_user``, ...).

    ``password``, ``become_password`` stay out of ``repr`` so that no exception text can carry them.
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
    # environment variables that were not set when the passwords were looked up: needed to connect only
    unset: tuple[Problem, ...] = ()
    # variables that the inventory sets and that have no effect here
    warnings: tuple[Problem, ...] = ()
    timeout: float = DEFAULT_TIMEOUT

    @property
    def where(self) -> str:
        """Return how errors name the target."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.host} ({self.user}@{address}:{self.port})"
