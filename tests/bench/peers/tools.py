"""Install the peers, and run them against the hosts of a fleet."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.bench.fleet import Endpoint, render_sites
from tests.bench.peers.desired import write_desired
from tests.bench.process import Cost, measure

HERE = Path(__file__).parent
PINNED = (HERE / "requirements.txt").read_text()
# Its manual recommends pipelining and one connection for all tasks.
ANSIBLE = {
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_SSH_ARGS": "-F none -o ControlMaster=auto -o ControlPersist=60s",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
}
# With the socket that it makes itself, pyinfra waits 40 ms for an acknowledgement in each of its 250 execs.
# This spares it that, in its favour.
INVENTORY = """\
import socket

hosts = {hosts!r}
for _, data in hosts:
    sock = socket.create_connection((data["ssh_hostname"], data["ssh_port"]))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data["ssh_paramiko_connect_kwargs"] = {{"sock": sock}}
"""


def install_pyinfra() -> Path:
    """Return pyinfra, installed with what it needs into an environment of its own that later runs use.

    Raises:
        subprocess.CalledProcessError: pip cannot install it. Its output was printed.
    """
    key = hashlib.sha256(f"{sys.version}\n{PINNED}".encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "banstitch-bench"
    environment = cache / f"peers-{key}"
    program = environment / "bin/pyinfra"
    if not (environment / "ready").exists():
        shutil.rmtree(environment, ignore_errors=True)
        cache.mkdir(parents=True, exist_ok=True)
        make = [sys.executable, "-m", "venv", str(environment)]
        pip = [str(environment / "bin/pip"), "install", "-qq", "-r", str(HERE / "requirements.txt")]
        for argv in (make, pip):
            subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
        (environment / "ready").touch()
    return program


class Peers:
    """Both peers at the hosts of an inventory of Banstitch, with the keys and the work of it."""

    def __init__(self, folder: Path, inventory: Path, sites: Mapping[str, Endpoint]) -> None:
        self.pyinfra = install_pyinfra()
        self.known_hosts = inventory / "known_hosts"
        self.folder = folder
        for name, resources in render_sites(inventory):
            write_desired(folder / name, resources)
        self._write_pyinfra(sites)
        self._write_ansible(sites)

    def run_pyinfra(self) -> Cost:
        """Return the cost of a deploy that has nothing to do.

        Raises:
            RuntimeError: it failed, or it changed something.
        """
        argv = [str(self.pyinfra), "-y", str(self.folder / "inventory.py"), str(HERE / "deploy.py")]
        cost = measure(argv)
        # hosts, successes, errors, hosts without changes
        if not re.search(r"Grand total +(\d+) +- +- +\1 ", cost.out):
            raise RuntimeError(f"pyinfra changed something:\n{cost.out[-3000:]}")
        return cost

    def run_ansible(self) -> Cost:
        """Return the cost of a playbook that has nothing to do.

        Raises:
            RuntimeError: it failed, or it changed something.
        """
        program = Path(sys.executable).with_name("ansible-playbook")
        known = f" -o UserKnownHostsFile={self.known_hosts} -o StrictHostKeyChecking=yes"
        environment = ANSIBLE | {
            "ANSIBLE_SSH_ARGS": ANSIBLE["ANSIBLE_SSH_ARGS"] + known,
            "ANSIBLE_HOME": str(self.folder / "ansible"),
        }
        hosts, playbook = self.folder / "hosts.json", HERE / "playbook.yml"
        cost = measure([str(program), "-i", str(hosts), str(playbook)], environment)
        if set(re.findall(r"changed=(\d+)", cost.out)) != {"0"}:
            raise RuntimeError(f"Ansible changed something:\n{cost.out[-3000:]}")
        return cost

    def _write_pyinfra(self, sites: Mapping[str, Endpoint]) -> None:
        hosts = [
            (
                name,
                {
                    "ssh_hostname": each.host.address,
                    "ssh_port": each.port,
                    "ssh_user": "root",
                    "ssh_key": str(each.host.private_key),
                    "ssh_known_hosts_file": str(self.known_hosts),
                    "ssh_strict_host_key_checking": "yes",
                    "ssh_look_for_keys": False,
                    "ssh_allow_agent": False,
                    "folder": str(self.folder / name),
                },
            )
            for name, each in sites.items()
        ]
        (self.folder / "inventory.py").write_text(INVENTORY.format(hosts=hosts))

    def _write_ansible(self, sites: Mapping[str, Endpoint]) -> None:
        hosts = {
            name: {
                "ansible_host": each.host.address,
                "ansible_port": each.port,
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(each.host.private_key),
                "folder": str(self.folder / name),
            }
            for name, each in sites.items()
        }
        (self.folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
