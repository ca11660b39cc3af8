"""Lines of known_hosts files are matched to hosts as OpenSSH matches them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from provision.ssh.known_hosts import Known, find_keys, format_name, list_warnings, matches

RSA = paramiko.RSAKey.generate(1024)
ECDSA = paramiko.ECDSAKey.generate()
OTHER = paramiko.ECDSAKey.generate()
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write lines into a file of host keys."""

    def written(*lines: str, name: str = "known_hosts", end: str = "\n") -> Path:
        file = tmp_path / name
        file.write_text("".join(line + end for line in lines), newline="")
        return file

    return written


def spelt(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def blobs(known: Known) -> list[bytes]:
    return [line.blob for line in known.keys]


# --- names -------------------------------------------------------------------------------------------------

LETTERS = "ab.1*?!,[]:-A"
WORDS = st.one_of(
    st.text(LETTERS, min_size=1, max_size=12),
    st.lists(
        st.sampled_from(
            [
                "*",
                "!a.b",
                "a.b",
                "A.b",
                "?.b",
                "a*",
                "!*.b",
                "[a.b]:22",
                "[a.b]:2222",
                "[*]:2222",
                "!",
                "[a?b]:*",
            ]
        ),
        min_size=1,
        max_size=4,
    ).map(",".join),
)
HOSTS = st.sampled_from(
    ["a.b", "b.b", "[a.b]:2222", "a", "::1", "[::1]:2222", "1.1.1.1", "[1.1.1.1]:1"]
)


@settings(max_examples=150)
@given(names=WORDS, host=HOSTS)
@example(names="!a.b,*", host="a.b")
@example(names="*,!a.b", host="a.b")
@example(names="!a.b", host="b.b")
@example(names="[a.b]", host="a.b")
def test_names_are_matched_as_ssh_keygen_does(
    names: str, host: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "compared"
    file.write_text(f"{names} {spelt(ECDSA)}\n")
    argv = ["ssh-keygen", "-F", host, "-f", str(file)]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert bool(find_keys([file], *endpoint(host)).keys) == (found.returncode == 0), found.stderr


def endpoint(host: str) -> tuple[str, int]:
    """Return address and port of a name that known_hosts would have."""
    if not host.startswith("["):
        return host, 22
    address, _, port = host[1:].rpartition("]:")
    return address, int(port)


@pytest.mark.parametrize("host", ["a.b", "[a.b]:2222", "::1", "[::1]:2222"])
def test_hashed_names_are_found(host: str, write: Write) -> None:
    file = write(f"{host} {spelt(ECDSA)}", f"other {spelt(OTHER)}")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "|1|" in file.read_text()
    assert blobs(find_keys([file], *endpoint(host))) == [ECDSA.asbytes()]
    assert not find_keys([file], "b.b", 22).keys


def test_a_host_is_looked_up_in_lower_case(write: Write) -> None:
    file = write(f"bh1.Example.ORG {spelt(ECDSA)}")
    assert find_keys([file], "BH1.example.org", 22).keys
    assert format_name("BH1", 2222) == "[bh1]:2222"


def test_a_line_for_port_22_is_kept_apart_from_those_of_another_port(write: Write) -> None:
    known = find_keys([write(f"bh1 {spelt(ECDSA)}")], "bh1", 2222)
    assert not known.keys
    assert [line.blob for line in known.plain] == [ECDSA.asbytes()]
    assert not find_keys([write(f"[bh1]:2222 {spelt(ECDSA)}")], "bh1", 22).keys


# --- lines -------------------------------------------------------------------------------------------------


def test_several_keys_and_several_files_are_read_together(write: Write) -> None:
    first = write(f"bh1 {spelt(RSA)}", f"x,bh1,y {spelt(ECDSA)} a comment")
    second = write(f"\tbh1\t{spelt(OTHER)}", name="second")
    missing = first.with_name("missing")
    assert blobs(find_keys([first, missing, second], "bh1", 22)) == [
        RSA.asbytes(),
        ECDSA.asbytes(),
        OTHER.asbytes(),
    ]


def test_markers_are_distinguished_and_lines_are_named(write: Write) -> None:
    file = write(
        "# a comment",
        "",
        f"@cert-authority *.example.org {spelt(RSA)}",
        f"@revoked * {spelt(ECDSA)}",
        f"bh1.example.org {spelt(OTHER)}",
    )
    known = find_keys([file], "bh1.example.org", 2222)
    assert [str(line) for line in known.authorities] == [f"{file}:3"]
    assert [str(line) for line in known.revoked] == [f"{file}:4", f"{file}:4"]
    assert [str(line) for line in known.plain] == [f"{file}:5"]


@pytest.mark.parametrize("end", ["\r\n", "\n", " \n"])
def test_line_ends_do_not_matter(end: str, write: Write) -> None:
    assert find_keys([write(f"bh1 {spelt(ECDSA)}", "", end=end)], "bh1", 22).keys


BROKEN = {
    "no key": "bh1",
    "no base64": "bh1 ssh-ed25519 not-base64!",
    "a key that is cut off": f"bh1 {spelt(ECDSA)[:-8]}",
    "a key of another type than it says": f"bh1 ssh-ed25519 {ECDSA.get_base64()}",
    "an unknown marker": f"@trusted bh1 {spelt(ECDSA)}",
    "two markers": f"@revoked @cert-authority bh1 {spelt(ECDSA)}",
    "a hash that is none": f"|1|abc|def {spelt(ECDSA)}",
    "a type nobody knows": "bh1 ssh-dss AAAAB3NzaC1kc3MAAAA=",
    "a key of SSH 1": "bh1 1024 35 12345678",
    "a merge conflict": "<<<<<<< HEAD",
    "binary": "\udcff\udcfe\x00",
}


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_named_and_the_others_count(line: str, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_bytes(os.fsencode(f"{line}\nbh1 {spelt(ECDSA)}\n"))
    assert blobs(find_keys([file], "bh1", 22)) == [ECDSA.asbytes()]
    (warning,) = list_warnings([file], [])
    assert (warning.file, warning.line) == (str(file), 1)
    assert "line skipped" in warning.message
    assert str(warning).isprintable()


def test_lines_of_other_files_are_named_only_where_they_are_about_a_target(write: Write) -> None:
    own = write(f"bh1 {spelt(ECDSA)}")
    other = write("bh1 ssh-dss AAAA", "elsewhere ssh-dss AAAA", "garbage", name="other")
    found = list_warnings([own, other], [("bh1", 2222)])
    assert [(each.file, each.line) for each in found] == [(str(other), 1)]


def test_a_file_of_another_kind_does_not_flood_the_terminal(write: Write) -> None:
    file = write(*(f"line {number}" for number in range(1000)))
    assert len(list_warnings([file], [])) < 10
    assert "995 more" in str(list_warnings([file], [])[-1])


def test_a_file_that_cannot_be_read_is_a_warning_unless_it_is_the_inventory_s(
    write: Write, tmp_path: Path
) -> None:
    folder, file = tmp_path / "folder", write(f"bh1 {spelt(ECDSA)}")
    folder.mkdir()
    assert find_keys([file, folder], "bh1", 22).keys
    assert "folder" in str(list_warnings([file, folder], []))
    with pytest.raises(IsADirectoryError):
        find_keys([folder, file], "bh1", 22)


@given(content=st.binary(max_size=400))
def test_any_file_is_read(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "anything"
    file.write_bytes(content)
    known = find_keys([file], "bh1", 22)
    assert all(1 <= line.number <= content.count(b"\n") + 1 for line in known.keys)
    assert all(str(warning).isprintable() for warning in list_warnings([file], [("bh1", 22)]))


@given(st.text(min_size=1), st.text())
def test_any_names_can_be_matched(names: str, host: str) -> None:
    assert matches(names, host) in (True, False)
