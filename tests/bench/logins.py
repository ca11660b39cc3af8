"""Log in to each ban host of an inventory by bare paramiko, and run `true` there: the floor of every tool.

    python -m tests.bench.logins INVENTORY

As many threads log in at once as `site.py` uses by default, with the same keys. Small packets are sent
at once.
"""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import paramiko

AT_ONCE = 5


def log_in(known_hosts: Path, host: dict[str, Any]) -> int:
    """Log in to a host, and return the exit status of one program."""
    address, port = host["ansible_host"], host["ansible_port"]
    with socket.create_connection((address, port)) as sock, paramiko.SSHClient() as client:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.load_host_keys(str(known_hosts))
        client.connect(
            address,
            port,
            host["ansible_user"],
            key_filename=host["ansible_ssh_private_key_file"],
            allow_agent=False,
            look_for_keys=False,
            sock=sock,
        )
        _, output, _ = client.exec_command("true")
        return output.channel.recv_exit_status()


def main(folder: Path) -> int:
    """Log in everywhere; return 1 if a program failed."""
    groups = json.loads((folder / "hosts.yml").read_text())["all"]["children"]
    hosts = groups["ban_hosts"]["hosts"].values()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return int(any(pool.map(partial(log_in, folder / "known_hosts"), hosts)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
