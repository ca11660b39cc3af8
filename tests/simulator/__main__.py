"""Run one simulated FortiGate until it is interrupted or terminated."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from tests.simulator import Options, Simulator


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    made.add_argument("--listen", default="127.0.0.1", help="address to listen on")
    made.add_argument("--port", type=int, default=2222, help="SSH port, 0 for a free one")
    made.add_argument("--version", default="7.4.8", help="FortiOS version to be")
    made.add_argument("--hostname", default="FGT-A")
    made.add_argument("--user", default="admin")
    made.add_argument("--password", default="fortinet")
    made.add_argument("--console", choices=("more", "standard"), default="more")
    made.add_argument("--config", type=Path, help="configuration text to load")
    made.add_argument("--banner", default="", help="text shown before login")
    made.add_argument("--disclaimer", default="", help="text to accept after login")
    made.add_argument("--code", action="append", default=[], help="a code that is good once")
    made.add_argument("--vdom", action="append", default=[], help="a VDOM beside root")
    made.add_argument("--minute", type=float, default=60.0, help="length of a minute, in seconds")
    made.add_argument("--kex", choices=("default", "modern", "sha1"), default="default")
    made.add_argument("--host-key", type=Path, help="OpenSSH private key file (ed25519)")
    made.add_argument("--control-port", type=int, help="HTTP port to work it, 0 for a free one")
    made.add_argument(
        "--ready-file", type=Path, help="file to write the known_hosts line to once it listens"
    )
    return made


def make_options(args: argparse.Namespace) -> Options:
    """Build the options; raises OSError where a file cannot be read."""
    return Options(
        version=args.version,
        hostname=args.hostname,
        user=args.user,
        password=args.password,
        address=args.listen,
        port=args.port,
        control_port=args.control_port,
        console=args.console,
        config=args.config.read_text() if args.config else "",
        banner=args.banner,
        disclaimer=args.disclaimer,
        minute=args.minute,
        kex=args.kex,
        host_key=args.host_key.read_text() if args.host_key else "",
        vdoms=tuple(args.vdom),
        codes=tuple(args.code),
    )


def main() -> int:
    """Run; return the exit code."""
    args = build_parser().parse_args()
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    try:
        fortigate = Simulator(make_options(args))
        fortigate.start()
    except (OSError, ValueError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    print(
        f"FortiGate {args.hostname} {args.version}: ssh -p {fortigate.port} "
        f"{args.user}@{fortigate.address}; control port {fortigate.control_port or 'none'}",
        flush=True,
    )
    print(fortigate.host_key_line, flush=True)
    if args.ready_file:
        args.ready_file.write_text(fortigate.host_key_line + "\n")
    done.wait()
    fortigate.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
