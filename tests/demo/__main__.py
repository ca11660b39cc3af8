"""The demo: one site is deployed, attacked, checked, and removed without a trace, before your eyes.

    make demo                                   the whole story, about a minute
    make demo KEEP=1                            stops before the teardown, for you to look around
    .venv/bin/python -m tests.demo --clean  removes what KEEP=1 left

Each claim is tested; the first that does not hold ends the demo with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NoReturn

from tests import PROJECT
from tests.demo.fortigate import PASSWORD, event_line
from tests.demo.narrator import Broken, Narrator
from tests.demo.site import DemoSite, boot, only_demo, remove_kept
from tests.demo.story import ATTACKER, WHERE, Demo
from tests.lab.records import LabError


def look_around(site: DemoSite, tell: Narrator) -> None:
    """What to do with a site that was kept."""
    address, port = site.fortigate.address
    control = f"http://127.0.0.1:{site.fortigate.control_port}"
    event = event_line(address=ATTACKER, user="root")
    print()
    tell.say("The site stays up. To look around:")
    tell.show(
        [
            f". .venv/bin/activate; export FORTIGATE_PASSWORD={PASSWORD}",
            f"python site.py verify {WHERE}",
            f"python -m tests.lab.debian shell {site.host.name}   # then: fail2ban-client status",
            f"ssh -p {port} admin@{address}   # password {PASSWORD}; then: show",
            f"curl --noproxy '*' {control}/event --data-raw '{event}'",
            f"curl --noproxy '*' '{control}/denies?address={ATTACKER}'",
        ]
    )
    tell.say("To clean up:")
    tell.show(
        [
            f"python site.py teardown -y --purge-data {WHERE}",
            ".venv/bin/python -m tests.demo --clean",
        ]
    )


def story(tell: Narrator, stay: bool) -> None:
    """All of it."""
    with ExitStack() as stack:
        site = boot(stack, tell, stay)
        demo = Demo(site, tell)
        demo.look()
        demo.deploy()
        demo.attack()
        demo.again()
        demo.operate()
        if stay:
            tell.summary()
            look_around(site, tell)
            return
        demo.remove()
        tell.summary()


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def run(stay: bool) -> int:
    """Tell the story; return the exit code."""
    if os.geteuid() != 0:
        print("the demo boots a Debian host, which needs root: sudo make demo", file=sys.stderr)
        return 1
    path = f"{PROJECT / '.venv' / 'bin'}:{os.environ.get('PATH', '')}"
    tell = Narrator({"FORTIGATE_PASSWORD": PASSWORD, "PATH": path, "COLUMNS": "120"})
    signal.signal(signal.SIGTERM, _terminated)
    try:
        with only_demo():
            story(tell, stay)
    except KeyboardInterrupt:
        remove_kept()
        print("\ninterrupted; the lab is cleaned up, `make demo` starts again", file=sys.stderr)
        return 130
    except (Broken, LabError) as error:
        if tell.steps:
            tell.summary()
        print(f"\nnot as promised: {error}", file=sys.stderr)
        if stay:
            print("what runs stays; .venv/bin/python -m tests.demo --clean", file=sys.stderr)
        return 1
    print("\nEverything was as promised." if not stay else "")
    return 0


def main(argv: Sequence[str]) -> int:
    """The command line of the demo."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--keep", action="store_true", help="stop before the teardown")
    parser.add_argument("--clean", action="store_true", help="remove what --keep left")
    args = parser.parse_args(argv)
    if not args.clean:
        return run(args.keep)
    for gone in remove_kept() or ["nothing: no demo was kept"]:
        print(f"removed {gone}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
