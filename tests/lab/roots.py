"""Build the Debian file systems that hosts start from, and keep each for a week."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.records import LabError, get_cache_directory, hold_lock, list_records

# Increase it when the steps below change, so that roots are built again.
FORMAT = 1
# Seconds after which a root is built again: its package lists must still fit the mirror.
MAX_AGE = 7 * 24 * 3600
# Seconds for which a run may still start hosts on a root that has become too old.
GRACE = 24 * 3600

BASE = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "ca-certificates",
    "iproute2",
    "procps",
    "sudo",
)
BAN_HOST = (
    "fail2ban",
    "python3-systemd",
    "gunicorn",
    "python3-gevent",
    "python3-flask",
    "logrotate",
)
# Debian 11's security archive lists a newer version, which it does not have.
PINNED = {("bullseye", "python3-gevent"): "python3-gevent=20.9.0-2"}

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# They take the package lock, or write to the disk, at any moment.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "dpkg-db-backup.timer")

CUSTOMIZE = f"""
set -e
chroot "$1" apt-get clean
if [ -n "$DOWNLOADS" ]; then
    chroot "$1" apt-get install -qq -y --download-only --no-install-recommends $DOWNLOADS
fi
rm -f "$1"/etc/ssh/ssh_host_*
for unit in {" ".join(MASKED)}; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done
chroot "$1" useradd --create-home --shell /bin/bash --groups sudo admin
chroot "$1" useradd --create-home --shell /bin/bash deploy
echo 'deploy ALL=(ALL:ALL) NOPASSWD: ALL' > "$1/etc/sudoers.d/deploy"
chmod 0440 "$1/etc/sudoers.d/deploy"
"""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a root holds."""

    suite: str
    packages: tuple[str, ...]
    downloads: tuple[str, ...]
    sources: str

    @property
    def key(self) -> str:
        text = json.dumps([FORMAT, self.suite, self.packages, self.downloads, self.sources])
        return f"{self.suite}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _parse_stanzas(text: str) -> Iterable[dict[str, str]]:
    """Yield the stanzas of a deb822 sources file with one line for each field."""
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for block in re.split(r"\n\s*\n", plain):
        yield {k.strip(): v.strip() for k, _, v in (x.partition(":") for x in block.splitlines())}


def _parse_lines(text: str) -> Iterable[dict[str, str]]:
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)", line)
        if match:
            yield {
                "Types": "deb",
                "URIs": match[1],
                "Suites": match[2],
                "Components": match[3].split("#")[0],
            }


def make_debian_sources(texts: Iterable[tuple[str, str]], codename: str, suite: str) -> str:
    """Return apt sources for ``suite`` at the mirror of a machine of ``codename``.

    ``texts`` are file names and contents. Sources of third parties are left out: they name other
    suites or have no component "main".

    Raises:
        LabError: The machine has no source of Debian's own.
    """
    ours = {codename + part for part in ("", "-updates", "-security")}
    found: list[tuple[str, str]] = []
    for name, text in texts:
        for stanza in _parse_stanzas(text) if name.endswith(".sources") else _parse_lines(text):
            for old in stanza.get("Suites", "").split():
                if old in ours and "main" in stanza.get("Components", "").split():
                    found += [(uri, suite + old[len(codename) :]) for uri in stanza["URIs"].split()]
    if not found:
        raise LabError(
            f"no Debian source of {codename or 'this release'} is configured in /etc/apt:"
            " the lab installs its hosts from the same mirror as this machine"
        )
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {name}\nComponents: main\nSigned-By: {KEYRING}\n"
        for uri, name in dict.fromkeys(found)
    )


def _read_machine_sources(suite: str) -> str:
    apt = Path("/etc/apt")
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    texts = [
        (file.name, file.read_text())
        for file in files
        if file.suffix in (".list", ".sources") and file.is_file()
    ]
    release = Path("/etc/os-release").read_text()
    codename = re.search(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE)
    return make_debian_sources(texts, codename[1] if codename else "", suite)


def remove_tree(path: Path) -> None:
    """Unmount everything below ``path``, then delete it within its file system."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if f"{m}/".startswith(f"{path}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=True)
    subprocess.run(["rm", "-rf", "--one-file-system", str(path)], check=True)


def _build(recipe: Recipe, target: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".sources") as sources:
        sources.write(recipe.sources)
        sources.flush()
        argv = [
            "mmdebstrap",
            "--variant=minbase",
            "--mode=root",
            f"--include={','.join(recipe.packages)}",
            "--skip=cleanup/apt/lists,cleanup/apt/cache",
            f"--customize-hook=DOWNLOADS='{' '.join(recipe.downloads)}'\n{CUSTOMIZE}",
            recipe.suite,
            str(target),
            sources.name,
        ]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"mmdebstrap could not build {recipe.suite}:\n{done.stderr[-3000:]}")


def _get_age(directory: Path) -> float:
    return time.time() - float(directory.name.rsplit("-", 1)[1])


def prune(older_than: float) -> None:
    """Delete the roots that are older (in seconds) and that no host uses."""
    with hold_lock("hosts"):
        used = {record.root for record in list_records()}
        for directory in (get_cache_directory() / "roots").glob("[!.]*"):
            if _get_age(directory) > older_than and str(directory) not in used:
                remove_tree(directory)


def build_root(
    suite: str = "bookworm",
    packages: Sequence[str] = (),
    downloads: Sequence[str] = BAN_HOST,
) -> Path:
    """Return a Debian file system to start hosts from, which is at most a week old.

    ``packages`` are installed beside systemd, sshd and sudo, which need no python3.
    ``downloads`` are in apt's package cache, so that a host installs them without a download.

    Raises:
        LabError: mmdebstrap is missing or fails. The text has its output.
    """
    if shutil.which("mmdebstrap") is None:
        raise LabError("mmdebstrap is missing; `make lab` installs what the lab needs")
    wanted, cached = (
        tuple(PINNED.get((suite, name), name) for name in names)
        for names in ((*BASE, *packages), downloads)
    )
    recipe = Recipe(suite, wanted, cached, _read_machine_sources(suite))
    roots = get_cache_directory() / "roots"
    roots.mkdir(parents=True, exist_ok=True)
    with hold_lock(f"root-{recipe.key}"):
        known = sorted(roots.glob(f"{recipe.key}-*"))
        if known and _get_age(known[-1]) < MAX_AGE:
            return known[-1]
        building = roots / f".building-{recipe.key}"
        remove_tree(building)
        _build(recipe, building)
        finished = roots / f"{recipe.key}-{int(time.time())}"
        building.rename(finished)
        prune(MAX_AGE + GRACE)
        return finished


def build_bare_root(suite: str = "bookworm") -> Path:
    """Build a fresh Debian without python3 and without the packages of a ban host."""
    return build_root(suite)


def build_ready_root(suite: str = "bookworm") -> Path:
    """Build a Debian with the packages of a ban host, for tests that do not install them."""
    return build_root(suite, packages=BAN_HOST)
