"""From the body of a webhook to events: FortiOS log lines, read with their quotes respected.

Whatever cannot be read in exactly one way is refused as a whole; nothing is guessed.

Managed by Banstitch: changes made here are overwritten.
"""

import re

PREFIX = re.compile(r"[ \t\r]*(?:<\d{1,3}>)?(?:\d{1,9}:[ \t]+)?[ \t\r]*")
PAIR = re.compile(
    r'([A-Za-z0-9_.\-]+)=("(?:[^"\\]|\\.)*"|[^ \t\r\n"]*)(?=[ \t\r\n]|\Z)', re.DOTALL
)
BLANK = re.compile(r"[ \t\r]*")
ESCAPED = re.compile(r'\\(["\\])')
BARE_QUOTE = re.compile(r'(?<!\\)(?:\\\\)*"')


class Malformed(Exception):
    """A body that cannot be read without guessing: nothing of it is used."""


class Event:
    """One log line: its fields as [(name, value as written)], and ``text``, all of it."""

    def __init__(self):
        self.fields = []
        self.text = ""

    def __contains__(self, name):
        return any(field == name for field, _ in self.fields)

    @property
    def device(self):
        """Serial numbers that the line gives for the FortiGate: one, or none from a short stand-in."""
        return frozenset(unquoted(value) for field, value in self.fields if field == "devid")

    @property
    def open_field(self):
        """The field that the line may have been cut in: the last one, unless its quotes are closed."""
        name, value = self.fields[-1]
        return "" if value[:1] == '"' else name

    def only(self, name):
        """The value of a field that decides; two different ones are nobody's to choose between."""
        values = {unquoted(value) for field, value in self.fields if field == name}
        if len(values) != 1:
            raise Malformed("field %s stands %d times with different values" % (name, len(values)))
        if name == self.open_field:
            raise Malformed("the line ends in field %s, which may have been cut short" % name)
        return values.pop()


def parse(text):
    """All events of a body. Only a newline outside quotes ends an event."""
    text = one_level_unescaped(text)
    events, position = [], 0
    while position < len(text):
        position, event = parse_event(text, position)
        if event.fields:
            events.append(event)
    if not events:
        raise Malformed("the body is empty")
    # a user name that breaks out of its quotes and its line makes one that knows no serial number
    if len(events) > 1 and len({event.device for event in events}) > 1:
        raise Malformed("the lines are not all of one device: a user name may have made one of them")
    return events


def parse_event(text, position):
    """One event from ``position`` on, and where the next one begins."""
    event, began = Event(), position
    position = PREFIX.match(text, position).end()
    while position < len(text) and text[position] != "\n":
        pair = PAIR.match(text, position)
        if pair is None:
            raise Malformed("neither a field nor a value at character %d" % position)
        event.fields.append(pair.groups())
        position = BLANK.match(text, pair.end()).end()
    event.text = text[began:position].strip()
    return position + 1, event


def one_level_unescaped(text):
    """Take one level of backslashes off a body in which every single quote carries one.

    A raw log line always holds bare quotes, and a user name cannot remove them, so an attacker
    cannot choose this reading.
    """
    inner = text.strip()
    if len(inner) > 1 and inner[0] == '"' and inner[-1] == '"':
        inner = inner[1:-1]
    if '"' in inner and not BARE_QUOTE.search(inner):
        return ESCAPED.sub(r"\1", inner)
    return text


def unquoted(value):
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value[:1] == '"' else value
