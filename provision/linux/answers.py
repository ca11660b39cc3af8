"""The single place where bytes from a ban host become answers.

A ban host faces the internet and can be taken over, so an answer is data to be validated: its size, its
types, its names, and that it answers what was asked. The forms are in ``agent/protocol/``. An error
names the field, never its content, which may be a secret or a trick.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from provision.errors import Failed
from provision.linux.agent.protocol import answers, state
from provision.linux.agent.protocol.answers import (
    ANSWERS,
    Applied,
    Bans,
    History,
    Refusal,
    Status,
)
from provision.linux.agent.protocol.bounds import MEMORY, PATH_KINDS
from provision.linux.agent.protocol.observe import Observe, Request
from provision.linux.agent.protocol.requests import Apply, ListBans, ReadHistory, ReadStatus
from provision.linux.agent.protocol.state import Observed

T = TypeVar("T")
Answer = TypeVar("Answer")

MIB = 1 << 20
# Bytes of an answer: lists may be long, an observation has our files, the others are short.
_LARGEST = {
    "observe": 16 * MIB,
    "apply": 16 * MIB,
    "bans": 64 * MIB,
    "history": 64 * MIB,
    "evidence": 48 * MIB,
}
_LARGEST_OTHER = 4 * MIB
_LARGEST_LISTS = ("bans", "history")
# No object of an answer has more keys; refused early, because each key costs memory.
MOST_KEYS = 10_000
# Values in an answer, objects and lists included. In memory a value takes up to 50 times its two bytes, and
# each error about a form holds another copy. Only lists of bans and of the audit grow with their size.
MOST_VALUES = 400_000
BYTES_OF_A_VALUE = 10
# The beginning of the text that the agent writes where it did what was asked.
_BEGINNING = b'{"ok": true, '
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
REMEDY = (
    "check that host: what its login shell prints, who can log in, whether /etc/banstitch and"
    " /var/lib/banstitch are as they should be; then run plan"
)


class InvalidAnswer(Failed):
    """A ban host answered something that the agent never answers."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the answer of this ban host is refused: {what}", REMEDY)


def get_limit(do: str) -> int:
    """Return the most bytes that the answer to a request may have."""
    return _LARGEST.get(do, _LARGEST_OTHER)


def prepare(do: str) -> None:
    """Prepare to read the answer to a request; the first answer of a form takes longer otherwise."""
    form: Any = ANSWERS[do]
    _make_adapter(form)


def read(request: Request[Answer], raw: bytes) -> Answer:
    """Return the answer to ``request`` that ``raw`` holds.

    Raises:
        Failed: the request was not carried out; the message is the agent's reason.
        InvalidAnswer: the agent never gives such an answer to this request.
    """
    if len(raw) > get_limit(request.do):
        raise InvalidAnswer(f"it must have at most {get_limit(request.do)} bytes")
    _check_values(request.do, raw)
    found = _decode(raw)
    good = found.pop("ok", None)
    if good is False:
        raise Failed(_build(Refusal, found).error)
    if good is not True:
        raise InvalidAnswer("ok must be true or false")
    form: type[Any] = ANSWERS[request.do]
    answer: Answer = _build(form, found, _strip_ok(raw))
    _check_answers.get(request.do, _check_nothing)(request, answer)
    return answer


def to_details(answer: object) -> Mapping[str, object]:
    """Return an answer as plain data, for a report."""
    form: Any = type(answer)
    found: Mapping[str, object] = _make_adapter(form).dump_python(answer)
    return found


# --- form ----------------------------------------------------------------------------------------------


def _check_values(do: str, raw: bytes) -> None:
    """Check that an answer does not have too many values to decode."""
    most = max(MOST_VALUES, len(raw) // BYTES_OF_A_VALUE if do in _LARGEST_LISTS else 0)
    # texts are left out only where they matter: to find them takes longer than to count everything
    if _count_values(raw) > most and _count_values(_TEXT.sub(b"", raw)) > most:
        raise InvalidAnswer(f"it must have at most {most} values")


def _count_values(raw: bytes) -> int:
    return sum(map(raw.count, (b",", b"[", b"{")))


def _decode(raw: bytes) -> dict[str, object]:
    """Return the JSON object in ``raw``; refuse text that two parsers could read differently."""
    try:
        answer = json.loads(
            raw.decode(),
            object_pairs_hook=_make_object,
            parse_float=_parse_finite,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        # the error of a parser may quote what it has read
        raise InvalidAnswer(f"its {len(raw)} bytes must be one line of JSON") from None
    if not isinstance(answer, dict):
        raise InvalidAnswer("it must be a JSON object")
    return answer


def _make_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs) or len(found) > MOST_KEYS:
        raise ValueError
    return found


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


@lru_cache
def _make_adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)


def _strip_ok(raw: bytes) -> bytes | None:
    """Return the text of an answer without ``ok``, if the text begins as the agent's does."""
    return b"{" + raw[len(_BEGINNING) :] if raw.startswith(_BEGINNING) else None


