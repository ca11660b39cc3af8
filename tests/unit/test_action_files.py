"""The action's file of bans says exactly what is held, in the one spelling of each address."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from provision.rendering import render

FILES: dict[str, Any] = {}
exec(compile(render("detection/banstitch_files.py.j2"), "files.py", "exec"), FILES)

SECONDS = st.integers(1, 2**40)
ADDRESSES = st.ip_addresses().map(str) | st.ip_addresses(v=6).map(lambda a: a.exploded.upper())
BANS = st.dictionaries(
    st.ip_addresses().map(str),
    st.tuples(SECONDS | st.just(float("inf")), SECONDS, st.integers(0, 99), st.integers(1, 99)),
)


@given(ADDRESSES)
def test_an_address_has_one_spelling(text: str) -> None:
    assert FILES["spelling"](text) == str(ipaddress.ip_address(text))


@given(st.text(alphabet="0123456789.:/abcfx% ", max_size=20))
def test_what_is_no_address_never_becomes_one(text: str) -> None:
    try:
        wanted = ipaddress.ip_network(text, strict=False)
    except ValueError:
        wanted = None
    try:
        found = FILES["spelling"](text)
    except ValueError:
        found = None
    assert (found is None) == (wanted is None or wanted.prefixlen == 0)


# no deadline: each write is synced to a disk that others use as well
@settings(deadline=None, max_examples=30)
@given(st.lists(BANS, min_size=1, max_size=4))
def test_what_was_written_last_is_read_whatever_was_written_before(
    writes: list[dict[str, tuple[Any, ...]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = FILES["BansFile"](str(Path(folder) / "x.bans"), os.getgid())
        for bans in writes:
            held = {address: FILES["Ban"](*fields) for address, fields in bans.items()}
            file.write(held)
        assert file.read() == (held, "")


@given(
    st.lists(st.ip_addresses().map(str) | st.sampled_from(["10.0.0.0/8", "fc00::/7"])), ADDRESSES
)
def test_the_quick_ignore_list_agrees_with_ipaddress(ignored: list[str], text: str) -> None:
    address = ipaddress.ip_address(text)
    wanted = any(address in ipaddress.ip_network(entry) for entry in ignored)
    assert bool(FILES["Ignored"](ignored).overlap(str(address))) == wanted
