"""A deploy of pyinfra that wants what `desired.json` says, by pyinfra's own operations.

pyinfra runs it; nothing here imports it. Its inventory names the folder of each host.
"""

from __future__ import annotations

import json
from pathlib import Path

from pyinfra import host
from pyinfra.operations import apt, files, server, systemd

folder = Path(host.data.folder)
desired = json.loads((folder / "desired.json").read_text())

apt.packages(packages=desired["packages"], no_recommends=True)
for user in desired["users"]:
    server.group(group=user["name"], system=True)
    server.user(
        user=user["name"],
        group=user["name"],
        home=user["home"],
        shell="/usr/sbin/nologin",
        system=True,
        ensure_home=False,
    )
for each in desired["directories"]:
    files.directory(path=each["path"], mode=each["mode"], user=each["owner"], group=each["group"])
for each in desired["logs"]:
    files.file(path=each["path"], mode=each["mode"], user=each["owner"], group=each["group"])
for each in desired["files"]:
    files.put(
        src=each["source"],
        dest=each["path"],
        mode=each["mode"],
        user=each["owner"],
        group=each["group"],
    )
for name in desired["services"]:
    systemd.service(service=name, running=True, enabled=True)
