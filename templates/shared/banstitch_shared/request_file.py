"""Write a request into a folder whose files root alone reads and carries out.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import errno
import os
import secrets


def write_request(folder: str, text: str, now: float) -> None:
    """Write a request of ASCII characters under a new name, which begins with the time.

    The writer needs no right to list or read the folder.

    Raises:
        OSError: it could not be written as a whole; nothing is left of it.
    """
    path = os.path.join(folder, "%013d-%s.json" % (now * 1000, secrets.token_hex(4)))
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    new, content = os.open(path + ".new", how, 0o600), text.encode("ascii")
    try:
        if os.write(new, content) < len(content):
            os.unlink(path + ".new")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(new)
    os.rename(path + ".new", path)
