"""The one place that knows Jinja: the environment of all templates, and values of the inventory.

A host's variables may refer to one another, to the environment and to files. Each is resolved when
it is asked for, so a variable that nobody needs can be as broken as it likes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context

from provision.errors import Fault, InputError
from provision.inventory.sandbox import LONGEST, Sandbox, as_data, join_pieces
from provision.inventory.variables import Foreign, Unsafe, Variable, Variables, Vaulted, Where

_SCOPE = "_banstitch_scope"
_RESULT = "banstitch_result"


def environment(**options: Any) -> jinja2.Environment:
    """The settings that every template of the project shares: what is undefined is an error.

    ``options`` go to :class:`jinja2.Environment` (a loader, extensions).
    """
    return jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - configuration files and CLI text, no HTML
        **options,
    )


class _LazyContext(Context):
    """Looks a name up in the host's variables when an expression mentions it, not before."""

    def resolve_or_missing(self, key: str) -> Any:
        scope = self.parent.get(_SCOPE)
        if key not in self.vars and isinstance(scope, Scope) and key in scope:
            return scope[key]
        return super().resolve_or_missing(key)


def _as_bool(value: object) -> bool:
    """Ansible's ``bool`` filter."""
    return str(value).strip().lower() in ("yes", "on", "1", "true", "t", "y")


class Templates:
    """The templates of an inventory's values, each compiled once however many hosts share it."""

    def __init__(self) -> None:
        self._env = Sandbox(keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True)
        self._env.context_class = _LazyContext
        self._env.filters["bool"] = _as_bool
        self._compiled: dict[str, tuple[jinja2.Template, bool]] = {}

    def evaluate(self, text: str, scope: Scope) -> object:
        """``text`` with the variables of ``scope``; one lone expression keeps the type of its value."""
        if text not in self._compiled:
            self._compiled[text] = self._compile(text)
        template, lone = self._compiled[text]
        context = template.new_context({_SCOPE: scope})
        rendered = join_pieces(template.root_render_func(context))
        return as_data(context.vars[_RESULT]) if lone else rendered

    def _compile(self, text: str) -> tuple[jinja2.Template, bool]:
        """A template; for a lone expression one that assigns it to a variable and writes nothing."""
        body = self._env.parse(text).body
        parts = body[0].nodes if len(body) == 1 and isinstance(body[0], nodes.Output) else []
        if len(parts) != 1 or isinstance(parts[0], nodes.TemplateData):
            return self._env.from_string(text), False
        target = nodes.Name(_RESULT, "store", lineno=1)
        lone = nodes.Template([nodes.Assign(target, parts[0], lineno=1)], lineno=1)
        return self._env.from_string(lone), True


