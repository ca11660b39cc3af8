"""Output that a hostile FortiGate writes in place of its answers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from itertools import repeat

from tests.e2e.hostile_world import Rewrite

# what no text of ours may hold, and what a terminal would act upon
ESCAPES = b"\x1b]0;OWNED\x07\x1b[2J\xc2\x9b1m\xe2\x80\xae\xe2\x80\x8b\x00\xff\xfe\rforged"


def rewrite_after_login(rewrite: Rewrite) -> Rewrite:
    """Return a function that leaves the first output alone, and rewrites the rest."""
    started: list[bool] = []

    def then(said: bytes) -> Iterable[bytes]:
        if not started:
            started.append(True)
            return (said,)
        return rewrite(said)

    return then


def drip(_: bytes) -> Iterator[bytes]:
    while True:
        time.sleep(0.02)  # it is the FortiGate that is slow, nobody waits for luck
        yield b"x"


def ask_to_accept(_: bytes) -> Iterator[bytes]:
    return repeat(b"\r\n(Press 'a' to accept):")


ENDLESS: dict[str, Rewrite] = {
    "dripping": drip,
    "lines": lambda _: repeat(b"    set comment x\r\n" * 100),
    "one line": lambda _: repeat(b"x" * 1000),
    "prompts": lambda said: repeat(said[-12:] + b"\r\n"),
    "redrawing": lambda _: repeat(b"a\r" * 500),
    "escapes": lambda _: repeat(ESCAPES * 20 + b"\r\n"),
    "pager": lambda _: repeat(b"--More-- \r         \r"),
    "questions": lambda _: repeat(b"Do you want to continue? (y/n) "),
    "zeros": lambda _: repeat(b"\0" * 1000),
}
# the same words whenever something is typed, and nothing more until then
STUBBORN: dict[str, Rewrite] = {
    "silent": lambda _: (),
    "pager": lambda _: (b"--More-- ",),
    "question": lambda _: (b"Do you want to continue? (y/n) ",),
    "quote": lambda _: (b"\r\n> ",),
    "another prompt": lambda _: (b"\r\nelse # ",),
    "brackets": lambda said: (said.replace(b" #", b" " + b"(x)" * 2000 + b"!"),),
}


def replace_objects(text: bytes) -> Rewrite:
    """Put ``text`` in place of what `show` says of an object, prompt and echo being left alone."""
    return lambda said: (re.sub(rb"(?s)config [^\r]*\r\n.*?\r\nend\r\n", lambda _: text, said),)


ABSURD = {
    "deep": b"config a\r\nedit 1\r\n" * 2_000,
    "deeper than Python": b"config a b\r\n" * 2_0000,
    "never closed": b"config vpn ssl settings\r\n",
    "open quote": b'config vpn ssl settings\r\nset a "b\r\nend\r\n',
    "another table": b'config system admin\r\nedit "x"\r\nset a b\r\nnext\r\nend\r\n',
    "escapes": b"config " + ESCAPES + b"\r\nend\r\n",
    "odd key": b'config firewall policy\r\nedit "1\x01"\r\nnext\r\nend\r\n',
    "key of two lines": b'config firewall policy\r\nedit "1\r\nexecute reboot"\r\nnext\r\nend\r\n',
    "no configuration": b"hello " * 1000 + b"\r\n",
    "one long word": b"y" * 60000 + b"\r\n",
    "a refusal without an end": b"Command fail. Return code -1 " + b"x" * 60000 + b"\r\n",
}
