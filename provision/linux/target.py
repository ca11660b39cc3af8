"""A ban host over SSH: one exec to look, one to change.

The package provision/linux/agent runs there, sent over stdin as a zip and imported from memory. What comes
back is bounded in time and in bytes, and nothing of it is shown that is not known to be harmless.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import threading
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import provision
from provision.errors import Failed, TargetError, Unreachable
from provision.linux import answers, bootstrap
from provision.linux.agent import protocol
from provision.ssh import connect as ssh
from provision.ssh.causes import refusal_after_login
from provision.ssh.login import Login

# Seconds from the start of an exec to its end, whatever arrives meanwhile. To look may have to wait for
# another run on the host; to change may have to install packages over a slow line.
LOOKING = 600
CHANGING = 3600
# Bytes on standard error: programs may print warnings there, and the reason why the agent did not start.
MOST_ERRORS = 1 << 20
MARK = protocol.MARK.encode()
NO_PYTHON = 42

# Nothing of the login's folder, environment or search path takes part in what runs as root: sudo keeps
# the current directory, and some configurations keep more.
_CLEAN = (
    "cd / && PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin && export PATH && "
)
# Read by /bin/sh. Python's standard library may be cut down (python3-minimal), so what the agent needs is
# tried, not assumed. The loop skips a password line that sudo did not ask for.
_START = (
    "import sys,os\n"
    "i=sys.stdin.buffer\n"
    "l=i.readline()\n"
    "while l and not l.startswith(b'BANSTITCH '): l=i.readline()\n"
    "z,r=map(int,l.split()[1:])\n"
    "a=i.read(z);q=i.read(r)\n"
    "len(q)==r or sys.exit('the request was cut off; nothing was done')\n"
    "f=os.memfd_create('banstitch');os.write(f,a)\n"
    "sys.path.insert(0,'/proc/self/fd/%d'%f)\n"
    "sys.dont_write_bytecode=True\n"
    "from provision.linux.agent.entry import main\n"
    "main(q)\n"
)
_TRY_PYTHON = (
    'python3 -I -c "import json,pickle,urllib.request,tempfile,zipimport,zlib" 2>/dev/null'
)
# Where the agent cannot run, the shell says what its fail2ban.py would say before fail2ban is there.
NO_SSHD_LOG = b"BANSTITCH-NO-SSHD-LOG"
_NO_PYTHON = (
    "{ [ -e /var/log/auth.log ] || { . /etc/os-release; case $VERSION_ID in "
    f"11|12) echo {NO_SSHD_LOG.decode()};; esac; }}; exit {NO_PYTHON}; }}"
)


def agent_zip() -> bytes:
    """Return the agent as a zip that Python can import from."""
    root = Path(provision.__file__).parent
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("provision/__init__.py", "")
        archive.writestr("provision/linux/__init__.py", "")
        for path in sorted((root / "linux" / "agent").glob("*.py")):
            archive.writestr(f"provision/linux/agent/{path.name}", path.read_bytes())
    return buffer.getvalue()


class BanHost:
    """One SSH connection to a ban host; ``execs`` counts the programs started over it."""

    def __init__(self, login: Login, policy: ssh.HostKeyPolicy) -> None:
        self._login = login
        self._policy = policy
        self.execs = 0

    def __enter__(self) -> BanHost:
        codes = self._policy.codes
        kept = codes.take(self._login) if codes else None
        found = kept if isinstance(kept, ssh.Connection) else None
        self._client = found or ssh.connect(self._login, self._policy)
        transport = self._client.get_transport()
        if transport is not None:
            transport.set_keepalive(15)
        return self

    def __exit__(self, *_: object) -> None:
        if self._policy.codes:
            self._policy.codes.leave(self._login, self._client)
        else:
            self._client.close()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request to the agent and return its answer, which was validated.

        Raises:
            Failed: the agent gives the reason; or the connection was lost after the request was sent.
            InvalidAnswer: the answer is none that the agent gives to this request.
            Unreachable: the agent could not be started: no sudo.
            NoPython: the host has no python3 that could run the agent.
        """
        payload = json.dumps(request).encode()
        code = agent_zip()
        head = b"BANSTITCH %d %d\n" % (len(code), len(payload))
        script = f"{_TRY_PYTHON} || {_NO_PYTHON}; exec python3 -I -c {shlex.quote(_START)}"
        seconds = CHANGING if request["do"] == "apply" else LOOKING
        status, out, err = self._run(
            script, head + code + payload, seconds, answers.largest(request["do"])
        )
        _, mark, answer = out.partition(MARK)
        if mark:
            return answers.read(request, answer.partition(b"\n")[0])
        if status == NO_PYTHON:
            raise NoPython(f"{self._login.host} has no python3", NO_SSHD_LOG in out)
        raise self._explain(status, err)

    def install_python(self) -> str:
        """Install what a host without python3 needs first; return for what it waited, or nothing."""
        status, out, err = self._run(bootstrap.script(), b"", CHANGING, MOST_ERRORS)
        if status != 0:
            what = f"python3 could not be installed:\n{_last_lines(out + err)}"
            raise Failed(what, "mend that (sources, mirror, proxy, locks of apt), then run again")
        return _last_lines(out)

    def _run(
        self, script: str, stdin: bytes, seconds: float, most: int
    ) -> tuple[int, bytes, bytes]:
        """Run ``script`` as root; both outputs are drained while the input is sent."""
        self.execs += 1
        command = "/bin/sh -c " + shlex.quote(_CLEAN + script)
        if self._login.become:
            if self._login.become_password is None:
                command = "sudo -n -- " + command
            else:
                command = "sudo -S -p '' -- " + command
                stdin = self._login.become_password.encode() + b"\n" + stdin
        late = threading.Event()
        timer = threading.Timer(seconds, self._give_up, [late])
        timer.daemon = True
        timer.start()
        try:
            return self._exchange(command, stdin, most)
        except TargetError:
            raise
        except Exception as error:
            if late.is_set():
                raise Failed(
                    f"this ban host did not come to an end within {seconds:.0f} s",
                    "check that host; run again: it finishes what was begun there",
                ) from None
            raise Failed(
                f"the connection broke during the run ({error or type(error).__name__})",
                "run again: it finishes what was begun on the host",
            ) from error
        finally:
            timer.cancel()

    def _give_up(self, late: threading.Event) -> None:
        """End an exec from outside: whatever waits for the host wakes up."""
        late.set()
        self._client.close()

    def _exchange(self, command: str, stdin: bytes, most: int) -> tuple[int, bytes, bytes]:
        transport = self._client.get_transport()
        if transport is None:
            raise EOFError("not connected")
        channel = transport.open_session(timeout=ssh.CONNECT_TIMEOUT)
        channel.settimeout(CHANGING)
        channel.exec_command(command)
        out = _Output(channel.recv, most, channel.close)
        err = _Output(channel.recv_stderr, MOST_ERRORS, channel.close)
        drain = threading.Thread(target=err.drain)
        feed = threading.Thread(target=lambda: _send(channel, stdin))
        drain.start()
        feed.start()
        try:
            out.read()
            status = channel.recv_exit_status()
        finally:
            channel.close()
            drain.join()
            feed.join()
        for each in (out, err):
            if each.too_much:
                raise answers.InvalidAnswer(f"it must have at most {each.most} bytes")
        if status == -1:
            raise EOFError("no exit status")
        return status, out.content, err.content

    def _explain(self, status: int, err: bytes) -> TargetError:
        """Return why there is no answer. Standard output may hold a part of one and is not quoted."""
        if MARK in err:
            return answers.InvalidAnswer(
                f"its {len(err)} bytes came on standard error, or were cut off"
            )
        if refusal := refusal_after_login(self._login, err, status):
            return refusal
        text, user = err.decode("utf-8", "replace"), self._login.user
        if "a password is required" in text or "a terminal is required" in text:
            return Unreachable(
                f"sudo asks {user} for a password", "set ansible_become_password for this host"
            )
        if "incorrect password" in text or "Sorry, try again" in text:
            return Unreachable(
                f"sudo refused the password of {user}", "check ansible_become_password"
            )
        if "not in the sudoers file" in text or "may not run sudo" in text:
            return Unreachable(f"{user} may not use sudo", "let a user log in who may, or root")
        if "sudo" in text and "not found" in text:
            return Unreachable("there is no sudo on this host", "install it, or log in as root")
        what = f"the agent did not start (exit {status}): {_last_lines(err)}".rstrip(": ")
        return Failed(what, f"try `ssh` as {user} there: its login shell must run commands")


