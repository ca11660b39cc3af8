"""The error texts of the FortiOS CLI: text is the only error signal a FortiGate gives.

Each function names one situation; the literal lines come from published transcripts.
"""


class Refused(Exception):
    """A command was refused; `lines` is what the FortiGate prints."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def code(number: int) -> str:
    """Return the line that carries a return code."""
    return f"Command fail. Return code {number}"


def _before(what: str, word: str) -> tuple[str, str]:
    """Return the parse error itself, which always has an empty line above it (7.4.8 capture)."""
    return "", f"{what} parse error before '{word}'"


def unknown_action() -> Refused:
    """An unknown verb, or `set` outside any object."""
    return Refused("Unknown action 0")


def parse_error(word: str, number: int | None = -61) -> Refused:
    """An unknown keyword, attribute or option value."""
    lines = _before("command", word)
    return Refused(*lines, *([code(number)] if number is not None else []))


def ambiguous(word: str) -> Refused:
    """An abbreviation that fits several words."""
    return Refused(f"ambiguous command before '{word}'", code(-61))


def incomplete() -> Refused:
    """A missing argument."""
    return Refused("incomplete command in the end", code(-160))


def bad_integer(word: str) -> Refused:
    """Not a number, or out of range."""
    return Refused(f"invalid unsigned integer value: {word}", *_before("value", word), code(-651))


def bad_address(word: str) -> Refused:
    """Not an IP address."""
    return Refused("invalid ip address", *_before("value", word), code(-8))


def bad_certificate() -> Refused:
    """No certificate in PEM form. How a real FortiGate words it was not seen."""
    return Refused(*_before("value", "ca"), code(-1))


def too_long(word: str, limit: int) -> Refused:
    """A string over its size."""
    size = len(word.encode("utf-8", "surrogateescape"))
    return Refused(
        f"string value is too long. the size is {size}, the limit is {limit}",
        *_before("value", word),
        code(-1),
    )


def reserved(word: str) -> Refused:
    """A name with a character of `<>()#'\"`: the FortiGate's check against script injection."""
    return Refused(
        "The string contains XSS vulnerability characters",
        *_before("value", word),
        code(-173),
    )


def no_such_reference(word: str) -> Refused:
    """A reference to an object that does not exist."""
    return Refused("entry not found in datasource", *_before("value", word), code(-3))


def no_such_member(word: str) -> Refused:
    """A missing reference in a firewall policy."""
    return Refused(
        f"node_check_object fail! for name {word}",
        *_before("value", word),
        code(-651),
    )


def required(attribute: str) -> Refused:
    """A mandatory attribute is missing at `next` or `end`."""
    return Refused(
        f"node_check_object fail! for {attribute}",
        "",
        f"Attribute '{attribute}' MUST be set.",
        code(-56),
    )


def in_use(count: int) -> Refused:
    """An object that others refer to."""
    return Refused(f"The entry is used by other {count} entries", code(-23))


def duplicate() -> Refused:
    """A second object with the same unique value."""
    return Refused(
        "Duplicated entry.", "object set operator error, -15 discard the setting", code(-15)
    )


def full() -> Refused:
    """The table holds as many entries as the FortiGate allows."""
    return Refused(
        "object set operator error, -4 discard the setting",
        f"{code(-4)} (reached the maximum number of entries",
    )


def check_failed(number: int = -9) -> Refused:
    """The object as a whole is not acceptable."""
    return Refused(f"object check operator error, {number}, discard the setting", code(number))


def locked(number: int) -> Refused:
    """An object that another administrator edits in an open transaction (our own words)."""
    return Refused(
        f"The object is being configured in another transaction (id={number}).", code(-37)
    )


def not_root() -> Refused:
    """A local edit of what the root of the Security Fabric hands down (unsure: our own words)."""
    return Refused("This object is synchronised from the Security Fabric root.", code(-37))


def not_permitted(words: str = "") -> Refused:
    """The profile of the administrator does not allow it; `words` are those of some version."""
    return Refused(*(words or code(-37)).splitlines())


def missing_entry() -> Refused:
    """`show`, `get` or `delete` of a key that is not in the table."""
    return Refused("entry is not found in table")


def unmatched_quote() -> Refused:
    """A quote that was never closed."""
    return Refused("token line: Unmatched double quote.")
