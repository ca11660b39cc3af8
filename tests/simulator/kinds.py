"""Check a value as a FortiGate does when it is set, per kind of attribute, and convert it for storage.

Sizes and texts: the schemas named in `catalog.py` and published transcripts of refused commands.
"""

import ipaddress
import ssl
from collections.abc import Callable, Iterable, Sequence

from tests.simulator import refusals
from tests.simulator.schema import Attribute, Table
from tests.simulator.text import Word
from tests.simulator.tree import Values, decipher

Exists = Callable[[str, str], bool]
RESERVED = frozenset("<>()#'\"")


def match(word: str, names: Iterable[str]) -> str:
    """Find `word` among `names`, exactly or as the only one that starts so.

    Raises Refused: -61 for none, `ambiguous command` for several.
    """
    known = list(dict.fromkeys(names))
    if word in known:
        return word
    found = [name for name in known if name.startswith(word)]
    if not found or not word:
        raise refusals.parse_error(word)
    if len(found) > 1:
        raise refusals.ambiguous(word)
    return found[0]


def check(table: Table, attribute: Attribute, words: Sequence[Word], exists: Exists) -> Values:
    """Convert typed words into the values that the FortiGate stores; raise Refused for bad ones."""
    if not words:
        raise refusals.incomplete()
    if attribute.kind == "secret":
        return _check_secret(attribute, words)
    if attribute.kind == "subnet":
        return _check_subnet(words)
    if not attribute.many and len(words) > 1:
        raise refusals.parse_error(words[1].text)
    values = tuple(_check_word(table, attribute, word, exists) for word in words)
    if attribute.kind == "any":
        return values
    return tuple(word for word in dict.fromkeys(values) if word.text)


def _check_word(table: Table, attribute: Attribute, word: Word, exists: Exists) -> Word:
    kind, text = attribute.kind, word.text
    if kind == "any":
        return Word(text, word.quoted or not text.isascii() or " " in text)
    if kind == "option":
        return Word(match(text, attribute.choices))
    if kind in ("integer", "integers"):
        return Word(_check_integer(text, attribute.size))
    if kind == "ip":
        return Word(_check_address(text))
    if kind == "pem":
        return Word(_check_certificate(text), True)
    if kind == "uuid":
        return Word(text)
    _check_size(text, attribute.size if isinstance(attribute.size, int) else 0)
    if kind in ("ref", "refs") and text and not any(exists(p, text) for p in attribute.refers):
        member = table.member_error or "/" in text
        raise (refusals.no_such_member if member else refusals.no_such_reference)(text)
    return Word(text, True)


def _check_size(text: str, limit: int) -> None:
    if limit and len(text.encode("utf-8", "surrogateescape")) > limit:
        raise refusals.too_long(text, limit)


def _check_integer(text: str, span: int | tuple[int, int]) -> str:
    if not (text.isascii() and text.isdigit()):
        raise refusals.bad_integer(text)
    if isinstance(span, tuple) and not span[0] <= int(text) <= span[1]:
        raise refusals.bad_integer(text)
    return str(int(text))


def _check_address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise refusals.bad_address(text) from None


def _check_certificate(text: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise refusals.bad_certificate() from None
    return text


def _check_subnet(words: Sequence[Word]) -> Values:
    text = "/".join(word.text for word in words[:2])
    try:
        interface = ipaddress.IPv4Interface(text)
    except ValueError:
        raise refusals.bad_address(words[0].text) from None
    return Word(str(interface.ip)), Word(str(interface.netmask))


def _check_secret(attribute: Attribute, words: Sequence[Word]) -> Values:
    if words[0] == Word("ENC"):
        if len(words) < 2:
            raise refusals.incomplete()
        return Word("ENC"), Word(decipher(words[1].text))
    if len(words) > 1:
        raise refusals.parse_error(words[1].text)
    _check_size(words[0].text, attribute.size if isinstance(attribute.size, int) else 0)
    return (Word("ENC"), Word(words[0].text)) if words[0].text else ()


def check_key(table: Table, text: str) -> str:
    """Check the key of a row; raises Refused for a bad number, a long or a reserved name."""
    if table.key == "integer":
        return _check_integer(text, (0, 4294967295))
    _check_size(text, table.key_size if table.key else 0)
    if table.key and RESERVED & set(text):
        raise refusals.reserved(text)
    if not text:
        raise refusals.incomplete()
    return text