class NoPython(Failed):
    """The host has no python3 that could run the agent.

    ``sshd_jail_without_log``: see fail2ban.py of the agent, which cannot be asked.
    """

    def __init__(self, what: str, sshd_jail_without_log: bool = True) -> None:
        super().__init__(what)
        self.sshd_jail_without_log = sshd_jail_without_log


class _Output:
    """One output of an exec, as long as it is not too long; then ``stop`` is called."""

    def __init__(
        self, receive: Callable[[int], bytes], most: int, stop: Callable[[], object]
    ) -> None:
        self.most = most
        self.too_much = False
        self._receive = receive
        self._stop = stop
        self._chunks: list[bytes] = []

    @property
    def content(self) -> bytes:
        """What has arrived."""
        return b"".join(self._chunks)

    def read(self) -> None:
        """Read to the end, or until it is too much."""
        room = self.most
        while chunk := self._receive(65536):
            self._chunks.append(chunk)
            room -= len(chunk)
            if room < 0:
                self.too_much = True
                self._stop()
                return

    def drain(self) -> None:
        """Read what comes; the reader of the other output notices when there is no end to it."""
        try:
            self.read()
        except OSError:
            return


# What is as long and as plain as this may be a secret; a line as long as this may be an answer.
_LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{40,}")
_LONGEST_LINE = 300


def _last_lines(output: bytes) -> str:
    """Return the last lines of an output, where programs put the reason, without what may be secret."""
    lines = output[-MOST_ERRORS:].decode("utf-8", "replace").strip().splitlines()[-10:]
    return "\n".join(
        _LIKE_A_SECRET.sub("...", line)
        if len(line) <= _LONGEST_LINE
        else f"(a line of {len(line)} characters)"
        for line in lines
    )


def _send(channel: Any, data: bytes) -> None:
    """Send all, or stop where the other side stopped listening: its answer says why."""
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except (OSError, EOFError):
        return
