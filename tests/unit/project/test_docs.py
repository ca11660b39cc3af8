"""What README, ARCHITECTURE and CHANGELOG say is held true, as far as a program can tell."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache

import click
import pytest
from pydantic.fields import FieldInfo

from provision.cli import main
from provision.desired import collect
from provision.fortios.config import text as cli_text
from provision.fortios.session import commands as commands_typed
from provision.fortios.session import terminal
from provision.inventory import sandbox
from provision.linux import answers
from provision.linux.resources import Directory, File, Package, Service, Tokens, User
from provision.linux.session.session import CHANGING, LOOKING
from provision.plan import Change
from provision.results import Exit, SiteResult, TargetResult, build_document
from tests import PROJECT
from tests.plays import PLAYS
from tests.unit.roles.sample_site import sample_site

DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/security.md",
    "docs/troubleshooting.md",
)
ROLES = {role.NAME: role for play in PLAYS for role in play.roles}
VERBS = sorted(main.cli.commands)


@cache
def text(name: str) -> str:
    return (PROJECT / name).read_text()


def section(name: str, title: str) -> str:
    """What stands under a heading of the second level."""
    return text(name).split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(part: str) -> list[list[str]]:
    """The cells of each row of the tables in ``part``, heads and rules left out."""
    found = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in part.splitlines()
        if line.startswith("|")
    ]
    return [
        row for n, row in enumerate(found) if "---" not in row[0] and "---" not in _first(found, n)
    ]


def _first(table: list[list[str]], number: int) -> str:
    """The first cell of the next row: a rule under a head."""
    return table[number + 1][0] if number + 1 < len(table) else ""


def code(part: str) -> set[str]:
    """Everything in backticks."""
    return set(re.findall(r"`([^`]+)`", part))


def commands(name: str) -> Iterator[list[str]]:
    """Every call of site.py that a document shows or names, as words."""
    for line in re.findall(r"python site\.py ([^\n`#]+)", text(name)):
        yield shlex.split(line)


# --- the command line --------------------------------------------------------------------------


def test_the_table_of_verbs_has_every_verb_and_no_other() -> None:
    named = [row[0].strip("`").split()[0] for row in rows(section("README.md", "Verbs"))]
    assert sorted(named) == VERBS


def options() -> dict[str, set[str]]:
    """Flag spellings (``-y, --yes``) to the verbs that have them."""
    found: dict[str, set[str]] = {}
    for verb, command in main.cli.commands.items():
        for option in command.params:
            if isinstance(option, click.Option):
                found.setdefault(", ".join(option.opts), set()).add(verb)
    return found | {"-h, --help": set(VERBS)}


def test_the_table_of_flags_has_every_flag_with_its_verbs_and_no_other() -> None:
    said = {}
    for flags, verbs, _ in rows(section("README.md", "Flags")):
        spelt = ", ".join(each.split()[0] for each in re.findall(r"`([^`]+)`", flags))
        said[spelt] = set(VERBS) if verbs == "all" else code(verbs)
    assert said == options()


def test_the_table_of_exit_codes_is_that_of_the_program() -> None:
    said = {row[1]: int(row[0]) for row in rows(section("README.md", "Exit codes"))}
    assert said == {each.name.lower(): int(each) for each in Exit}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_shown_is_one_that_the_program_takes(name: str) -> None:
    for verb, *arguments in commands(name):
        command = main.cli.commands[verb]
        whole = click.Context(main.cli, help_option_names=["-h", "--help"])
        command.make_context(verb, arguments, parent=whole, resilient_parsing=False)


def test_the_json_shown_has_the_keys_that_the_program_writes() -> None:
    result = TargetResult("bh", "linux", "differs", changes=(Change("file:/x", "create"),))
    written = build_document("plan", Exit.DIFFERS, [SiteResult("bh", (result,))])
    shown = re.search(r"\n    (\{\"verb\".*?\n)\n", section("README.md", "JSON"), re.DOTALL)
    assert shown
    assert _keys(ast.literal_eval(shown[1].replace("null", "None"))) == _keys(written)


def _keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: _keys(each) for key, each in value.items()}
    return [_keys(value[0])] if isinstance(value, list) and value else None


# --- settings ----------------------------------------------------------------------------------


def default(field: FieldInfo) -> str:
    """A default as YAML, or in words."""
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "the detection's"
    if isinstance(value, bool):
        return f"`{value}`".lower()
    shown = f"[{', '.join(value)}]" if isinstance(value, tuple) else f"{value}" or '""'
    return f"`{shown}`"


def test_the_tables_of_settings_are_those_of_the_models() -> None:
    models = [role.Settings.model_fields.items() for role in ROLES.values()]
    wanted = {
        f"`{name}`": [default(field), str(field.description)]
        for fields in models
        for name, field in fields
    }
    said = {row[0]: row[1:] for row in rows(section("README.md", "Settings"))}
    assert said == wanted


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_setting_that_is_named_exists(name: str) -> None:
    prefixes = "|".join(role.PREFIX for role in ROLES.values() if role.PREFIX.endswith("_"))
    named = re.findall(rf"`((?:{prefixes})\w+)", text(name))
    known = {field for role in ROLES.values() for field in role.Settings.model_fields}
    assert set(named) <= known


# --- what is changed where ---------------------------------------------------------------------


def test_everything_that_the_ban_host_gets_is_in_the_readme() -> None:
    named = code(section("README.md", "What it changes where"))
    for resource in collect.render_resources(sample_site(), PLAYS):
        if isinstance(resource, Package | User | Service):
            assert resource.name in named
        elif isinstance(resource, File | Tokens):
            assert resource.path in named
        elif isinstance(resource, Directory):
            within = f"{resource.path}/"
            assert resource.path in named or any(path.startswith(within) for path in named)


def test_everything_that_a_fortigate_gets_is_in_the_readme() -> None:
    site = sample_site()
    named = code(section("README.md", "What it changes where"))
    for wanted in collect.render_desired(site, site.fortigates[0], PLAYS, {}).objects:
        assert set(wanted.id.split(":")) <= named


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
    assert [link for link in local if not (PROJECT / link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_link_to_a_heading_is_dead(name: str) -> None:
    headings = re.findall(r"^#+ (.+)$", text(name), re.M)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text(name))) <= anchors


def test_the_limits_on_the_security_page_are_those_of_the_program() -> None:
    mib = 1 << 20
    limits = {
        f"({LOOKING // 60} minutes; an hour to change": CHANGING == 3600,
        f"{answers.largest('observe') // mib} MiB to look and to change": True,
        f"{answers.largest('bans') // mib} MiB for bans and their history": True,
        f"{answers.largest('status') // mib} MiB for everything else": True,
        f"one line of {commands_typed.LOOK_LONGEST} characters": True,
        f"a deadline ({terminal.EXCHANGE // 60:.0f} minutes)": True,
        f"({terminal.LONGEST // mib} Mi characters, {terminal.LINE_LONGEST // mib} Mi in": True,
        f"A login has {terminal.LOGIN:.0f} seconds and {terminal.BANNER_LONGEST >> 10} Ki": True,
        "all waiting of a session together has an hour": terminal.SESSION == 3600,
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
    assert versions[0] == stated[1]
