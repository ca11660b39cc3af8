"""fail2ban's reading of logs, as far as the action knows it, for the model of its server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


class Container:
    """fail2ban's FileContainer: begins anew where its log is another file, unless that is empty yet."""

    def __init__(self, path: str) -> None:
        self.path, self.place, self.inOperation = path, 0, False
        self.inode = Path(path).stat().st_ino

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Container) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def open(self) -> bool:
        about = Path(self.path).stat()
        if about.st_size and about.st_ino != self.inode:
            self.inode, self.place = about.st_ino, 0
        return about.st_size > self.place

    def close(self) -> None:
        """Forget the open file."""

    def getPos(self) -> int:  # noqa: N802 - fail2ban names it so
        return self.place

    def setPos(self, place: int) -> None:  # noqa: N802 - fail2ban names it so
        self.place = place


class Filter:
    """fail2ban's FileFilter, as far as the action knows it."""

    inOperation = False  # noqa: N815 - fail2ban names it so

    def __init__(self, ignored: Callable[[], list[str]]) -> None:
        self._ignored = ignored
        self.added: list[str] = []
        self.logs: dict[str, Container] = {}
        self.lines: list[str] = []
        # lines that fail2ban itself took out of a log
        self.read = 0
        self.active = True
        # of each line, whether an old one would have been taken for one of now
        self.operating: list[bool] = []
        # logs whose places are to be saved; of two equal keys a dict keeps the first
        self._pendDBUpdates: dict[Container, int] = {}

    def getIgnoreIP(self) -> list[str]:  # noqa: N802 - fail2ban names it so
        return sorted({*self._ignored(), *self.added})

    def addIgnoreIP(self, ip: str) -> None:  # noqa: N802 - fail2ban names it so
        self.added.append(ip)

    def delIgnoreIP(self, ip: str) -> None:  # noqa: N802 - fail2ban names it so
        self.added.remove(ip)

    def forget_log(self, path: str) -> None:
        """Drop a log, as a reload does whose configuration does not name it."""
        del self.logs[path]

    def save_places(self) -> dict[str, int]:
        """Return the places that fail2ban saves as it stops, by log."""
        return {log.path: log.getPos() for log in self._pendDBUpdates}

    def addLogPath(self, path: str) -> None:  # noqa: N802 - fail2ban names it so
        self.logs.setdefault(path, Container(path))

    def getLog(self, path: str) -> Container:  # noqa: N802 - fail2ban names it so
        return self.logs[path]

    def processLineAndAdd(self, line: str) -> None:  # noqa: N802 - fail2ban names it so
        self.lines.append(line)
        self.operating.append(self.inOperation)

    def getFailures(self, path: str) -> None:  # noqa: N802 - fail2ban names it so
        """Read what is new in a log."""
        log = self.logs[path]
        if log.open():
            with Path(path).open("rb") as stream:
                stream.seek(log.place)
                for line in stream.read().decode().splitlines():
                    self.read += 1
                    self.processLineAndAdd(line)
                log.place = stream.tell()
        self._pendDBUpdates[log] = 1
