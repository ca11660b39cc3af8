"""Implement Ansible's ``lookup`` and ``query``, with which expressions read more than variables.

`check` reads inventories that nobody has reviewed yet. So only verbs that connect run the commands of
``pipe``, and nothing else here runs a program or uses the network.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shlex
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.inventory import PLAYBOOK
from provision.inventory.sandbox import LONGEST, Missing
from provision.inventory.sources import program
from provision.inventory.variables import Misused, NeedsProgram, Unusable
from provision.inventory.vault.envelope import HEADER

_PREFIX = "ansible.builtin."
_RUNS_OR_ASKS = ("url", "password")


@dataclass(frozen=True)
class LookupContext:
    """The parts of a host that lookups need.

    Relative paths start at the ``folders``, in this order; ``note_unset`` is called with the name of an
    environment variable that is not set. ``decrypt`` opens an encrypted file, ``run_command`` returns the
    output of a command.
    """

    variables: Mapping[str, object]
    folders: tuple[Path, ...]
    note_unset: Callable[[str], None]
    decrypt: Callable[[str], str]
    run_command: Callable[[str], str]


# Keyword arguments that a template gives to a lookup.
Options = dict[str, Any]


@dataclass(frozen=True)
class Lookup:
    """One call of a lookup."""

    context: LookupContext
    terms: list[Any]
    options: Options


def build_functions(context: LookupContext) -> dict[str, Callable[..., object]]:
    """Return ``lookup``, ``query`` and ``q`` for one host's expressions."""

    def query(kind: str, *terms: Any, **options: Any) -> object:
        return _run(context, kind, terms, options)

    def lookup(kind: str, *terms: Any, wantlist: bool = False, **options: Any) -> object:
        items = _run(context, kind, terms, options)
        return items if wantlist or not isinstance(items, list) else _join(items)

    return {"lookup": lookup, "query": query, "q": query}


def _run(
    context: LookupContext, kind: str, terms: Sequence[Any], options: Options
) -> list[Any] | Missing | None:
    for value in (*terms, *options.values()):
        if isinstance(value, Missing) and not (kind.endswith("env") and value in options.values()):
            return value
    name = kind.removeprefix(_PREFIX)
    if name in _RUNS_OR_ASKS:
        message = f"lookup('{name}') is not carried out by this version"
        raise NeedsProgram(message, message)
    if name not in _KINDS:
        known = ", ".join(sorted(_KINDS))
        raise Unusable(f"lookup '{kind}' is not known here; there are {known}", "unknown lookup")
    errors = options.pop("errors", "strict")
    options.pop("wantlist", None)
    try:
        return _KINDS[name](Lookup(context, list(terms), options))
    except Unusable:
        if errors == "strict":
            raise
        return None


def _join(items: list[Any]) -> object:
    """Return the items as ``lookup`` does: strings joined, a single item alone, else the list."""
    if items and all(isinstance(item, str) for item in items):
        return ",".join(items)
    return items[0] if len(items) == 1 else items


def _read_env(call: Lookup) -> list[Any]:
    values: list[Any] = []
    for term in call.terms:
        name = _check_text("env", term)
        if name not in os.environ and "default" not in call.options:
            call.context.note_unset(name)
        values.append(os.environ.get(name, call.options.get("default", "")))
    return values


def _read_file(call: Lookup) -> list[Any]:
    texts = []
    for term in call.terms:
        path = _find_path(call.context, _check_text("file", term))
        try:
            text = _read_regular(path)
            if text.startswith(HEADER):
                text = call.context.decrypt(text)
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or "it is not UTF-8").replace("\n", " ")
            message = f"lookup('file'): {path}: {reason}"
            raise Unusable(message, f"lookup('file'): {reason}") from None
        text = text.lstrip() if call.options.get("lstrip", False) else text
        texts.append(text.rstrip() if call.options.get("rstrip", True) else text)
    return texts


def _find_path(context: LookupContext, term: str) -> Path:
    path = Path(os.path.expanduser(term))  # noqa: PTH111 - a user that does not exist stays as written
    places = [folder / sub / path for folder in context.folders for sub in ("files", "")]
    return next((place for place in places if place.exists()), places[-1])


