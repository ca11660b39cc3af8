"""The command line `python -m tests.lab.debian VERB`, with which a person runs hosts of the lab."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from typing import NoReturn

from tests.lab import nspawn
from tests.lab.debian import DebianHost
from tests.lab.records import LabError, get_cache_directory, hold_lock, list_records
from tests.lab.roots import build_bare_root, build_ready_root, prune


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.debian", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="boot a host that stays until it is taken down")
    up.add_argument("--name", help="its host name (default: ban-N, after the address)")
    up.add_argument("--address", help="its loopback address (default: a free one)")
    up.add_argument("--suite", default="bookworm", help="bullseye, bookworm or trixie")
    up.add_argument("--ready", action="store_true", help="with a ban host's packages installed")
    down = verbs.add_parser("down", help="remove hosts and everything they had")
    down.add_argument(
        "names", nargs="*", metavar="NAME", help="default: every one that `up` started"
    )
    verbs.add_parser("list", help="what runs")
    verbs.add_parser("clean", help="down, and delete the file systems that hosts start from")
    shell = verbs.add_parser("shell", help="ssh into a host")
    shell.add_argument("name")
    shell.add_argument("--user", default="root", help="root, admin or deploy")
    return parser


def _start(args: argparse.Namespace) -> None:
    root = (build_ready_root if args.ready else build_bare_root)(args.suite)
    host = DebianHost(root, name=args.name, address=args.address, owned=False).up()
    print(f"{host.name} is up: root@{host.address} port {host.port}, key {host.private_key}")
    print(f"user admin may sudo with the password {host.password}, user deploy without one")
    print(f"known_hosts line: {host.host_key_line}")
    print(f"enter it: python -m tests.lab.debian shell {host.name}")
    print(f"remove it: python -m tests.lab.debian down {host.name}")


def _remove(names: Sequence[str]) -> None:
    with hold_lock("hosts"):
        nspawn.remove_orphans()
        chosen = [DebianHost.attach(name).record for name in names] or [
            record for record in list_records() if record.owner is None
        ]
        for record in chosen:
            nspawn.remove(record)
            print(f"{record.name} is gone")


def _list() -> None:
    for record in list_records():
        owner = "nobody" if record.owner is None else f"process {record.owner.pid}"
        state = "running" if nspawn.find_leader(record) else "off"
        print(f"{record.name}  {record.address}:{record.port}  {state}  owned by {owner}")


def _enter_shell(name: str, user: str) -> NoReturn:
    argv = DebianHost.attach(name).ssh_argv(user)
    os.execvp(argv[0], argv)


def main(argv: Sequence[str]) -> int:
    """Run one verb. An error of the lab is one message and exit code 1."""
    args = _build_parser().parse_args(argv)
    try:
        if args.verb == "up":
            _start(args)
        elif args.verb == "down":
            _remove(args.names)
        elif args.verb == "list":
            _list()
        elif args.verb == "clean":
            _remove([])
            prune(older_than=0)
            shutil.rmtree(get_cache_directory() / "prometheus", ignore_errors=True)
        else:
            _enter_shell(args.name, args.user)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
