"""Paste the output of `render --fortios` by hand and compare with `apply`."""

from __future__ import annotations

import re
from pathlib import Path

import paramiko
import pytest

from provision.cli import main
from provision.desired.context import CA_NOT_MADE_YET
from tests.e2e.every_fortios import FORTIGATES, make_variables, start_simulator
from tests.e2e.memory_site import TOKENS, MemorySite
from tests.plays import load_plays
from tests.simulator import Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")


def pasted(unit: Simulator, text: str) -> str:
    """Paste ``text`` at once into a shell, as a terminal program does, and leave."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    login = (unit.address, unit.port, unit.options.user, unit.options.password)
    client.connect(*login, look_for_keys=False, allow_agent=False)
    channel = client.invoke_shell("vt100", 132, 40)
    channel.settimeout(60)
    channel.sendall(text.encode() + b"exit\n")
    seen = b""
    while data := channel.recv(65536):
        seen += data
    client.close()
    return seen.decode()


def put_first(unit: Simulator, scope: str) -> None:
    """What is left to the operator, who alone sees the others: new policies stand last."""
    for path in ("firewall policy", "firewall local-in-policy", "firewall local-in-policy6"):
        keys = list(unit.config.scopes[scope][path].rows)
        if len(keys) > 1:
            unit.run_in(scope, f"config {path}\nmove {keys[-1]} before {keys[0]}\nend")


def comparable(show: str) -> str:
    """What a unit shows, without what no two units share: secrets, and the identity of rows."""
    for name, token in TOKENS.items():
        show = show.replace(token, f"(secret {name})")
    return re.sub(r"ENC \S+|uuid \S+", "", show)


@pytest.mark.parametrize(("version", "vdoms"), FORTIGATES)
def test_pasting_the_rendered_blocks_equals_apply(
    tmp_path: Path, version: str, vdoms: tuple[str, ...]
) -> None:
    with start_simulator(version, vdoms) as unit:
        site = MemorySite(tmp_path / "inventory", unit, **make_variables(version, vdoms))
        assert site.apply().error == ""
        applied = comparable(unit.show())
        folder = tmp_path / "rendered"
        arguments = ["render", str(folder), "--fortios", version, "-i", str(site.folder)]
        assert main.main(load_plays, arguments) == 0

    with start_simulator(version, vdoms) as unit:
        text = (folder / "fgt1.conf").read_text()
        # a unit takes any text as a token, but as a CA only a certificate
        whole = text.replace(f'set ca "{CA_NOT_MADE_YET}"', f'set ca "{site.authority.strip()}"')
        seen = pasted(unit, whole)
        assert [line for line in unit.journal if line.errors] == [], seen
        put_first(unit, vdoms[0] if vdoms else "")
        assert comparable(unit.show()) == applied
