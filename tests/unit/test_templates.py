"""Every rendered file, beside the one that was reviewed, and accepted by the language it is written in.

After a change that is meant: ``BANSTITCH_UPDATE_GOLDEN=1 pytest tests/unit/test_templates.py``, then read
the diff of tests/golden/rendered.
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path

import pytest

from provision.fortios.desired import desired
from provision.fortios.text import parse
from provision.linux.resources import File
from provision.rendering import TEMPLATES
from roles import detection, enforcement, feed, receiver, webhook
from tests.unit.sample_site import fortios, linux, sample_site

GOLDEN = Path(__file__).parent.parent / "golden" / "rendered"


def rendered() -> dict[str, str]:
    """Every file and CLI block of the sample site, by the name it has in the golden folder."""
    site = sample_site()
    found = (*detection.resources(linux(site)), *receiver.resources(linux(site)))
    files = {
        f"ban1{resource.path}": resource.content
        for resource in found
        if isinstance(resource, File) and resource.content is not None and not is_plain(resource)
    }
    blocks = [b for role in (webhook, feed, enforcement) for b in role.blocks(fortios(site))]
    return files | {f"fw1/{block.name}.conf": block.text for block in blocks}


def is_plain(file: File) -> bool:
    """Whether it goes to the host as it stands in templates/, where it is reviewed."""
    names = [path for path in TEMPLATES.rglob("*.py") if path.name == Path(file.path).name]
    return file.content in [path.read_text() for path in names]


RENDERED = rendered()


@pytest.mark.parametrize("name", RENDERED)
def test_a_file_is_rendered_as_it_was_reviewed(name: str) -> None:
    path = GOLDEN / f"{name}.golden"  # no Python file for ruff and mypy to find
    if os.environ.get("BANSTITCH_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RENDERED[name], encoding="utf-8")
    assert path.read_text(encoding="utf-8") == RENDERED[name]


def test_no_reviewed_file_is_left_over() -> None:
    kept = {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*") if path.is_file()}
    assert kept == {f"{name}.golden" for name in RENDERED}


def test_every_template_is_used() -> None:
    """A template that nothing renders has no test, so it may as well not exist."""
    there = {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.j2")}
    sources = "".join(path.read_text() for path in (TEMPLATES.parent / "roles").glob("*.py"))
    named = {name for name in there if name in sources}
    made = {"webhook/trigger.j2", "webhook/stitch.j2", "enforcement/ssl_vpn.j2"}
    assert there == named | made


@pytest.mark.parametrize("name", [name for name in RENDERED if name.endswith(".py")])
def test_python_files_compile(name: str) -> None:
    compile(RENDERED[name], name, "exec")


@pytest.mark.parametrize("name", [n for n in RENDERED if "/fail2ban/" in n and n.endswith(".conf")])
def test_fail2ban_files_are_read_by_configparser(name: str) -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.read_string(RENDERED[name])
    assert parser.sections()


@pytest.mark.parametrize("name", [name for name in RENDERED if name.startswith("fw1/")])
def test_cli_blocks_are_fortios_text(name: str) -> None:
    assert parse(RENDERED[name])


def test_cli_blocks_of_one_fortigate_describe_no_object_twice() -> None:
    blocks = [b for r in (webhook, feed, enforcement) for b in r.blocks(fortios(sample_site()))]
    assert len(desired(blocks).objects) == len(blocks)


@pytest.mark.parametrize("name", RENDERED)
def test_every_file_ends_in_one_newline_and_has_no_trailing_blanks(name: str) -> None:
    text = RENDERED[name]
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not [line for line in text.splitlines() if line != line.rstrip()]
