"""Power may go at every moment of a write: the receiver then reads the old bans or the new ones.

A disk is modelled that keeps, of what was not synced, nothing, half or all, as real ones may.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.ban_file import FOREVER, Ban

from tests.unit.action.action_model import Server, installed
from tests.unit.receiver.receiver_app import module

pytestmark = pytest.mark.slow

OLD = {"203.0.113.9": -1.0}
NEW = {"203.0.113.9": -1.0, "203.0.113.10": -1.0, "2001:db8::1": -1.0}


class PowerCut(BaseException):
    """Nothing of the process runs any more: not even an ``except OSError``."""


class Disk:
    """``os`` for one module, whose power goes just before or just after the n-th call that writes."""

    CALLS = ("open", "write", "fchmod", "fchown", "fsync", "rename", "close")

    def __init__(self, cut: int, after: bool, kept: float) -> None:
        self.left, self.after, self.kept = cut, after, kept
        self.names: dict[int, str] = {}
        self.unsynced: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._counted(name, real) if name in self.CALLS else real

    def _counted(self, name: str, real: Any) -> Any:
        def call(*arguments: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                self._cut()
            result = real(*arguments)
            self._watch(name, arguments, result)
            if self.left == 0:
                self._cut()
            return result

        return call

    def _watch(self, name: str, arguments: tuple[Any, ...], result: Any) -> None:
        if name == "open":
            self.names[result] = str(arguments[0])
        elif name == "write":
            self.unsynced.add(self.names[arguments[0]])
        elif name == "fsync":
            self.unsynced.discard(self.names[arguments[0]])
        elif name == "rename" and str(arguments[0]) in self.unsynced:
            self.unsynced.add(str(arguments[1]))

    def _cut(self) -> None:
        for path in map(Path, self.unsynced):
            if path.is_file():
                data = path.read_bytes()
                path.write_bytes(data[: int(len(data) * self.kept)])
        raise PowerCut


def make_bans(bans: dict[str, float]) -> dict[str, Ban]:
    return {address: Ban(address, FOREVER, 1700000000.0, 3, 1) for address in bans}


def cut_while_writing(server: Server, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether the power failed before the write of NEW over OLD was complete."""
    spool_files = server.module.spool_files
    where = spool_files.BansFile(str(server.file), os.getgid())
    where.write(make_bans(OLD))
    with monkeypatch.context() as patch:
        patch.setattr(spool_files, "os", disk)
        try:
            where.write(make_bans(NEW))
        except PowerCut:
            return True
    return False


@pytest.mark.parametrize("kept", [0, 0.5, 1])
@pytest.mark.parametrize("after", [False, True])
def test_power_may_go_at_every_step_of_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool, kept: float
) -> None:
    server = installed(tmp_path, monkeypatch)
    read_bans = module("spool").read_bans
    steps = 1
    while cut_while_writing(server, Disk(steps, after, kept), monkeypatch):
        _, found = read_bans(str(server.file))
        assert {each.address for each in found} in (set(OLD), set(NEW)), steps
        server.start()
        assert server.readable()
        server.stop()
        assert not list(tmp_path.glob("*.new")), steps
        steps += 1
    assert steps > 9
    assert server.bans() == NEW


def test_the_model_of_a_disk_sees_a_file_that_was_renamed_before_it_was_synced(
    tmp_path: Path,
) -> None:
    """Without this, the test above would also pass for a write that forgets to sync."""
    disk = Disk(5, True, 0.5)
    handle = disk.open(str(tmp_path / "new"), os.O_WRONLY | os.O_CREAT, 0o600)
    disk.write(handle, b"four")
    disk.rename(str(tmp_path / "new"), str(tmp_path / "old"))
    disk.close(handle)
    with pytest.raises(PowerCut):
        disk.close(disk.names and os.open(str(tmp_path / "old"), os.O_RDONLY))
    assert (tmp_path / "old").read_bytes() == b"fo"
