"""Read inventories that only Ansible can read, with ``ansible-inventory`` if it is installed.

These are configurations of inventory plugins (``plugin: ...``) and TOML. Their variables have a file but no
line.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from provision.errors import InputError
from provision.inventory.sources import program, script
from provision.inventory.sources.material import Material
from provision.inventory.variables import Where

_PROGRAM = "ansible-inventory"
# Only the source itself, without group_vars; a source that fails is an error.
_ALONE = {"ANSIBLE_VARS_ENABLED": ""}
_STRICT = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True", "ANSIBLE_NOCOLOR": "1"}
_ERROR = r"Failed to parse inventory with '\w+' plugin: (.+)|\[?ERROR\]?!?:? (.+)"


def read_toml(material: Material, path: Path) -> None:
    """Add an inventory in TOML; it is data, so no ansible.cfg may run anything for it.

    Raises:
        InputError: as for :func:`read`.
    """
    with _make_empty_configuration() as file:
        own = {"ANSIBLE_CONFIG": str(file), "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.toml"}
        read(material, path, "is an inventory in TOML", settings=own)


@contextmanager
def _make_empty_configuration() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ansible.cfg")
        file.touch()
        yield file


def read(
    material: Material,
    path: Path,
    reason: str,
    before: Sequence[str] = (),
    alone: bool = True,
    settings: Mapping[str, str] = MappingProxyType({}),
    sealed: bool = False,
) -> None:
    """Add what ``ansible-inventory`` lists for a source; ``reason``, why it is used, is for errors.

    ``before`` are the sources that the plugin builds on. ``alone``: without group_vars. ``settings`` are
    more environment variables. ``sealed``: the source is encrypted, so no error quotes what it says.

    Raises:
        InputError: ``ansible-inventory`` is not installed, or cannot read the source.
    """
    where = Where(str(path))
    command = [_find(where, reason), *material.keyring.list_arguments()]
    sources = [word for source in (*before, str(path)) for word in ("-i", source)]
    environment = {**os.environ, **_STRICT, **(_ALONE if alone else {}), **settings}
    deadline = time.monotonic() + program.LONGEST
    try:
        done = program.run([*command, *sources, "--list", "--export"], deadline, environment)
    except OSError as error:
        problem = where.problem(f"{reason}, and {command[0]} cannot be started: {error.strerror}")
        raise InputError([problem]) from None
    except program.ProgramError as error:
        raise InputError([where.problem(f"{reason}, and {_PROGRAM} {error}")]) from None
    if done.code:
        cause = "run it by hand to see why" if sealed else _find_cause(done.errors)
        problem = where.problem(f"{reason}, and {_PROGRAM} cannot read it", cause)
        raise InputError([problem])
    script.add(material, script.parse_document(done.output, where, _PROGRAM), where)


def _find(where: Where, reason: str) -> str:
    """Return the path of ``ansible-inventory``: on the PATH, or beside the running Python.

    Raises:
        InputError: it is not installed.
    """
    beside = str(Path(sys.executable).parent)
    command = shutil.which(_PROGRAM) or shutil.which(_PROGRAM, path=beside)
    if not command:
        remedy = (
            "install ansible-core, or save its output: "
            f"ansible-inventory -i {where.file} --list --yaml --export > hosts.yml"
        )
        raise InputError([where.problem(f"{reason}, which only {_PROGRAM} can read", remedy)])
    return command


def _find_cause(errors: str) -> str:
    match = re.search(_ERROR, errors)
    message = next(filter(None, match.groups()), "") if match else ""
    return script.quote_last_line(message or errors)
