"""No error of an inventory quotes a value that may be a secret, however malformed it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.cli.main import main
from provision.errors import InputError
from provision.inventory.expressions import Scope
from provision.inventory.templates import Templates
from provision.inventory.variables import Variable, Where
from tests.plays import load_plays
from tests.unit.inventory.inventories import read_scope, write

MARK = "Zq7vKx3wJy9uPr5t"
PIECES = {MARK[n : n + 4] for n in range(len(MARK) - 3)}
VARIABLES = [
    "ansible_password",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_become_password",
    "ansible_become_pass",
    "ansible_sudo_pass",
    "ansible_ssh_private_key_file",
    "ansible_private_key_file",
    "ansible_ssh_private_key",
    "ansible_private_key_passphrase",
]
# Values in YAML after the name of a variable; SECRET stands for the mark.
MALFORMED = [
    "'pw{{SECRET'",
    "'pw{{SECRET}}'",
    "'{{SECRET}}'",
    "'pw{%SECRET'",
    "'pw{%SECRET%}'",
    "'pw{#SECRET'",
    "'pw{{ SECRET | SECRET }}'",
    "'pw{{ 1 is SECRET }}'",
    "'pw{{ \"SECRET\" + 1 }}'",
    "'pw{{ (\"SECRET\" | from_json) }}'",
    '\'pw{{ "SECRET(" | regex_search("SECRET(") }}\'',
    '\'pw{{ lookup("SECRET", "SECRET") }}\'',
    '\'pw{{ lookup("file", "/nowhere/SECRET") }}\'',
    '\'pw{{ lookup("pipe", "echo SECRET") }}\'',
    "'pw{{ {}[\"SECRET\"].SECRET }}'",
    "'pw{{ undef(\"SECRET\") }}'",
    "'pw{{ nothing | mandatory(\"SECRET\") }}'",
    "'pw{{ SECRET() }}{{ range(10**10) }}'",
    "['SECRET']",
    "{SECRET: SECRET}",
    "{a: [SECRET, {b: 'SECRET'}]}",
    "'pw SECRET'",
    '"pw\\nSECRET"',
    "|\n  SECRET\n  SECRET",
    "[SECRET",
    "{SECRET: }",
    "'SECRET",
    '"SECRET\\q"',
    "*SECRET",
    "!SECRET x",
    "!SECRET",
    "&SECRET [x]",
    "%SECRET",
    "@SECRET",
    "`SECRET`",
    "{{SECRET}}",
    "SECRET: SECRET",
    "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  SECRET",
    "!vault SECRET",
    "2026-01-01",
    "!!int SECRET",
    "!!timestamp SECRET",
    "\tSECRET",
]


def leaked(text: str) -> list[str]:
    """Return the pieces of the mark that ``text`` holds."""
    return [piece for piece in PIECES if piece.lower() in text.lower()]


def inventory_with(folder: Path, value: str) -> Path:
    """Write an inventory that gives each variable this value, each at hosts of its own.

    A setting that is made from the variable has a wrong type, so that its error could quote it.
    """
    bans, walls = [], []
    (folder / "host_vars").mkdir(parents=True)
    for name in VARIABLES:
        ban, wall = (f"{name.replace('_', '-')}-{kind}" for kind in ("b", "f"))
        bans.append(f"    {ban}: {{receiver_port: '{{{{ {name} }}}}'}}")
        made = f"ban_host: '{{{{ {name} }}}}', enforcement: '{{{{ [{name}] }}}}'"
        walls.append(f"    {wall[-30:]}: {{{made}}}")
        for host in (ban, wall[-30:]):
            (folder / "host_vars" / f"{host}.yml").write_text(f"{name}: {value}\n")
    lines = ["ban_hosts:", "  hosts:", *bans, "fortigates:", "  hosts:", *walls]
    (folder / "hosts.yml").write_text("\n".join(lines) + "\n")
    return folder


def said(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(load_plays, arguments)
    return code, "".join(capfd.readouterr())


@pytest.mark.parametrize("form", MALFORMED)
def test_no_malformed_value_is_quoted(
    tmp_path: Path, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = inventory_with(tmp_path / "inventory", form.replace("SECRET", MARK))
    code, text = said(capfd, "plan", "-vvv", "--json", "-i", str(folder))
    assert code == 3, text[:1000]
    assert not leaked(text), text[:1000]


@pytest.mark.parametrize("verb", [["check"], ["check", "--json"], ["render", "OUT"], ["plan"]])
@pytest.mark.parametrize("form", ["'pw{{SECRET}}'", "[{a: SECRET}]", '"pw\\nSECRET"'])
def test_no_verb_quotes_a_malformed_value(
    tmp_path: Path, form: str, verb: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = inventory_with(tmp_path / "inventory", form.replace("SECRET", MARK))
    words = [word.replace("OUT", str(tmp_path / "out")) for word in verb]
    code, text = said(capfd, *words, "-vvv", "-i", str(folder))
    assert code == 3, text[:1000]
    assert not leaked(text), text[:1000]


@pytest.mark.parametrize(
    "name",
    [
        "ansible_host",
        "ansible_port",
        "ansible_user",
        "ansible_become",
        "ansible_become_method",
        "ansible_connection",
    ],
)
@pytest.mark.parametrize("form", ["[SECRET]", "'SECRET and more'", "{SECRET: 1}"])
def test_the_value_of_a_connection_variable_is_not_quoted_either(
    tmp_path: Path, name: str, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    written = form.replace("SECRET", MARK)
    write(tmp_path, hosts__yml=f"ban_hosts: {{hosts: {{ban1: {{{name}: {written}}}}}}}")
    code, text = said(capfd, "check", "-vvv", "-i", str(tmp_path / "hosts.yml"))
    assert code == 3
    assert f"hosts.yml:1: ban1: {name} must be " in text
    assert not leaked(text)


@given(
    st.lists(
        st.sampled_from(
            ["{{", "}}", "{%", "%}", "{#", "#}", "SECRET", " ", "|", "'", "[", ".", "(", "if"]
        ),
        max_size=12,
    ).map("".join)
)
@settings(max_examples=150, deadline=None)
def test_no_text_of_braces_and_words_is_quoted(written: str) -> None:
    text = written.replace("SECRET", MARK)
    variables = {"ansible_password": Variable(text, Where("hosts.yml", 3))}
    found = Scope(variables, {}, Templates(), Path("/nowhere"))
    assert not leaked(error_of(found))


def error_of(found: Scope) -> str:
    """Return what is reported of the password; nothing if it can be read."""
    try:
        found.get("ansible_password")
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "argument",
    [
        "ansible_password=pw SECRET",
        "ansible_password=pw SECRET-SECRET=SECRET",
        "ansible_password='SECRET",
        "ansible_password=pw{{SECRET",
        "ansible_password=pw{{SECRET}}",
        "ansible_password=abc SECRET=",
        "{ansible_password: [SECRET}",
        "{ansible_password: *SECRET}",
        "{ansible_password: !SECRET x}",
        '{"ansible_password": ["SECRET"]}',
        '{"ansible_password": "SECRET}',
        "{ansible_password: SECRET: SECRET}",
        "[SECRET]",
    ],
)
def test_no_malformed_extra_variable_is_quoted(
    tmp_path: Path, argument: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, hosts__yml="ban_hosts: {hosts: {ban1: {ansible_host: 127.0.0.1}}}")
    text = argument.replace("SECRET", MARK)
    (tmp_path / "more.yml").write_text(text.replace("=", ": ", 1))
    for extra in (text, f"@{tmp_path}/more.yml"):
        code, out = said(capfd, "check", "-vvv", "-i", str(tmp_path / "hosts.yml"), "-e", extra)
        assert not leaked(out), out
        assert code in (0, 3)


def test_the_error_names_variable_and_line_and_suggests_unsafe(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for text in ("pw{{S3cretTail99}}", "pw{{S3cretTail99", "pw{% S3cretTail99 %}", "pw{#S3cret"):
        write(
            tmp_path,
            hosts__yml=f"""
            ban_hosts:
              hosts:
                ban1:
                  ansible_password: '{text}'
            """,
        )
        code, out = said(capfd, "check", "-i", str(tmp_path / "hosts.yml"))
        assert code == 3
        assert "hosts.yml:5: ban1: ansible_password: " in out
        assert "give it in a YAML file, with !unsafe before it" in out


def test_a_password_with_braces_that_is_tagged_unsafe_is_taken_as_it_is(tmp_path: Path) -> None:
    found = read_scope(tmp_path, "ansible_password: !unsafe 'pw{{S3cretTail99'")
    assert found["ansible_password"] == "pw{{S3cretTail99"


def test_a_name_that_holds_no_secret_is_named_where_it_is_undefined(tmp_path: Path) -> None:
    found = read_scope(tmp_path, "feed_name: '{{ sit_name }}'")
    with pytest.raises(InputError, match="feed_name: 'sit_name' is undefined"):
        found["feed_name"]


@pytest.mark.parametrize("secret", ["db_password", "ansible_password", "api_token"])
@pytest.mark.parametrize(
    "text",
    [
        "{{ {}[SECRET] }}",
        "{{ ({} | combine({}))[SECRET] }}",
        "{{ 'x' | attr(SECRET) }}",
        "{{ nothing | mandatory('not ' ~ SECRET) }}",
        "{{ lookup(SECRET) }}",
        "{{ between[0] }}",
    ],
)
def test_no_error_of_another_variable_quotes_a_secret_that_it_uses(secret: str, text: str) -> None:
    where = Where("hosts.yml", 3)
    values = {"port": text, secret: MARK, "between": "{{ {}[SECRET] }}"}
    variables = {
        name: Variable(value.replace("SECRET", secret), where) for name, value in values.items()
    }
    found = Scope(variables, {}, Templates(), Path())
    for _ in range(2):  # the second time it is known
        with pytest.raises(InputError) as error:
            found["port"]
        assert MARK not in str(error.value)


def test_no_expression_names_what_evaluates_it() -> None:
    variables = {"v": Variable("{{ _banstitch_scope.locate('v').file }}", Where("hosts.yml", 3))}
    with pytest.raises(InputError, match="undefined"):
        Scope(variables, {}, Templates(), Path())["v"]
