"""Read the body of a post: what the FortiGate wrote by itself, apart from what somebody typed.

A body is a header line, which FortiGates send since version 0.2, and FortiOS's own log line:

    banstitch logid=0101039426 devid=FG1 remip=203.0.113.9 srcip= ui= status= reason=no_such_user
    date=2024-10-14 time=13:46:40 logid="0101039426" remip=203.0.113.9 user="alice" msg="failed"

Nobody types what stands in the header, nor what stands in a log line before the first field that
somebody types. These two are read strictly, and they alone decide that an event counts and for whom.
Everything behind is read leniently. FortiOS may escape there in any way, and a line may be cut anywhere.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

Fields = list[tuple[str, str]]

HEADER = ("logid", "devid", "remip", "srcip", "ui")
# Fields whose values FortiOS makes. A field that is not here may hold what somebody typed.
MADE_BY_FORTIOS = (
    "date time eventtime timestamp tz logver devname devid vd logid type subtype eventtype level severity"
    " logdesc sn action tunneltype tunnelid remip tunnelip remport srcip srcport dstip dstport locip locport"
    " srcintf dstintf srcintfrole dstintfrole srccountry dstcountry outintf interface policyid cookies"
    " ui method status reason"
).split()
# The values of msg that repeat logdesc. All others may hold a user name.
FIXED_MESSAGES = r'"(?i:(?:negotiate |progress )?ipsec phase [12](?: error)?)"'
# The fields with which FortiOS ends its lines.
LAST_FIELDS = ("msg", "result", "peer_notif", "fctuid", "advpnsc")
# FortiOS is not known to cut a line before this character. A longer one may be a user name that was
# cut where it looks like the end of a line.
SHORTEST_CUT = 1000

START = re.compile(
    r"(?:<\d{1,3}>)?(?:\d{1,9}:[ \t]+)?[ \t]*"
    # what is left of a date or a time of which the beginning was cut off
    r"(?:(?:(?:ate|te|e|ime|me)?=)?[0-9:-]{1,14}[ \t]+)?"
)
NAME = r"[A-Za-z0-9_.\-]+"
QUOTED = r'"[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*"(?=[ \t\r\n]|\Z)'
# A bare value with no blank behind it may have been cut. Most quoted values hold no backslash, and the
# first form of them is the quickest.
STRICT = re.compile(
    r'(?:(?:(?:%s)=(?:"[^"\\\r\n]*"(?=[ \t])|%s|[^ \t\r\n"]*(?=[ \t]))|msg=%s(?=[ \t]))[ \t]*)*'
    % ("|".join(MADE_BY_FORTIOS), QUOTED, FIXED_MESSAGES)
)
VALUE = r'(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^ "]*))'
STRICT_PAIR = re.compile("(%s)=%s" % (NAME, VALUE))
# The two ways to read typed text: a backslash escapes what follows, or a quote ends a value where
# another field or the end follows. In the second one no name can hide a field that comes behind it.
BY_ESCAPES = re.compile(
    r'(%s)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^ \t\r\n"]*))(?=[ \t\r\n]|\Z)[ \t]*' % NAME, re.DOTALL
)
BY_NEIGHBOURS = re.compile(
    r'(%s)=(?:"(.*?)"(?=[ \t]+%s=|\Z)|([^ \t\r\n"]*)(?=[ \t\r\n]|\Z))[ \t]*' % (NAME, NAME),
    re.DOTALL,
)
# Without one of these, both ways read alike where the first one reads to the end.
AMBIGUOUS = re.compile(r"[\\\r\n]")
# The same two ways, and at last a value that was cut.
TYPED = (
    r'(?:^|[ \t])%%s=(?:"(?P<escaped>[^"\\]*(?:\\.[^"\\]*)*)"(?=[ \t\r\n]|\Z)'
    r'|"(?P<quoted>.*?)(?:"(?=[ \t]+%s=|\s*\Z)|\Z)|(?P<bare>[^\s"]*))' % NAME
)
LINE_END, ESCAPED_LINE_END = re.compile(r"\r?\n"), re.compile(r"(?:\\r)?\\n")
ESCAPED = re.compile(r'\\(["\\])')
ANY_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

# Stands for fields that nobody has asked for; compared by identity.
UNREAD: dict[str, str] = {}


class Malformed(Exception):
    """A body that does not say for certain what happened and to whom."""


class Event:
    """The event of one body. What is seldom asked for is read when it is asked for."""

    def __init__(self, header: dict[str, str], text: str) -> None:
        # what the FortiGate wrote into the header line; only fields that have a value
        self.header = header
        # the log line, for the operator
        self.text = text
        self._parts: tuple[str, str] | None = None
        # what conditions.read_certain returned; UNREAD until it is asked
        self.certain: dict[str, str] | None = UNREAD
        self._ways: list[Fields] | None = None

    @property
    def parts(self) -> tuple[str, str]:
        """The log line before the first field that somebody types, and from there on."""
        if self._parts is None:
            self._parts = self._split()
        return self._parts

    @property
    def ways(self) -> list[Fields]:
        """All fields of the log line in each way in which it can be read; nearly always one, or none.

        A line that was cut has none: it could be a user name that looks like the fields of another event.
        """
        if self._ways is None:
            # several conditions of a detection ask, and to read them takes most of the time of a login
            self._ways = list(read_ways(self))
        return self._ways

    def _split(self) -> tuple[str, str]:
        begin = START.match(self.text).end()  # type: ignore[union-attr] # it matches nothing as well
        end = STRICT.match(self.text, begin).end()  # type: ignore[union-attr]
        return " " + self.text[begin:end].replace("\t", " "), self.text[end:]

    def find(self, name: str) -> str | None:
        """Return a field that nobody typed, or None where none is known."""
        found = self.header.get(name)
        return self.find_in_line(name) if found is None else found

    def find_in_line(self, name: str) -> str | None:
        """Return a field that stands before the first one that somebody types, or None.

        Raises:
            Malformed: it stands there with two values.
        """
        found = {quoted or bare for quoted, bare in compile_value(name).findall(self.parts[0])}
        if len(found) > 1:
            raise Malformed("field %s has two different values" % name)
        return found.pop() if found else None


def read_event(body: str) -> Event:
    """Return the event of a body. A body holds one; what follows its first line is not read as another.

    Raises:
        Malformed: there is nothing in it.
    """
    text = body.lstrip("\ufeff \t\r\n")
    header: dict[str, str] = {}
    if text.startswith(("banstitch ", '"banstitch ')):
        header, text = split_header(text)
    if not header and not text:
        raise Malformed("the body holds no event")
    return Event(header, unescape_body(text))


def split_header(text: str) -> tuple[dict[str, str], str]:
    """Return the fields of the header line that have a value, and the text behind that line."""
    end = LINE_END.search(text) or ESCAPED_LINE_END.search(text)
    line, rest = (text[: end.start()], text[end.end() :]) if end else (text, "")
    words = line.split(" ")
    if end is None:
        words.pop()  # it may have been cut
    header = {}
    for number, name in enumerate(HEADER, 1):
        if number >= len(words) or not words[number].startswith(name + "="):
            break
        header[name] = words[number][len(name) + 1 :].strip('"\\')
    following = words[len(HEADER) + 1 : len(HEADER) + 2]
    if following and not following[0].startswith("status="):
        header.pop("ui", None)  # it holds a blank
    if end:  # else the last value may have been cut
        status, _, reason = line.partition(" status=")[2].partition(" reason=")
        header.update(status=status.strip(' "\\'), reason=reason.strip(' "\\'))
    # FortiOS leaves a variable as it is, or empty, where the event has no such field
    return {k: v for k, v in header.items() if v and not v.startswith("%%")}, rest.lstrip(" \t\r\n")


def unescape_body(text: str) -> str:
    """Return the log line without the level of escaping that its first quote has.

    The first quote is that of a field that FortiOS made, so nobody chooses the level. The body may
    also stand in quotes as a whole.
    """
    if text[:1] == '"':
        end = text.rstrip(" \t\r\n")
        text = end[1:-1] if end[-1] == '"' and end[-2:-1] != "\\" else text[1:]
    first = text.find('"')
    return ESCAPED.sub(r"\1", text) if first > 0 and text[first - 1] == "\\" else text


@lru_cache(maxsize=64)
def compile_value(name: str) -> re.Pattern[str]:
    """Return the expression for the value of a field."""
    return re.compile(" %s=%s" % (re.escape(name), VALUE))


@lru_cache(maxsize=64)
def compile_typed_value(name: str) -> re.Pattern[str]:
    """Return the expression for the value of a field that somebody types."""
    return re.compile(TYPED % re.escape(name), re.DOTALL)


def read_ways(event: Event) -> Iterator[Fields]:
    """Yield all fields of the log line in each way in which it can be read."""
    strict, rest = event.parts
    text = rest.rstrip(" \t\r\n")
    if len(event.text) >= SHORTEST_CUT:
        return
    for way in (BY_ESCAPES, BY_NEIGHBOURS):
        found = read_to_end(text, way)
        if found and found[-1][0] in LAST_FIELDS and found[-1][1]:
            made = [(name, quoted or bare) for name, quoted, bare in STRICT_PAIR.findall(strict)]
            yield [*made, *found]
            if not AMBIGUOUS.search(text):
                return


def read_to_end(text: str, way: re.Pattern[str]) -> Fields | None:
    """Return all fields of a text, or None where it holds anything else."""
    found, position = [], 0
    while position < len(text):
        pair = way.match(text, position)
        if pair is None:
            return None
        name, quoted, bare = pair.groups()
        found.append((name, bare if quoted is None else unescape(quoted)))
        position = pair.end()
    return found


def unescape(quoted: str) -> str:
    """Return a quoted value without the backslashes that escape another character."""
    return ANY_ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted


def read_typed(text: str, name: str) -> str:
    """Return a user name of a log line as well as it can be read, or an empty string."""
    mark = ' %s="' % name
    begin = text.find(mark) + len(mark)
    end = text.find('"', begin)
    if begin >= len(mark) and end > 0 and text[end + 1 : end + 2] == " ":
        quoted = text[begin:end]
        if "\\" not in quoted:
            return quoted  # most of them: the expression is slow
    found = compile_typed_value(name).search(text)
    if found is None:
        return ""
    quoted = found["quoted"] if found["escaped"] is None else found["escaped"]
    return found["bare"] if quoted is None else unescape(quoted)


def read_reason(text: str) -> str:
    """Return the reason of a log line if it stands there once, or an empty string."""
    begin = text.find(' reason="') + len(' reason="')
    end = text.find('"', begin)
    if begin < len(' reason="') or end < 0 or text.find(" reason=", begin) > 0:
        return ""
    return text[begin:end]