def _read_regular(path: Path) -> str:
    """Return the text of a small regular file; a device or a pipe might never end."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it must be a regular file")
    if status.st_size > LONGEST:
        raise OSError(errno.EFBIG, f"it must have at most {LONGEST} bytes")
    return path.read_text(encoding="utf-8")


def _read_vars(call: Lookup) -> list[Any]:
    values = []
    for term in call.terms:
        name = _check_text("vars", term)
        if name in call.context.variables:
            values.append(call.context.variables[name])
        else:
            values.append(call.options.get("default", Missing(name=name)))
    return values


def _find_first(call: Lookup) -> list[Any]:
    skip = bool(call.options.get("skip", False))
    for term in _flatten(call.terms) or _flatten([call.options.get("files", [])]):
        params = term if isinstance(term, dict) else {"files": [term], **_pick_paths(call.options)}
        skip = skip or bool(params.get("skip", False))
        for file in _split_words(params.get("files", [])):
            for folder in _split_words(params.get("paths", [])) or [""]:
                path = _find_path(call.context, os.path.join(folder, file))  # noqa: PTH118 - texts
                if path.exists():
                    return [str(path)]
    if skip:
        return []
    raise Unusable("lookup('first_found'): none of the files exists", "first_found: no file")


def _pick_paths(options: Options) -> Options:
    return {"paths": options["paths"]} if "paths" in options else {}


def _find_files(call: Lookup) -> list[Any]:
    for term in call.terms:
        path = Path(os.path.expanduser(_check_text("fileglob", term)))  # noqa: PTH111 - as above
        for folder in (f / s / path.parent for f in call.context.folders for s in ("files", "")):
            paths = [str(p) for p in sorted(folder.glob(path.name)) if p.is_file()]
            if paths:
                return paths
    return []


def _split_dict(call: Lookup) -> list[Any]:
    entries = []
    for term in _flatten(call.terms):
        if not isinstance(term, Mapping):
            raise Misused("lookup('dict') takes a mapping")
        entries += [{"key": key, "value": value} for key, value in term.items()]
    return entries


def _list_items(call: Lookup) -> list[Any]:
    return _flatten(call.terms)


def _list_terms(call: Lookup) -> list[Any]:
    return call.terms


def _number_items(call: Lookup) -> list[Any]:
    return [[number, item] for number, item in enumerate(_flatten(call.terms))]


def _flatten(terms: Sequence[Any]) -> list[Any]:
    """Return the terms with the lists among them replaced by their items."""
    return [item for term in terms for item in (term if isinstance(term, list | tuple) else [term])]


def _split_words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [word for word in value.replace(";", ",").split(",") if word]
    return [str(item) for item in value]


def _check_text(kind: str, term: Any) -> str:
    if not isinstance(term, str):
        message = f"lookup('{kind}') takes strings (got {type(term).__name__})"
        raise Misused(message)
    return term


def _read_commands(call: Lookup) -> list[Any]:
    return [call.context.run_command(_check_text("pipe", term)) for term in call.terms]


class Commands:
    """The commands of ``lookup('pipe', ...)``, each run once, with the shell, in the playbook's folder.

    If they are not ``allowed``, nothing is run.
    """

    def __init__(self, folder: Path = PLAYBOOK, allowed: bool = False) -> None:
        self.allowed = allowed
        self._folder = folder
        self._results: dict[str, str | Unusable] = {}

    def run(self, command: str) -> str:
        """Return the output of a command without blanks at its end.

        Raises:
            Unusable: it failed, now or before.
        """
        if command not in self._results:
            try:
                self._results[command] = _run_command(command, self._folder)
            except (OSError, ValueError, program.ProgramError) as error:
                self._results[command] = _build_failure(command, str(error))
        result = self._results[command]
        if isinstance(result, Unusable):
            raise result
        return result


def _run_command(command: str, folder: Path) -> str | Unusable:
    deadline = time.monotonic() + program.LONGEST
    done = program.run(["/bin/sh", "-c", command], deadline, os.environ, folder, asks=True)
    if done.code:
        last = (done.errors.strip().splitlines() or [""])[-1][:200]
        return _build_failure(command, f"ends with exit code {done.code}", last)
    try:
        return done.output.decode().rstrip()
    except UnicodeDecodeError:
        return _build_failure(command, "writes something that is not UTF-8")


def _build_failure(command: str, reason: str, last: str = "") -> Unusable:
    """Return the error of a command; its brief form, for a secret, names the program only."""
    try:
        words = [word for word in shlex.split(command) if "=" not in word]
    except ValueError:
        words = []
    name = words[0] if words and re.fullmatch(r"[\w./-]{1,64}", words[0]) else "its command"
    brief = f"lookup('pipe'): {name} {reason}; run it by hand to see why"
    says = f", and says: {last}" if last else ""
    return Unusable(f"lookup('pipe'): {command} {reason}{says}", brief)


def build_placeholder(command: str) -> str:
    """Return the text that stands for the output of a command that is not run."""
    return f"output-of-pipe-{hashlib.sha256(command.encode()).hexdigest()[:8]}"


_KINDS: dict[str, Callable[[Lookup], list[Any]]] = {
    "dict": _split_dict,
    "env": _read_env,
    "file": _read_file,
    "fileglob": _find_files,
    "first_found": _find_first,
    "indexed_items": _number_items,
    "items": _list_items,
    "list": _list_terms,
    "pipe": _read_commands,
    "vars": _read_vars,
}
