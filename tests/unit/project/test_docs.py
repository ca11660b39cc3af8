"""Check the documentation against the code."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache, partial

import click
import pytest

from provision import VERSION
from provision.cli import main
from provision.desired import collect
from provision.fortios.config import text as cli_text
from provision.fortios.session import commands as commands_typed
from provision.fortios.session.transcript import Bounds
from provision.inventory import sandbox
from provision.linux import answers
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.package import Package
from provision.linux.kinds.service import Service
from provision.linux.kinds.tokens import Tokens
from provision.linux.kinds.user import User
from provision.linux.session.session import CHANGING, LOOKING
from provision.plan import Change
from provision.results import Exit, SiteResult, TargetResult, build_document
from provision.sites.setting_errors import describe_range
from provision.sites.settings import Role
from provision.sites.site import Site, list_roles
from tests import PROJECT, pages
from tests.plays import PLAYS
from tests.unit.roles.full_site import full_site
from tests.unit.roles.sample_site import sample_site

DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    *(f"docs/{page.name}" for page in sorted((PROJECT / "docs").glob("*.md"))),
)
ROLES = {role.NAME: role for role in list_roles(PLAYS)}
VERBS = sorted(main.cli.commands)


@cache
def text(name: str) -> str:
    return (PROJECT / name).read_text()


def section(name: str, title: str) -> str:
    """Return the text under a heading of the second level."""
    return text(name).split(f"\n## {title}\n")[1].split("\n## ")[0]


def code(part: str) -> set[str]:
    """Return everything in backticks."""
    return set(re.findall(r"`([^`]+)`", part))


def commands(name: str) -> Iterator[list[str]]:
    """Return every call of site.py in a document, as words."""
    whole = text(name).replace("\\\n", " ")  # a long one may go on in the next line
    for line in re.findall(r"python site\.py ([^\n`#]+)", whole):
        # GitLab puts the numbers in
        numbered = line.replace("$CI_NODE_INDEX", "2").replace("$CI_NODE_TOTAL", "4")
        yield shlex.split(numbered)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_shown_is_one_that_the_program_takes(name: str) -> None:
    for verb, *arguments in commands(name):
        command = main.cli.commands[verb]
        whole = click.Context(main.cli, help_option_names=["-h", "--help"])
        command.make_context(verb, arguments, parent=whole, resilient_parsing=False)


def test_the_json_shown_has_the_keys_that_the_program_writes() -> None:
    result = TargetResult("bh", "linux", "differs", changes=(Change("file:/x", "create"),))
    written = build_document("plan", Exit.DIFFERS, [SiteResult("bh", (result,))])
    shown = re.search(r"\n    (\{\"verb\".*?\n)\n", section("docs/commands.md", "JSON"), re.DOTALL)
    assert shown
    assert _keys(ast.literal_eval(shown[1].replace("null", "None"))) == _keys(written)


def _keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: _keys(each) for key, each in value.items()}
    return [_keys(value[0])] if isinstance(value, list) and value else None


@pytest.mark.parametrize("name", pages.PAGES)
def test_the_generated_parts_of_a_page_are_those_of_the_code(name: str) -> None:
    assert pages.update(text(name)) == text(name), "run `make docs`"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_setting_that_is_named_exists(name: str) -> None:
    prefixes = "|".join(role.PREFIX for role in ROLES.values() if role.PREFIX.endswith("_"))
    named = re.findall(rf"`((?:{prefixes})\w+)", text(name))
    known = {field for role in ROLES.values() for field in role.Settings.model_fields}
    assert set(named) <= known


@pytest.mark.parametrize(
    "role", [name for name, role in ROLES.items() if role.Settings.model_fields]
)
def test_the_settings_of_every_role_have_a_section(role: str) -> None:
    assert f"<!-- generated: settings {role} -->" in text("docs/settings.md")


@pytest.mark.parametrize("build", [sample_site, full_site])
def test_everything_that_the_ban_host_gets_is_documented(build: Callable[[], Site]) -> None:
    page = section("docs/undo.md", "On the ban host")
    named = code(page)
    folders = tuple(path for path in named if path.endswith("/"))
    patterns = [path for path in named if "*" in path]
    for resource in collect.render_resources(build(), PLAYS):
        if isinstance(resource, Package | User | Service):
            assert resource.name in named
        elif isinstance(resource, File | Tokens | Directory):
            path = resource.path
            assert (
                path in named
                or f"{path}/".startswith(folders)
                or any(map(partial(fnmatch, path), patterns))
                or (
                    isinstance(resource, Directory) and any(n.startswith(f"{path}/") for n in named)
                )
            )


@pytest.mark.parametrize("build", [sample_site, full_site])
def test_everything_that_a_fortigate_gets_is_documented(build: Callable[[], Site]) -> None:
    site = build()
    named = code(section("docs/undo.md", "On each FortiGate"))
    for wanted in collect.render_desired(site, site.fortigates[0], PLAYS, {}).objects:
        table, _, key = wanted.id.partition(":")
        assert table in named
        # single objects have no key, and the number of a policy is not known before
        assert not key or key in named or "policy" in table


# --- files, targets, links ---------------------------------------------------------------------


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_and_variable_that_is_named_exists(name: str) -> None:
    makefile = text("Makefile")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    for target, variable in re.findall(
        r"(?:`|^ {4})make ([a-z]+)(?: ([A-Z]+)=)?", text(name), re.M
    ):
        assert target in targets
        assert not variable or f"$({variable})" in makefile or f"$(if $({variable})" in makefile


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_link_between_files_is_dead(name: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)|^\[[^]]+\]: (\S+)$", text(name), re.M)
    local = [a or b for a, b in links if not (a or b).startswith(("http", "#"))]
    folder = (PROJECT / name).parent
    assert [link for link in local if not (folder / link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_link_to_a_heading_is_dead(name: str) -> None:
    folder = (PROJECT / name).parent
    for page, anchor in re.findall(r"\]\(((?!http)[^)#]*)#([^)]+)\)", text(name)):
        path = folder / page if page else PROJECT / name
        headings = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
        assert anchor in {_build_anchor(heading) for heading in headings}, f"{page}#{anchor}"


def _build_anchor(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_limits_on_the_security_page_are_those_of_the_program() -> None:
    mib = 1 << 20
    limits = {
        f"({LOOKING // 60} minutes; an hour to change": CHANGING == 3600,
        f"{answers.get_limit('observe') // mib} MiB to observe and to change": True,
        f"{answers.get_limit('bans') // mib} MiB for bans and their history": True,
        f"{answers.get_limit('status') // mib} MiB for everything else": True,
        f"one line of {commands_typed.LOOK_LONGEST} characters": True,
        f"a deadline ({Bounds.exchange // 60:.0f} minutes)": True,
        f"({Bounds.longest // mib} Mi characters, {Bounds.line_longest // mib} Mi in": True,
        f"A login has {Bounds.login:.0f} seconds and {Bounds.banner_longest >> 10} Ki": True,
        "all waiting of a session together has an hour": Bounds.session == 3600,
        f"with more than {cli_text.DEEPEST} levels": True,
        f"at most {sandbox.LONGEST:,} characters and items": True,
    }
    page = " ".join(text("docs/security.md").split())
    assert [limit for limit, right in limits.items() if limit not in page or not right] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_of_the_project_that_is_named_exists(name: str) -> None:
    named = re.findall(r"`((?:provision|roles|templates|tests|inventory)/[\w./-]*)`", text(name))
    places = (PROJECT, PROJECT / "provision")
    made_up = ("roles/NAME.py", "templates/ROLE/")
    gone = [path for path in named if not any((place / path).exists() for place in places)]
    assert [path for path in gone if path not in made_up] == []


def test_the_newest_version_of_the_changelog_is_the_project_s() -> None:
    versions = re.findall(r"^## \[(\d[^]]*)\] - \d{4}-\d\d-\d\d$", text("CHANGELOG.md"), re.M)
    stated = re.search(r'^version = "(.+)"$', text("pyproject.toml"), re.M)
    assert stated
    assert versions[0] == stated[1] == VERSION


@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
def test_a_description_leaves_the_range_to_the_constraint(role: Role) -> None:
    """Errors and docs/settings.md print both, and only one of them would change."""
    for name, field in role.Settings.model_fields.items():
        numbers = re.findall(r"-?\d+", describe_range(field))
        repeated = [number for number in numbers[-1:] if number in str(field.description)]
        assert not repeated, f"{name}: {field.description}"