class Scope(Mapping[str, object]):
    """One host's variables, resolved on demand; a mapping, so ``hostvars[name]`` is one of these.

    ``given`` are ready values (``inventory_hostname``, ``groups``); ``base`` is where relative
    paths of ``lookup('file', ...)`` start; ``vaults`` are encrypted files that could not be read.

    Asking for a value raises :class:`InputError` with the place and name of the variable at fault.
    """

    def __init__(
        self,
        variables: Variables,
        given: Mapping[str, object],
        templates: Templates,
        base: Path,
        vaults: tuple[str, ...] = (),
    ) -> None:
        self._variables = variables
        self._given = {"lookup": self._lookup, **given}
        self._templates = templates
        self._base = base
        self._vaults = vaults
        self._resolved: dict[str, object] = {}
        self._open: list[str] = []
        # variable -> environment variable that it asked for and that is not set
        self.unset_env: dict[str, str] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._variables or name in self._given

    def __iter__(self) -> Iterator[str]:
        return iter({**self._variables, **self._given})

    def __len__(self) -> int:
        return len({**self._variables, **self._given})

    def __repr__(self) -> str:
        return f"Scope({', '.join(sorted(self._variables))})"

    def where(self, name: str) -> Where:
        """Where the variable ``name`` that counts for this host was written."""
        return self._variables[name].where

    def __getitem__(self, name: str) -> object:
        if name in self._resolved:
            if name in self.unset_env:
                self._note_unset(self.unset_env[name])
            return self._resolved[name]
        if name in self._given:
            return self._given[name]
        variable = self._variables[name]
        if name in self._open:
            chain = " -> ".join([*self._open[self._open.index(name) :], name])
            raise InputError([variable.where.fault(f"{name} refers to itself: {chain}")])
        self._open.append(name)
        try:
            self._resolved[name] = self._resolve(name, variable, variable.value)
        finally:
            self._open.pop()
        return self._resolved[name]

    def _resolve(self, name: str, variable: Variable, value: object) -> object:
        if isinstance(value, Vaulted | Foreign):
            raise InputError([_unreadable(name, value, variable.where)])
        if isinstance(value, dict):
            items = ((self._resolve(name, variable, k), v) for k, v in value.items())
            return {key: self._resolve(name, variable, item) for key, item in items}
        if isinstance(value, list):
            return [self._resolve(name, variable, item) for item in value]
        if isinstance(value, str) and not isinstance(value, Unsafe) and _is_template(value):
            return self._expression(name, variable, value)
        return str(value) if isinstance(value, Unsafe) else value

    def _expression(self, name: str, variable: Variable, text: str) -> object:
        try:
            return self._templates.evaluate(text, self)
        except InputError:
            raise
        except jinja2.UndefinedError as error:
            fault = self._undefined_fault(name, variable.where, str(error.message))
        except Exception as error:  # noqa: BLE001 - an operator's expression may raise anything
            # other messages may quote the value, which may be a password
            harmless = isinstance(error, jinja2.TemplateError | TypeError | OverflowError)
            problem = str(error) if harmless else type(error).__name__
            fault = variable.where.fault(f"{name}: the template fails: {problem}")
        raise InputError([fault])

    def _undefined_fault(self, name: str, where: Where, problem: str) -> Fault:
        instead = "define it, or give it a default: {{ name | default('value') }}"
        if self._vaults:
            instead += f"; note that {', '.join(self._vaults)} is encrypted and was not read"
        return where.fault(f"{name}: {problem}", instead)

    def _note_unset(self, term: str) -> None:
        """All variables that are being resolved depend on what the environment lacks."""
        self.unset_env.update(dict.fromkeys(self._open, term))

    def _lookup(self, kind: str, term: str, default: str = "", **_: object) -> str:
        """Ansible's ``lookup`` for the two sources that need no plug-in."""
        if kind in ("env", "ansible.builtin.env"):
            if term not in os.environ:
                self._note_unset(term)
            return os.environ.get(term, default)
        if kind in ("file", "ansible.builtin.file"):
            path = self._base / Path(term).expanduser()
            try:
                return _read(path).rstrip()
            except (OSError, UnicodeDecodeError) as error:
                raise jinja2.TemplateRuntimeError(f"lookup of file {path}: {error}") from error
        raise jinja2.TemplateRuntimeError(f"lookup '{kind}' is not known here (env and file are)")


def _read(path: Path) -> str:
    """Read a small regular file: a device or a pipe would never end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it must be a regular file")
    if found.st_size > LONGEST:
        raise OSError(errno.EFBIG, f"it must have at most {LONGEST} bytes")
    return path.read_text(encoding="utf-8")


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


def _unreadable(name: str, value: Vaulted | Foreign, where: Where) -> Fault:
    if isinstance(value, Foreign):
        return where.fault(f"{name} has the YAML tag {value.tag}, which means nothing here")
    instead = (
        "take it from the environment: \"{{ lookup('env', 'NAME') }}\" "
        "(ansible-vault decrypt shows the value)"
    )
    return where.fault(
        f"{name} is encrypted with ansible-vault, which cannot be read here", instead
    )
