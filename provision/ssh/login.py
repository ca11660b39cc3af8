"""How to reach and enter one target: the part of a host's variables that both transports need."""

from __future__ import annotations

from dataclasses import dataclass, field

from provision.errors import Fault


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
    unset: tuple[Fault, ...] = ()
