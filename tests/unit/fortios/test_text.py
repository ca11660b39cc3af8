"""The parser and the writer of FortiOS CLI text lose nothing, and locate errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.fortios.config.text import (
    Config,
    Edit,
    Node,
    Note,
    ParseError,
    Statement,
    Word,
    forti_quote,
    list_lines,
    make_key,
    parse,
    serialize,
)

SHOWN = r"""#config-version=FGVM64-7.4.8-FW-build2795-250523:opmode=0:vdom=0:user=admin
#conf_file_ver=1
#buildno=2795
#global_vdom=1

config system automation-action
    edit "Backup Config Disk"
        set description "Backup this FortiGate\'s configuration file to disk."
        set action-type webhook
        set uri "10.0.0.5/dns_update?x=1#y"
        set http-body "{\"action\":\"%%log.action%%\",\"path\":\"C:\\temp\"}"
        set port 5000
        config http-headers
            edit 1
                set key "Content-Type"
                set value "application/json"
            next
        end
    next
    edit "empty"
    next
end
config system automation-stitch
end
config system replacemsg http "url-block"
    set buffer "<html>
  <body class=\"x\">
    end
    next
  </body>
</html>
"
end
config vpn ssl settings
    set source-address "all" "DMZ hosts"
    set password ENC AK1oQ+/x==
    unset banned-cipher
    append member "a"
end
"""

VDOMS = """#global_vdom=1

config vdom
edit root
next
edit "a b"
next
end

config global
config system global
    set hostname "FGT"
end
end

config vdom
edit root
config firewall address
    edit "x"
        set subnet 10.0.0.0 255.0.0.0
    next
end
end
"""


@pytest.mark.parametrize("shown", [SHOWN, VDOMS, "", "config firewall address\nend\n"])
def test_the_output_of_show_is_written_back_byte_for_byte(shown: str) -> None:
    assert serialize(parse(shown)) == shown


def test_crlf_line_ends_read_like_plain_ones() -> None:
    assert parse(SHOWN.replace("\n", "\r\n")) == parse(SHOWN)
    assert parse(SHOWN.replace("\n", "\r\r\n")) == parse(SHOWN)


def _value(text: str) -> str:
    (config,) = parse(f"config x\nset a {text}\nend\n")
    assert isinstance(config, Config)
    (statement,) = config.body
    assert isinstance(statement, Statement)
    assert len(statement.words) == 2
    return statement.words[1].value


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("plain", "plain"),
        ('"a b"', "a b"),
        ("'a \"b\" \\'", 'a "b" \\'),
        (r"a\ b", "a b"),
        ('"a"' + "'b'" + "c", "abc"),
        (r'"\"\'\\"', "\"'\\"),
        ('""', ""),
        ("''", ""),
        ('"one\ntwo"', "one\ntwo"),
        ('"# no comment"', "# no comment"),
        ("b#c", "b#c"),
    ],
)
def test_a_word_means_what_the_cli_takes_it_for(typed: str, meant: str) -> None:
    assert _value(typed) == meant


def test_an_end_inside_an_entry_closes_the_entry_and_its_table() -> None:
    assert parse("config a b\nedit 1\nset x y\nend") == parse(
        "config a b\nedit 1\nset x y\nnext\nend\n"
    )


@pytest.mark.parametrize(
    ("bad", "line", "what"),
    [
        ("config a\n  set x\nend\n", 2, "'set x' needs a value"),
        ("config a\nfoo b\nend\n", 2, "'foo' is not a FortiOS configuration word"),
        ("config a\nedit 1\nnext\n", 1, "'config a' is never closed"),
        ("config a\nedit 1\n", 2, "'edit 1' is never closed"),
        ("next\n", 1, "'next' closes an 'edit'"),
        ("\nend\n", 2, "'end' closes a 'config'"),
        ("config a\nedit b c\nnext\nend\n", 2, "'edit' needs one key"),
        ("edit b\nnext\n", 1, "'edit' belongs directly inside"),
        ('config a\nset b "x\nend\n', 2, 'this " is never closed'),
        ('config a\nset b "x\ny"\nset c \'\nend\n', 4, "this ' is never closed"),
        ("config\nend\n", 1, "'config' needs a path"),
        ("set a b\n", 1, "'set' belongs inside a 'config'"),
        ("config a\nset b \\", 2, "backslash"),
    ],
)
def test_malformed_text_is_refused_with_the_line_and_the_reason(
    bad: str, line: int, what: str
) -> None:
    with pytest.raises(ParseError) as caught:
        parse(bad)
    assert caught.value.line == line
    assert what in caught.value.message


def test_lines_to_type_have_no_indentation_except_inside_a_value() -> None:
    tree = parse('config a\n    edit "k"\n        set b "x\n   y"\n    next\nend\n')
    assert list_lines(tree) == ("config a", 'edit "k"', 'set b "x\n   y"', "next", "end")


@pytest.mark.parametrize("bad", ["a\x16b", "a\rb", "a\nb", "\x00", "tab\t", "\x7f"])
def test_control_characters_are_refused_when_quoting(bad: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        forti_quote(bad)


def test_a_newline_is_quoted_only_on_request() -> None:
    assert forti_quote("a\nb", multiline=True) == '"a\nb"'


printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)


@given(printable)
def test_any_printable_value_survives_quoting(value: str) -> None:
    assert _value(forti_quote(value)) == value
    assert Word(forti_quote(value)).value == value


names = st.from_regex(r"[a-z][a-z-]{0,8}", fullmatch=True).filter(lambda name: name != "global")
values = st.one_of(
    st.from_regex(r"[a-zA-Z0-9.:/-]{1,10}", fullmatch=True).map(Word),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12).map(
        lambda text: Word('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    ),
)
statements = st.one_of(
    st.builds(
        lambda name, rest: Statement("set", (Word(name), *rest)),
        names,
        st.lists(values, min_size=1, max_size=3),
    ),
    st.builds(lambda name: Statement("unset", (Word(name),)), names),
    st.builds(Note, st.sampled_from(["", "# a note"])),
)


def _bodies(children: st.SearchStrategy[tuple[Node, ...]]) -> st.SearchStrategy[tuple[Node, ...]]:
    edits = st.builds(Edit, printable.map(make_key), children)
    tables = st.builds(Config, names, st.lists(edits, max_size=3).map(tuple))
    return st.lists(st.one_of(statements, tables), max_size=4).map(tuple)


bodies = st.recursive(st.lists(statements, max_size=3).map(tuple), _bodies, max_leaves=6)
trees = st.lists(
    st.one_of(st.builds(Config, names.filter(lambda name: name != "vdom"), bodies)), max_size=3
).map(tuple)


@given(trees)
def test_any_tree_comes_back_from_its_text(tree: tuple[Node, ...]) -> None:
    assert parse(serialize(tree)) == tree


@given(st.text(alphabet="config edit nxs\"'\\ \n#a1", max_size=80))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        tree = parse(text)
    except ParseError:
        return
    assert parse(serialize(tree)) == tree
