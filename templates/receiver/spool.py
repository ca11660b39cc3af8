"""The bans as fail2ban's action keeps them: one file a jail.

``# banstitch 1``, then ``ADDRESS UNTIL SINCE FAILURES COUNT`` a ban, then ``end N``. The files are
replaced, never edited; the last line counts the others, so that a file cut short is known as such.

Managed by Banstitch: changes made here are overwritten.
"""

import collections
import errno
import json
import os

from receiver.files import ROOM, Unavailable, signature

# Seconds after which a jail whose action has given no sign of life is not looked after any more. It
# gives one every few seconds, but restoring 100,000 bans at a start may keep it busy.
TENDED = 60
# Seconds for which a ban that was over the limit of its FortiGate is reported.
REFUSED_FOR = 3600
# ``address`` may be a network. Times in epoch seconds, ``until`` infinite for a ban without end.
Ban = collections.namedtuple("Ban", "address until since failures count")


class Bans:
    """The files of all jails. Nothing of them is kept here: 100,000 bans are many."""

    def __init__(self, folder, jails):
        self.folder = folder
        self.paths = {jail: os.path.join(folder, jail + ".bans") for jail in jails}

    def signatures(self):
        """{jail: what changes when its file is replaced, None for one that is missing}"""
        return {jail: signature(path) for jail, path in self.paths.items()}

    def read(self):
        """(signatures, {jail: [Ban]}), expired bans included.

        Raises Unavailable when those of any jail are not known.
        """
        read = {jail: read_bans(path) for jail, path in self.paths.items()}
        return {j: seen for j, (seen, _) in read.items()}, {
            j: bans for j, (_, bans) in read.items()
        }

    def refused(self, now):
        """Return {FortiGate: new bans that were over its limit within the last hour}.

        The file is that of banstitch_limit.py, beside fail2ban's action.
        """
        try:
            with open(os.path.join(self.folder, "limit.json"), encoding="ascii") as stream:
                counts = json.load(stream)
            found = {
                name: sum(
                    n for start, n in kinds["refused"].items() if int(start) > now - REFUSED_FOR
                )
                for name, kinds in counts.items()
            }
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return {}
        together = collections.Counter()
        for name, number in found.items():
            together[name.partition("/")[0]] += number  # NAME/6 is that of IPv6
        return {name: number for name, number in together.items() if number}

    def check_room(self):
        """Raise Unavailable where fail2ban could not write down one more ban: a whole file anew."""
        sizes = [seen[2] for seen in self.signatures().values() if seen]
        try:
            room = os.statvfs(self.folder)
        except OSError as error:
            raise Unavailable("cannot read the bans: %s" % error.strerror) from error
        if room.f_bavail * room.f_frsize < ROOM + max(sizes, default=0):
            raise Unavailable("no room to write the bans")
        for path in self.paths.values():
            check_not_read_only(path)

    def check_tended(self, now):
        """Raise Unavailable where fail2ban's action gives no sign of life: nobody new is banned then."""
        for jail in self.paths:
            try:
                silent = now - os.stat(os.path.join(self.folder, jail + ".alive")).st_mtime
            except OSError:
                silent = float("inf")
            if silent > TENDED:
                raise Unavailable("fail2ban does not look after %s: is it running?" % jail)


def check_not_read_only(path):
    """Raise Unavailable where the file's system takes no writes. Nothing is written: the receiver may
    not write there, but of two reasons to refuse it, that of the file system is told first.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.EROFS:
            raise Unavailable("cannot write the bans: %s" % error.strerror) from error


def read_bans(path):
    """(signature, [Ban]) of one file."""
    what = "the bans of " + os.path.basename(path)
    try:
        with open(path, encoding="ascii") as stream:
            stat = os.fstat(stream.fileno())
            lines = stream.read().split("\n")
        if lines[0] != "# banstitch 1" or lines[-2:] != ["end %d" % (len(lines) - 3), ""]:
            raise Unavailable(what + " are cut short")
        found = [ban(*line.split(" ")) for line in lines[1:-2]]
    except OSError as error:
        raise Unavailable("cannot read %s: %s" % (what, error.strerror)) from error
    except (TypeError, ValueError) as error:
        raise Unavailable("cannot parse " + what) from error
    return (stat.st_ino, stat.st_mtime_ns, stat.st_size), found


def ban(address, until, since, failures, count):
    end = float("inf") if until == "-1" else float(until)
    return Ban(address, end, float(since), int(failures), int(count))
