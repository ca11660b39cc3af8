"""Pack the agent for the way to a ban host."""

from __future__ import annotations

import importlib.util
import io
import marshal
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import banstitch_shared

import provision

# The modules of each package that a look imports. Operators look far more often than they change, and to
# compile these takes longer than to look.
COMPILED = {
    "banstitch_shared": ("__init__", "ban_file", "jails", "tokens"),
    "provision/linux/agent": (
        *("__init__", "digest", "entry", "fail2ban", "foreign", "host", "http_client", "ini"),
        *("memory", "observe", "packages", "paths", "pem", "processes", "shield_state", "spool"),
        *("sshd_jail", "tokens_file", "units", "x509"),
    ),
    "provision/linux/agent/protocol": ("__init__", "bounds", "ids", "observe", "state", "wire"),
}
# The head of a compiled module that is not compared with its source (PEP 552). A Python of another version
# compiles the source beside it.
_HEAD = importlib.util.MAGIC_NUMBER + b"\x01\0\0\0" + bytes(8)


@cache
def build_zip() -> bytes:
    """Return the agent as a zip that Python can import from; it is built once.

    Nothing in it is compressed, because :func:`pack_agent` compresses all of it together.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("provision/__init__.py", "")
        archive.writestr("provision/linux/__init__.py", "")
        for name, path in _list_sources():
            archive.writestr(f"{name}.py", path.read_bytes())
            folder, _, module = name.rpartition("/")
            if module in COMPILED.get(folder, ()):
                archive.writestr(f"{name}.pyc", _HEAD + _compile(name, path))
    return buffer.getvalue()


@cache
def pack_agent() -> bytes:
    """Return the zip as it travels; a higher level would take longer than the bytes that it saves."""
    return zlib.compress(build_zip(), level=4)


def _list_sources() -> Iterator[tuple[str, Path]]:
    """Yield each module of the agent, by its path in the zip without its ending."""
    root = Path(provision.__file__).parent
    for path in sorted((root / "linux" / "agent").rglob("*.py")):
        yield f"provision/{path.relative_to(root).with_suffix('')}", path
    for path in sorted(Path(banstitch_shared.__file__).parent.glob("*.py")):
        yield f"banstitch_shared/{path.stem}", path


def _compile(name: str, path: Path) -> bytes:
    """Return the bytecode of a module, which Python keeps from the last time where it can."""
    module = name.replace("/", ".").removesuffix(".__init__")
    code = SourceFileLoader(module, str(path)).get_code(module)
    return marshal.dumps(_rename(code, f"{name}.py") if code else None)


def _rename(code: CodeType, name: str) -> CodeType:
    """Return ``code`` with ``name`` for its file: the ban host need not know where that is here."""
    constants = (
        _rename(each, name) if isinstance(each, CodeType) else each for each in code.co_consts
    )
    return code.replace(co_filename=name, co_consts=tuple(constants))
