"""The modules of templates/shared, deployed beside each program of the ban host that imports them."""

from __future__ import annotations

from functools import cache

from provision.desired.templates import TEMPLATES, read_file
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File

PACKAGE = "banstitch_shared"


def deploy_package(folder: str) -> Directory:
    """Return the directory of the shared modules in a folder from which a program imports."""
    return Directory(f"{folder}/{PACKAGE}", 0o755)


@cache
def deploy_modules(folder: str) -> tuple[File, ...]:
    """Return the shared modules themselves."""
    names = sorted(path.name for path in (TEMPLATES / "shared" / PACKAGE).glob("*.py"))
    return tuple(
        File(f"{folder}/{PACKAGE}/{name}", read_file(f"shared/{PACKAGE}/{name}"), check="python")
        for name in names
    )
