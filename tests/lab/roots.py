"""The Debian file systems that lab hosts start from: built once and kept for a week."""

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

from tests.lab.records import LabError, cache_directory, locked, records

# Raise when the steps below change, so that roots of older steps are built again.
FORMAT = 1
# Seconds after which a root is built again: its package lists must still fit the mirror.
MAX_AGE = 7 * 24 * 3600
# Seconds for which a run that chose a root just before it got too old may still start hosts on it.
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
BAN_HOST = ("fail2ban", "gunicorn", "python3-gevent", "python3-flask", "logrotate")
# Debian 11's security archive still lists a newer one, but no longer has it.
PINNED = {("bullseye", "python3-gevent"): "python3-gevent=20.9.0-2"}

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# They would take the package lock, or wake the disk, at moments of their own choice.
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


def _stanzas(text: str) -> Iterable[dict[str, str]]:
    """The stanzas of a deb822 sources file that stand on one line a field, as Debian ships them."""
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for block in re.split(r"\n\s*\n", plain):
        yield {k.strip(): v.strip() for k, _, v in (x.partition(":") for x in block.splitlines())}


def _one_line(text: str) -> Iterable[dict[str, str]]:
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)", line)
        if match:
            yield {
                "Types": "deb",
                "URIs": match[1],
                "Suites": match[2],
                "Components": match[3].split("#")[0],
            }


def debian_sources(texts: Iterable[tuple[str, str]], codename: str, suite: str) -> str:
    """apt sources for ``suite``, from those of a machine of ``codename``: its mirror is kept.

    ``texts`` are file names and contents. Sources of third parties are left out: they name other
    suites or have no component "main".

    Raises:
        LabError: the machine has none of Debian's own.
    """
    ours = {codename + part for part in ("", "-updates", "-security")}
    found: list[tuple[str, str]] = []
    for name, text in texts:
        for stanza in _stanzas(text) if name.endswith(".sources") else _one_line(text):
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


def _machine_sources(suite: str) -> str:
    apt = Path("/etc/apt")
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    texts = [
        (file.name, file.read_text())
        for file in files
        if file.suffix in (".list", ".sources") and file.is_file()
    ]
    release = Path("/etc/os-release").read_text()
    codename = re.search(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE)
    return debian_sources(texts, codename[1] if codename else "", suite)


def remove_tree(path: Path) -> None:
    """Unmount what is mounted below ``path``, then delete it, never crossing file systems."""
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


def _age(directory: Path) -> float:
    return time.time() - float(directory.name.rsplit("-", 1)[1])


def prune(older_than: float) -> None:
    """Delete the roots that are older (seconds) and that no host stands on."""
    with locked("hosts"):
        used = {record.root for record in records()}
        for directory in (cache_directory() / "roots").glob("[!.]*"):
            if _age(directory) > older_than and str(directory) not in used:
                remove_tree(directory)


def build_root(
    suite: str = "bookworm",
    packages: Sequence[str] = (),
    downloads: Sequence[str] = BAN_HOST,
) -> Path:
    """A Debian file system to start hosts from, built now or at most a week ago.

    ``packages`` are installed on top of systemd, sshd and sudo (no python3 among them).
    ``downloads`` lie in apt's package cache, so that installing them on a host downloads nothing.

    Raises:
        LabError: mmdebstrap is missing or fails; its own words are in the text.
    """
    if shutil.which("mmdebstrap") is None:
        raise LabError("mmdebstrap is missing; `make lab` installs what the lab needs")
    wanted, cached = (
        tuple(PINNED.get((suite, name), name) for name in names)
        for names in ((*BASE, *packages), downloads)
    )
    recipe = Recipe(suite, wanted, cached, _machine_sources(suite))
    roots = cache_directory() / "roots"
    roots.mkdir(parents=True, exist_ok=True)
    with locked(f"root-{recipe.key}"):
        known = sorted(roots.glob(f"{recipe.key}-*"))
        if known and _age(known[-1]) < MAX_AGE:
            return known[-1]
        building = roots / f".building-{recipe.key}"
        remove_tree(building)
        _build(recipe, building)
        finished = roots / f"{recipe.key}-{int(time.time())}"
        building.rename(finished)
        prune(MAX_AGE + GRACE)
        return finished


def bare_root(suite: str = "bookworm") -> Path:
    """A fresh Debian: no python3, nothing of what a ban host needs."""
    return build_root(suite)


def ready_root(suite: str = "bookworm") -> Path:
    """A Debian with the packages of a ban host, for tests that are not about installing."""
    return build_root(suite, packages=BAN_HOST)