def _build(form: Callable[..., T], answer: Mapping[str, object], text: bytes | None = None) -> T:
    """Return an answer in its form, once its types, bounds and names are checked.

    Strict types are those of JSON, so pydantic has to read JSON; by now there is one way to read it.
    ``text``: the same answer as JSON. To write a long one takes as long as to read it.
    """
    try:
        found: T = _make_adapter(form).validate_json(text or json.dumps(answer))
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        where = first["loc"]
        if first["type"] == "unexpected_keyword_argument":
            raise InvalidAnswer(f"{_format_field(where[:-1])} must have no other fields") from None
        raise InvalidAnswer(
            f"{_format_field(where)} {_describe_requirement(first['msg'])}"
        ) from None
    return found


@lru_cache
def _list_field_names() -> frozenset[str]:
    forms = (each for module in (answers, state) for each in vars(module).values())
    return frozenset(field.name for form in forms if is_dataclass(form) for field in fields(form))


def _format_field(location: tuple[int | str, ...]) -> str:
    """Return the place of an error, without keys that the host chose: those are content."""
    names = _list_field_names()
    parts = [f".{part}" if part in names else "[...]" for part in location]
    return "".join(parts).replace("[...][...]", "[...]").removeprefix(".") or "it"


def _describe_requirement(message: str) -> str:
    for word in ("Input", "String", "List", "Dictionary", "Value"):
        message = message.removeprefix(f"{word} should ")
    if message.startswith("Missing required") or message == "Field required":
        return "must be there"
    if message.startswith("match pattern"):
        return "must be a name or value that the agent can give"
    return f"must {message}" if message[:1].islower() else f"must be valid ({message})"


# --- what was asked --------------------------------------------------------------------------------------


def _check_observed(request: Observe, answer: Observed) -> None:
    """Check that the answer has everything that was requested or is in the manifest, and nothing else."""
    ids = [entry.id for entry in answer.manifest.objects] if answer.manifest else []
    packages = answer.manifest.packages if answer.manifest else []
    paths = {each.name for each in ids if each.kind in PATH_KINDS}
    users = {each.name for each in ids if each.kind == "user"}
    services = {service.name for service in request.services}
    _check_names("paths", answer.paths, {*request.paths, *request.sealed}, paths)
    _check_names("packages", answer.packages, request.packages, packages)
    _check_names("users", answer.users, request.users, users)
    _check_names("services", answer.services, services)
    _check_names("jails", answer.jails, request.jails)
    _check_names("certificates", answer.certificates, request.sealed)
    _check_as_desired(request, answer)
    directories = {each.name for each in ids if each.kind == "directory"}
    _check_names("foreign", answer.foreign, (), {*directories, MEMORY})
    if len(set(ids)) != len(ids):
        raise InvalidAnswer("manifest.objects must name each object once")


def _check_as_desired(request: Observe, answer: Observed) -> None:
    """Check that contents were left out only where the request has their digests."""
    if not {*answer.as_desired} <= request.desired.keys():
        raise InvalidAnswer("as_desired must name files whose digests were sent")
    for found in map(answer.paths.get, answer.as_desired):
        if found is None or found.type != "file" or found.content is not None:
            raise InvalidAnswer("as_desired must name files without their contents")


def _check_names(
    field: str, found: Mapping[str, object], asked: Collection[str], more: Collection[str] = ()
) -> None:
    if not set(asked) <= found.keys():
        raise InvalidAnswer(f"{field} must answer for everything that was asked for")
    if not found.keys() <= {*asked, *more}:
        raise InvalidAnswer(f"{field} must answer for what was asked for only")


def _check_applied(request: Apply, answer: Applied) -> None:
    _check_observed(request.observe, answer.observed)


def _check_bans(request: ListBans, answer: Bans) -> None:
    if not {ban.jail for ban in answer.bans} <= set(request.jails):
        raise InvalidAnswer("bans must be of the jails that were asked for")


def _check_history(request: ReadHistory, answer: History) -> None:
    if len(answer.history) > request.last:
        raise InvalidAnswer(f"history must have at most {request.last} entries")
    moments = [entry.get("at") for entry in answer.history]
    if not all(isinstance(at, int | float) and not isinstance(at, bool) for at in moments):
        raise InvalidAnswer("history must have the time of each entry")


def _check_status(request: ReadStatus, answer: Status) -> None:
    _check_names("certificates", answer.certificates, request.sealed)
    if not {each.name for each in answer.stale} <= set(request.names):
        raise InvalidAnswer("stale must be of the names that were asked for")


def _check_nothing(request: object, answer: object) -> None:
    """Accept the answer; its form is all that can be checked."""


_check_answers: Mapping[str, Callable[[Any, Any], None]] = {
    "observe": _check_observed,
    "apply": _check_applied,
    "bans": _check_bans,
    "history": _check_history,
    "status": _check_status,
}
