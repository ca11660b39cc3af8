"""A ban host over SSH: one exec to look, one to change.

What runs there is the package provision/linux/agent, sent over stdin as a zip and imported from memory.
"""

from __future__ import annotations

import io
import json
import shlex
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import provision
from provision import ssh
from provision.errors import Failed, TargetError, Unreachable
from provision.login import Login

# Seconds without the end of a run. Installing packages over a slow line takes the longest.
PATIENCE = 1800
MARK = b"BANSTITCH-ANSWER "
NO_PYTHON = 42

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
_TRY_PYTHON = 'python3 -c "import json,pickle,urllib.request,tempfile,zipimport,zlib" 2>/dev/null'
# Where the agent cannot run, the shell says what its fail2ban.py would say before fail2ban is there.
NO_SSHD_LOG = b"BANSTITCH-NO-SSHD-LOG"
_NO_PYTHON = (
    "{ [ -e /var/log/auth.log ] || { . /etc/os-release; case $VERSION_ID in "
    f"11|12) echo {NO_SSHD_LOG.decode()};; esac; }}; exit {NO_PYTHON}; }}"
)
# What the installation brings is written down first, where the manifest will take it from; added to
# what an interrupted one wrote down.
INSTALL_PYTHON = r"""
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -y -q --no-install-recommends -oDPkg::Lock::Timeout=120"
dpkg --configure -a >/dev/null
$apt -s install python3 >/dev/null || apt-get -q update || exit
mkdir -p -m 700 /var/lib/banstitch
$apt -s install python3 | sed -n 's/^Inst \([^ ]*\).*/\1/p' >>/var/lib/banstitch/bootstrap
$apt install python3
"""


def agent_zip() -> bytes:
    """The agent as a zip that Python can import from."""
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
        self._client = ssh.connect(self._login, self._policy)
        transport = self._client.get_transport()
        if transport is not None:
            transport.set_keepalive(15)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request to the agent and give its answer.

        Raises:
            Failed: the agent says why; or the connection was lost after the request was sent.
            Unreachable: the agent could not be started: no sudo.
            NoPython: the host has no python3 that could run the agent.
        """
        payload = json.dumps(request).encode()
        code = agent_zip()
        head = b"BANSTITCH %d %d\n" % (len(code), len(payload))
        script = f"{_TRY_PYTHON} || {_NO_PYTHON}; exec python3 -c {shlex.quote(_START)}"
        status, out, err = self._run(script, head + code + payload)
        mark = out.find(MARK)
        if mark >= 0:
            answer: dict[str, Any] = json.loads(out[mark + len(MARK) :])
            if not answer.pop("ok"):
                raise Failed(answer["error"])
            return answer
        if status == NO_PYTHON:
            raise NoPython(f"{self._login.host} has no python3", NO_SSHD_LOG in out)
        raise self._explain(status, (out + err).decode("utf-8", "replace").strip())

    def install_python(self) -> None:
        """What a host without python3 gets first."""
        status, out, err = self._run(INSTALL_PYTHON, b"")
        if status != 0:
            text = (out + err).decode("utf-8", "replace").strip()
            last = "\n".join(text.splitlines()[-10:])
            raise Failed(f"python3 could not be installed:\n{last}", "install python3 by hand")

    def _run(self, script: str, stdin: bytes) -> tuple[int, bytes, bytes]:
        """One exec as root; both outputs are drained while the input is sent."""
        self.execs += 1
        command = "sh -c " + shlex.quote(script)
        if self._login.become:
            if self._login.become_password is None:
                command = "sudo -n -- " + command
            else:
                command = "sudo -S -p '' -- " + command
                stdin = self._login.become_password.encode() + b"\n" + stdin
        try:
            return self._exchange(command, stdin)
        except (OSError, EOFError, ssh.SSHException) as error:
            raise Failed(
                f"the connection broke during the run ({error or type(error).__name__})",
                "run again: it finishes what was begun on the host",
            ) from error

    def _exchange(self, command: str, stdin: bytes) -> tuple[int, bytes, bytes]:
        transport = self._client.get_transport()
        if transport is None:
            raise EOFError("not connected")
        channel = transport.open_session(timeout=ssh.CONNECT_TIMEOUT)
        channel.settimeout(PATIENCE)
        channel.exec_command(command)
        errors: list[bytes] = []
        drain = threading.Thread(target=lambda: _drain(channel, errors))
        feed = threading.Thread(target=lambda: _send(channel, stdin))
        drain.start()
        feed.start()
        try:
            out = b"".join(_chunks(channel.recv))
            status = channel.recv_exit_status()
        finally:
            channel.close()
            drain.join()
            feed.join()
        if status == -1:
            raise EOFError("no exit status")
        return status, out, b"".join(errors)

    def _explain(self, status: int, text: str) -> TargetError:
        user = self._login.user
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
        last = "\n".join(text.splitlines()[-10:])
        return Failed(f"the agent did not start (exit {status}): {last}")


class NoPython(Failed):
    """The host has no python3 that could run the agent.

    ``sshd_jail_without_log``: see fail2ban.py of the agent, which cannot be asked.
    """

    def __init__(self, what: str, sshd_jail_without_log: bool = True) -> None:
        super().__init__(what)
        self.sshd_jail_without_log = sshd_jail_without_log


def _chunks(receive: Any) -> list[bytes]:
    chunks = []
    while chunk := receive(65536):
        chunks.append(chunk)
    return chunks


def _drain(channel: Any, errors: list[bytes]) -> None:
    """Keep what comes on standard error; that there is no end to it is told by the other stream."""
    try:
        while chunk := channel.recv_stderr(65536):
            errors.append(chunk)
    except OSError:
        return


def _send(channel: Any, data: bytes) -> None:
    """Send all, or stop where the other side stopped listening: its answer says why."""
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except (OSError, EOFError):
        return
