"""Build the command line that starts the agent on a ban host, and its standard input.

The command line must mean the same to every login shell, csh, fish and rbash included. So it is a short
list of words, one of them in single quotes, without a line end, ``!``, ``\\`` or an inner single quote. The
rest travels over standard input, in lines that survive a terminal: a login may be wrapped in one to be
recorded.
"""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Sequence

from provision.linux.session import bootstrap

# Statuses of _START. After OVER the request was read, so that no other Python can be given it.
TOO_OLD = 41
INCOMPLETE = 42
OVER = 43
# A terminal takes lines of up to 4,095 bytes.
LONGEST_LINE = 4000
# Debian's own Python first: another one in the search path may be a build of the host's owner.
PYTHONS = ("/usr/bin/python3", "python3")

# Read by /bin/sh, whose $0 is the marker. The loop skips a password that sudo did not ask for.
_STUB = (
    '[ -t 0 ] && stty raw -echo; echo "$0:ready"; '
    'while read -r l; do [ "$l" = "$0" ] && break; done; read -r s; eval "$s"'
)
# Nothing of the login's folder, environment or search path takes part in what runs as root: sudo keeps the
# current directory, and some configurations keep more. Only proxies pass, since apt may need them.
_CLEAN = (
    "cd /; PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH; "
    'case $LD_PRELOAD in *noexec*) echo "$0:noexec"; exit;; esac; '
    "unset LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT; trap '' HUP; "
)
_ENVIRONMENT = 'env -i PATH="$PATH" HOME=/root ' + " ".join(
    f'${{{name}:+"{name}=${name}"}}' for name in ("http_proxy", "https_proxy", "no_proxy")
)
# Python's standard library may be cut down (python3-minimal), so what the agent needs is looked for, not
# assumed. To import all of it would take longer than most requests. An old Python must be able to compile
# this. Nothing is read before it is known that the agent can run.
_START = f"""\
import sys
mark = sys.argv[1]
if sys.version_info < (3, 9):
    print("%s:old:%d.%d" % (mark, sys.version_info[0], sys.version_info[1]))
    sys.exit({TOO_OLD})
try:
    import binascii, json, os, zipimport, zlib
    from importlib.machinery import PathFinder
    if not all(map(PathFinder.find_spec, ("dataclasses", "pickle", "sqlite3", "ssl", "tempfile"))):
        raise ImportError
except ImportError:
    sys.exit({INCOMPLETE})
lines = []
for line in sys.stdin.buffer:
    line = line.strip()
    if line == b".":
        break
    lines.append(line)
else:
    sys.exit({OVER})
size, _, data = binascii.a2b_base64(b"".join(lines)).partition(b"\\n")
file = os.memfd_create("banstitch")
os.write(file, zlib.decompress(data[:int(size)]))
sys.path.insert(0, "/proc/self/fd/%d" % file)
sys.dont_write_bytecode = True
print("%s:began" % mark, flush=True)
try:
    from provision.linux.agent.entry import main
    main(data[int(size):], mark)
except BaseException as error:
    print(type(error).__name__, file=sys.stderr)
    sys.exit({OVER})
"""
# Try one Python, without packages of the host (-S), which the agent does not need and others can install.
# A failure before the request was read leaves it to the next one.
_TRY = (
    f't() {{ {_ENVIRONMENT} "$@" -IS -c "$c" "$0"; s=$?; case $s in 0) exit;; esac; '
    f'echo "$0:python:$s"; [ $s -lt 128 ] && [ $s != {OVER} ] || exit $s; }}; '
)
# If the agent cannot run, the shell makes the check of sshd_jail.py for a host without fail2ban, and tells
# the time.
_NO_PYTHON = (
    "[ -e /var/log/auth.log ] || { . /etc/os-release; "
    'case $VERSION_ID in 11|12) echo "$0:nosshdlog";; esac; }; echo "$0:nopython:$(date +%s)"'
)


def new_marker() -> str:
    """Return an unpredictable word that marks our own output."""
    return os.urandom(16).hex()


def format_prompt(marker: str) -> str:
    """Return the prompt with which sudo asks for the password."""
    return f"{marker}-password"


def build_command(marker: str, become: bool, has_password: bool) -> str:
    """Return the command line for the login shell.

    ``LC_ALL=C`` makes sudo speak English. The prompt is a variable, because not every sudo knows ``-p``.
    """
    stub = f"-c '{_STUB}' {marker}"
    if not become:
        return f"sh {stub}"
    if has_password:
        return f"env LC_ALL=C SUDO_PROMPT={format_prompt(marker)} sudo -S -- /bin/sh {stub}"
    return f"env LC_ALL=C sudo -n -- /bin/sh {stub}"


def build_input(marker: str, pythons: Sequence[str], code: bytes, request: bytes) -> bytes:
    """Return the input that runs the agent with ``request`` on the first suitable one of ``pythons``.

    ``code``: the packed agent.
    """
    start = shlex.quote(f"exec({_START!r})")
    tries = "".join(f"t {shlex.join(shlex.split(python))}; " for python in pythons)
    data = base64.b64encode(b"%d\n" % len(code) + code + request)
    size = LONGEST_LINE // 4 * 4
    lines = [data[at : at + size] for at in range(0, len(data), size)]
    return _wrap_script(marker, f"c={start}; {_TRY}{tries}{_NO_PYTHON}") + b"\n".join(
        [*lines, b".\n"]
    )


def install_python(marker: str) -> bytes:
    """Return the input that installs python3; the exit status follows the output."""
    run = f"{_ENVIRONMENT} sh -c {shlex.quote(bootstrap.build_script())} </dev/null"
    return _wrap_script(marker, f'{run}; echo "$0:done:$?"')


def _wrap_script(marker: str, script: str) -> bytes:
    return f"{marker}\n{_CLEAN}{script}\n".encode()
