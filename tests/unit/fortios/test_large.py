"""A configuration of 3,000 lines is read without loss, and a run reads only its own tables."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

from provision.fortios.config.text import Config, parse, serialize
from tests.e2e.memory_site import MemorySite
from tests.simulator import Options, Simulator
from tests.simulator.sample_config import sample

VDOMS: list[tuple[str, ...]] = [(), ("Branch", "Guests")]
OURS = re.compile(
    r"show ((vpn )?certificate ca"
    r"|system (automation-(action|trigger|stitch)|external-resource|vdom-property|csf|ha|global"
    r"|central-management)"
    r"|automation setting"
    r"|vpn (ssl settings|ipsec phase1-interface)|system (settings|zone)"
    r"|firewall (policy|local-in-policy6?|service custom \"banstitch_vpn\"))(\s|$).*"
)


@pytest.mark.parametrize("vdoms", VDOMS)
def test_a_long_configuration_is_written_back_unchanged(vdoms: tuple[str, ...]) -> None:
    text = sample(vdoms=vdoms)
    assert 2700 < len(text.splitlines()) < 3500
    assert serialize(parse(text)) == text


@pytest.mark.parametrize("vdoms", VDOMS)
def test_a_fortigate_that_loaded_it_shows_it_again(vdoms: tuple[str, ...]) -> None:
    text = sample(vdoms=vdoms)
    shown = Simulator(Options(config=text)).show()
    body = text.partition("#global_vdom=1\n")[2]
    assert without_enc(shown) == without_enc(body)
    assert [node.path for node in parse(body) if isinstance(node, Config)] == [
        node.path for node in parse(shown) if isinstance(node, Config)
    ]


@pytest.mark.parametrize("vdoms", VDOMS)
def test_a_run_reads_only_what_it_manages_and_changes_nothing_else(
    tmp_path: Path, vdoms: tuple[str, ...]
) -> None:
    with Simulator(Options(config=sample(vdoms=vdoms), enc_stable=True)) as fortigate:
        before = fortigate.show()
        site = MemorySite(tmp_path, fortigate, **({"enforcement_vdom": vdoms[0]} if vdoms else {}))
        planned = site.plan()
        assert planned.error == ""
        typed = [re.sub(r"^sudo \S+ ", "", line.text.strip()) for line in fortigate.journal]
        shows = [line for line in typed if line.startswith("sh")]
        assert shows
        assert [line for line in shows if not OURS.fullmatch(line)] == []
        assert fortigate.journal.changing() == []
        assert fortigate.show() == before

        assert site.apply().error == ""
        changed = list(
            difflib.unified_diff(
                before.splitlines(), fortigate.show().splitlines(), lineterm="", n=0
            )
        )[2:]
        assert not [line for line in changed if line[0] == "-"]
        assert 30 < len(changed) < 200
        assert sum("banstitch" in line for line in changed) >= 5

        assert site.teardown().error == ""
        assert fortigate.show() == before


def without_enc(text: str) -> str:
    return re.sub(r"ENC \S+", "ENC", text)
