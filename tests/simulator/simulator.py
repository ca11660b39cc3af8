"""One simulated FortiGate: its configuration, its SSH server, its stitches and its feeds."""

import threading
from dataclasses import replace

import paramiko

from tests.simulator import config as configuration
from tests.simulator.catalog import list_tables
from tests.simulator.config import Config, value
from tests.simulator.console import Console
from tests.simulator.control import Control
from tests.simulator.denies import list_denials
from tests.simulator.faults import Faults
from tests.simulator.feed import Feeds
from tests.simulator.journal import Journal
from tests.simulator.manager import Manager
from tests.simulator.options import Options
from tests.simulator.schema import parse_version
from tests.simulator.server import Server
from tests.simulator.session import Session
from tests.simulator.status import find_hostname
from tests.simulator.text import Word
from tests.simulator.tokens import Tokens
from tests.simulator.transactions import Transactions
from tests.simulator.tree import Writer, write_random_blob, write_stable_blob
from tests.simulator.webhook import Delivery, Stitcher

_UPSTREAM, _GROUP = Word("192.0.2.250", True), Word("Fabric", True)


class Simulator:
    """A FortiGate that listens inside its `with` block, or between start and stop."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.lock = threading.RLock()
        self.journal = Journal()
        self.faults = Faults()
        self.logged: list[str] = []
        self.password = self.options.password
        self.tokens = Tokens(self.options.codes, self.options.push)
        self.wants_new_password = self.options.new_password
        self.transactions = Transactions(
            self.options.transaction_idle, self.options.transaction_survives
        )
        options = self.options
        tables = list_tables(parse_version(options.version), options.model)
        self.config: Config = configuration.build(
            {path: t for path, t in tables.items() if path not in options.without_tables},
            options.config,
            options.hostname,
            options.interfaces,
            options.vdoms,
            parse_version(options.version),
        )
        self._set_console()
        self._join_fabric()
        self.manager = Manager(self.config, self.options)
        self._saved = self._take_snapshot()
        self.feeds = Feeds(self.options, self._get_settled_config)
        self.stitches = Stitcher(self.options, self._get_settled_config, self._run_script)
        self._server: Server | None = None
        self._control: Control | None = None

    def _set_console(self) -> None:
        """A loaded file's own console setting wins; else the option's."""
        block = self.config.block("system console", "global" if self.config.multi else "")
        if block and not self.options.config:
            block.entry.put(block.table, "output", (Word(self.options.console),))

    def _join_fabric(self) -> None:
        block = self.config.block("system csf", "global" if self.config.multi else "")
        if block and self.options.fabric:
            block.entry.put(block.table, "status", (Word("enable"),))
            old = block.table.attribute("upstream") is None
            above = ("upstream-ip", Word("192.0.2.250")) if old else ("upstream", _UPSTREAM)
            name, word = ("group-name", _GROUP) if self.options.fabric == "root" else above
            block.entry.put(block.table, name, (word,))

    def _take_snapshot(self) -> str:
        return "\n".join(self.config.text(Writer(write_stable_blob)))

    def _get_settled_config(self) -> tuple[Config, threading.RLock]:
        return self.config, self.lock

    def start(self) -> "Simulator":
        """Listen and begin to poll feeds."""
        if self.options.control_port is not None:
            self._control = Control(self, self.options.control_port)
            self._control.start()
        try:
            self._server = Server(self)
        except (OSError, ValueError, paramiko.SSHException):
            self.stop()
            raise
        self._server.start()
        self.feeds.start()
        return self

    def stop(self) -> None:
        """Close everything; returns when no thread or socket of the FortiGate is left."""
        for part in (self._control, self._server, self.feeds):
            if part is not None:
                part.stop()
        self._control = self._server = None

    def __enter__(self) -> "Simulator":
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def _listening(self) -> Server:
        if self._server is None:
            raise RuntimeError("the simulator is not started: use it in a `with` block")
        return self._server

    @property
    def address(self) -> str:
        """Return the address it listens on."""
        return str(self._listening.address)

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return int(self._listening.port)

    @property
    def control_port(self) -> int:
        """Return the port of the control channel, 0 when there is none."""
        return self._control.port if self._control else 0

    @property
    def sessions(self) -> int:
        """Count the open SSH connections."""
        return self._listening.sessions

    @property
    def host_key_line(self) -> str:
        """Return the line for a known_hosts file."""
        key = self._listening.key
        where = self.address if self.port == 22 else f"[{self.address}]:{self.port}"
        return f"{where} {key.get_name()} {key.get_base64()}"

    # For the sessions

    def new_session(self) -> Session:
        """Open a CLI session of its own, with the rights of the option's profile."""
        return Session(self, self.options.profile)

    def set_password(self, password: str) -> None:
        """Take the new password of the administrator, which a fresh FortiGate asks for."""
        self.password, self.wants_new_password = password, False

    def writer(self, full: bool = False) -> Writer:
        """Return what writes text: blobs are random unless `enc_stable`."""
        return Writer(write_stable_blob if self.options.enc_stable else write_random_blob, full)

    def changed(self) -> None:
        """Take note that the configuration changed."""
        block = self.config.block("system global", "global" if self.config.multi else "")
        if value(block, "cfg-save") == "automatic":
            self.save()
        self.feeds.wake()

    @property
    def unsaved(self) -> bool:
        """Return whether there are changes that a restart would lose (cfg-save manual, revert)."""
        return self._take_snapshot() != self._saved

    def save(self) -> None:
        """`execute cfg save`: what is live would now survive a restart."""
        self._saved = self._take_snapshot()

    def restart(self) -> None:
        """Start again with what was saved: `execute cfg reload`, a power cut, cfg-save revert."""
        tables = self.config.tables
        self.config = configuration.build(tables, self._saved, "", ("", ""), (), ())
        self.feeds.wake()

    def page(self, rows: int) -> int:
        """Return the lines of a page on a terminal of `rows` lines, 0 when output is standard.

        A 7.4.7 capture shows 22 lines and the pager on a terminal of 24.
        """
        console = self.config.block("system console", "global" if self.config.multi else "")
        if value(console, "output") != "more":
            return 0
        return self.options.pager_lines or max(rows - 2, 1)

    def feed_ranges(self, name: str) -> list[str] | None:
        """Return the ranges of a feed as `diagnose` prints them, None when it does not exist."""
        return self.feeds.ranges(name)

    def refresh_feed(self, name: str, scope: str) -> bool:
        """Fetch a feed now; return whether there is one of that name."""
        return self.feeds.refresh(name, scope)

    def _run_script(self, script: str, profile: str) -> list[str]:
        """Run the script of a `cli-script` action with an access profile; return what it printed."""
        session = Session(self, profile)
        session.stand_at_the_top()
        return [text for line in script.splitlines() for text in session.run(line).lines]

    def feed_stats(self) -> list[str]:
        """Return one line of statistics per feed."""
        return self.feeds.stats_lines()

    def stitch_summary(self) -> list[str]:
        """Return what `diagnose test application autod 2` prints."""
        return self.stitches.summary()

    # For tests

    def show(self) -> str:
        """Return the whole `show` text of the FortiGate, header lines left out."""
        with self.lock:
            return "\n".join(self.config.text(self.writer())) + "\n"

    def run(self, lines: str) -> str:
        """Type lines as an operator on a console of its own; return what the FortiGate printed."""
        return self.run_in("", lines)

    def run_in(self, scope: str, lines: str) -> str:
        """Type lines in a scope: "global", or the name of a VDOM ("" for the top)."""
        enter = {"": "", "global": "config global\n"}.get(scope, f"config vdom\nedit {scope}\n")
        console = self.console(paging=False)
        console.session.profile = "super_admin"
        console.session.stand_at_the_top()
        typed = (enter + lines.replace("?", "\x16?") + "\n").encode("utf-8", "surrogateescape")
        return (console.printed + console.type(typed)).decode("utf-8", "replace")

    def back_up(self) -> Config:
        """Return a copy of the configuration."""
        with self.lock:
            return self.config.copy()

    def restore(self, backup: Config) -> None:
        """Take over a configuration, which is saved with that. Call it before the start."""
        self.config = backup.copy()
        self.save()

    def console(self, rows: int = 25, paging: bool = True, disclaimer: str = "") -> Console:
        """Open the serial console: bytes in, bytes out, without SSH and without journal."""
        return Console(self, rows if paging else 0, disclaimer)

    def log_event(self, line: str) -> list[Delivery]:
        """Log one event: fires the stitches it matches, over the network, and waits for them."""
        self.logged.append(line)
        return self.stitches.log(line)

    def poll_feeds(self) -> None:
        """Fetch every enabled feed now and wait for it."""
        self.feeds.poll_all()

    def fail_over(self) -> None:
        """Let the other member of the cluster take over: another name and serial, the same configuration.

        It answers at the same address. The feeds that it fetched itself are empty until it polls.
        """
        with self.lock:
            options, name = self.options, find_hostname(self.config, self.options)
            self.options = replace(
                options, serial=options.peer_serial, peer_serial=options.serial, peer_name=name
            )
            block = self.config.block("system global", "global" if self.config.multi else "")
            taken = Word(options.peer_name or f"{name}-peer", True)
            if block:
                block.entry.put(block.table, "hostname", (taken,))
            self.changed()

    def install_package(self) -> None:
        """Let FortiManager install the policy package that it imported at the start."""
        with self.lock:
            self.manager.install(self.config)
            self.changed()

    def denies(self, address: str) -> list[str]:
        """Return which of ssl_vpn, local_in and policy would refuse `address`; [] lets it in."""
        with self.lock:
            return list_denials(self.config, address, self.feeds.contains)
