"""The demo: deploy one site, attack it, check it, and remove it without a trace.

    make demo                               run the whole demo, about a minute
    make demo KEEP=1                        stop before the teardown, so that you can look around
    .venv/bin/python -m tests.demo --clean  remove what KEEP=1 left

The demo checks each claim that it makes. It ends with exit code 1 at the first one that is false.
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
from tests.demo.fortigate import PASSWORD, make_event_line
from tests.demo.narrator import ClaimFailed, Narrator
from tests.demo.site import DemoSite, boot, lock_demo, remove_kept
from tests.demo.story import ATTACKER, WHERE, Demo
from tests.lab.records import LabError


def explain_kept_site(site: DemoSite, narrator: Narrator) -> None:
    """Print commands for a site that was kept."""
    address, port = site.fortigate.address
    control = f"http://127.0.0.1:{site.fortigate.control_port}"
    event = make_event_line(address=ATTACKER, user="j.smith")
    print()
    narrator.say("The site keeps running. To look around:")
    narrator.show(
        [
            f". .venv/bin/activate; export FORTIGATE_PASSWORD={PASSWORD}",
            f"python site.py verify {WHERE}",
            f"python -m tests.lab.debian shell {site.host.name}   # then: fail2ban-client status",
            f"ssh -p {port} admin@{address}   # password {PASSWORD}; then: show",
            f"curl --noproxy '*' {control}/event --data-raw '{event}'",
            f"curl --noproxy '*' '{control}/denies?address={ATTACKER}'",
        ]
    )
    narrator.say("To clean up:")
    narrator.show(
        [
            f"python site.py teardown -y --purge-data {WHERE}",
            ".venv/bin/python -m tests.demo --clean",
        ]
    )


def run_story(narrator: Narrator, keep: bool) -> None:
    """Run every step; stop before the teardown if the site is to be kept."""
    with ExitStack() as stack:
        site = boot(stack, narrator, keep)
        demo = Demo(site, narrator)
        demo.check_and_plan()
        demo.deploy()
        demo.attack()
        demo.attack_with_forged_name()
        demo.await_end_of_ban()
        demo.apply_again()
        demo.operate()
        demo.spray()
        if keep:
            narrator.print_summary()
            explain_kept_site(site, narrator)
            return
        demo.remove()
        narrator.print_summary()


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def run(keep: bool) -> int:
    """Run the demo; return the exit code."""
    if os.geteuid() != 0:
        print("the demo boots a Debian host, which needs root: run sudo make demo", file=sys.stderr)
        return 1
    path = f"{PROJECT / '.venv' / 'bin'}:{os.environ.get('PATH', '')}"
    narrator = Narrator({"FORTIGATE_PASSWORD": PASSWORD, "PATH": path, "COLUMNS": "120"})
    signal.signal(signal.SIGTERM, _terminated)
    try:
        with lock_demo():
            run_story(narrator, keep)
    except KeyboardInterrupt:
        remove_kept()
        print("\ninterrupted; the lab was removed. Run `make demo` to start again", file=sys.stderr)
        return 130
    except (ClaimFailed, LabError) as error:
        if narrator.steps:
            narrator.print_summary()
        print(f"\nthe demo failed: {error}", file=sys.stderr)
        if keep:
            print(
                "the site keeps running; to remove it: .venv/bin/python -m tests.demo --clean",
                file=sys.stderr,
            )
        return 1
    print("\nEvery claim was true." if not keep else "")
    return 0


def main(argv: Sequence[str]) -> int:
    """Run the demo, or remove a kept one; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--keep", action="store_true", help="stop before the teardown")
    parser.add_argument("--clean", action="store_true", help="remove what --keep left")
    args = parser.parse_args(argv)
    if not args.clean:
        return run(args.keep)
    for gone in remove_kept() or ["nothing (no demo was kept)"]:
        print(f"removed {gone}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
