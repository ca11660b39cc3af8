"""Resolve the variables of a host: evaluate the expressions in their values.

A host's variables may refer to one another, to the environment and to files. Each is resolved when it is
used, so an error in an unused variable does not matter.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provision.errors import InputError
from provision.inventory import PLAYBOOK, lookups
from provision.inventory.sandbox import DEEPEST, LONGEST, Missing, as_data
from provision.inventory.templates import (
    Templates,
    UndefinedVariable,
    build_error,
    build_unreadable,
    is_template,
    lacks_output,
)
from provision.inventory.variables import (
    OMIT,
    SOURCES,
    Foreign,
    Unsafe,
    Variable,
    Variables,
    Vaulted,
    Where,
    is_secret_name,
)
from provision.inventory.vault.envelope import CannotDecrypt
from provision.inventory.vault.keyring import Keyring


@dataclass(frozen=True)
class Tools:
    """The parts of a run that the variables of all hosts share."""

    keyring: Keyring = field(default_factory=Keyring)
    commands: lookups.Commands = field(default_factory=lookups.Commands)


class Scope(Mapping[str, object]):
    """One host's variables, each resolved on use.

    ``magic`` are Ansible's own variables (``inventory_hostname``, ``groups``). Relative paths of
    ``lookup('file', ...)`` start at ``playbook``, else at ``base``.

    Getting a value raises :class:`InputError` with the place and the name of the wrong variable, and
    :class:`KeyError` for a variable that is omitted.
    """

    def __init__(
        self,
        variables: Variables,
        magic: Mapping[str, object],
        templates: Templates,
        base: Path,
        playbook: Path = PLAYBOOK,
        tools: Tools | None = None,
    ) -> None:
        view = HostVars(self)
        context = lookups.LookupContext(
            view, (playbook, base), self._note_unset, self._decrypt, self._run_command
        )
        own = {"playbook_dir": str(playbook.resolve()), "ansible_playbook_python": sys.executable}
        self._variables = variables
        self._magic = {
            **lookups.build_functions(context),
            "vars": view,
            "omit": OMIT,
            **own,
            **magic,
        }
        self._templates = templates
        self._tools = tools or Tools()
        self._resolved: dict[str, object] = {}
        self._open: list[str] = []
        # variables that depend on an environment variable that is not set, and its name
        self.unset_env: dict[str, str] = {}
        # variables made from the output of a command that was not run, and what stands for it
        self.placeholders: dict[str, str] = {}
        # variables that may be made from a secret: no message quotes their values
        self.secretive: set[str] = set()
        # variables that use one with the name of a secret
        self._private: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._variables or name in self._magic

    def __iter__(self) -> Iterator[str]:
        return iter({**self._variables, **self._magic})

    def __len__(self) -> int:
        return len({**self._variables, **self._magic})

    def __repr__(self) -> str:
        return f"Scope({', '.join(sorted(self._variables))})"

    def locate(self, name: str) -> Where:
        """Return the place of the variable ``name`` that counts for this host."""
        return self._variables[name].where

    def __getitem__(self, name: str) -> object:
        value = self.get_raw(name)
        try:
            data = as_data(value)
        except InputError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an operator's value holds
            if name in self.placeholders and lacks_output(error):
                return self.placeholders[name]
            raise self._build_error(name, error, [name]) from None
        if data is OMIT:
            raise KeyError(name)
        return data

    def get_raw(self, name: str) -> Any:
        """Return a value for use in expressions, which may still replace undefined parts."""
        self._note_use(name)
        if name in self._resolved:
            if name in self.unset_env:
                self._note_unset(self.unset_env[name])
            return self._resolved[name]
        if name in self._magic:
            return self._magic[name]
        variable = self._variables[name]
        if name in self._open:
            if isinstance(variable.value, dict):
                return _Unfinished(self, name, variable, variable.value)
            raise self.build_circle(name, variable.where)
        if variable.sealed:
            self._note_secret(name)
        self._resolved[name] = self.resolve(name, variable, variable.value)
        if variable.sealed:
            self._tools.keyring.hidden.hide(self._resolved[name], name, variable.where)
        return self._resolved[name]

    def _note_use(self, name: str) -> None:
        """Note for all variables being resolved that they use ``name``."""
        if name in SOURCES or name in self.secretive or is_secret_name(name):
            self.secretive.update(self._open, [name])
        if name in self._private or is_secret_name(name):
            self._private.update(self._open)
        if name in self.placeholders:
            self.placeholders.update(dict.fromkeys(self._open, self.placeholders[name]))

    def build_circle(self, label: str, where: Where) -> InputError:
        """Return the error for a variable, or an entry of one, that refers to itself."""
        chain = " -> ".join([*self._open[self._open.index(label) :], label])
        name = label.partition(".")[0]
        return InputError([where.problem(f"{name} refers to itself: {chain}")])

    def is_open(self, label: str) -> bool:
        """Return whether this variable, or entry of one, is being resolved."""
        return label in self._open

    def resolve(self, label: str, variable: Variable, value: object) -> Any:
        """Return ``value``, all or an entry of ``variable``, with its expressions evaluated."""
        self._open.append(label)
        try:
            return self._resolve(label.partition(".")[0], variable, value, [0])
        except UndefinedVariable as error:
            return Missing(name=label).set_error(error, broken=False)
        finally:
            self._open.pop()

    def _resolve(
        self, name: str, variable: Variable, value: object, size: list[int], depth: int = 0
    ) -> object:
        size[0] += 1
        if size[0] > LONGEST or depth > DEEPEST:
            message = f"{name}: more than {LONGEST} items, or over {DEEPEST} levels"
            raise InputError([variable.where.problem(message)])
        if isinstance(value, dict):
            items = value.items()
            return {
                key: self._resolve_entry(name, variable, item, size, depth) for key, item in items
            }
        if isinstance(value, list):
            return [self._resolve_entry(name, variable, item, size, depth) for item in value]
        if isinstance(value, Vaulted):
            where = Where(variable.where.file, value.line or variable.where.line)
            try:
                return self._decrypt(value.text, where)
            except CannotDecrypt as error:
                raise InputError([where.problem(f"{name} {error}", error.remedy)]) from None
        if isinstance(value, Foreign):
            shown = not any(map(is_secret_name, self._open))
            raise InputError([build_unreadable(name, value, variable.where, shown)])
        if isinstance(value, str) and not isinstance(value, Unsafe) and is_template(value):
            return self._evaluate(name, value)
        return str(value) if isinstance(value, Unsafe) else value

    def _resolve_entry(
        self, name: str, variable: Variable, value: object, size: list[int], depth: int
    ) -> object:
        """Return an entry of a list or mapping; an error in it is raised when the entry is used."""
        try:
            return self._resolve(name, variable, value, size, depth + 1)
        except InputError as error:
            broken = not isinstance(error, UndefinedVariable)
            return Missing(name=name).set_error(error, broken)

    def _evaluate(self, name: str, text: str) -> object:
        try:
            value = self._templates.evaluate(text, self)
            return str(value) if isinstance(value, Missing) else value  # str() raises the reason
        except InputError:
            raise
        except Exception as error:  # noqa: BLE001 - an operator's expression may raise anything
            if name in self.placeholders and lacks_output(error):
                return self.placeholders[name]
            raise self._build_error(name, error, self._open) from None

    def _build_error(self, name: str, error: Exception, chain: list[str]) -> InputError:
        """Return the error for an expression; the variables in ``chain`` depend on it."""
        secret = any(is_secret_name(used) or used in self._private for used in chain)
        where = self._variables[name].where
        return build_error(name, where, error, secret)

    def _decrypt(self, text: str, where: Where | None = None) -> str:
        """Return the decrypted text of a value at ``where``, or of a file, and hide it."""
        name = self._open[-1].partition(".")[0]
        self._note_secret(name)
        clear = self._tools.keyring.decrypt(text)
        place = where or self._variables[name].where
        self._tools.keyring.hidden.hide(clear, name, place)
        return clear

    def _run_command(self, command: str) -> str:
        """Return the output of a command, hidden, or a placeholder in verbs that contact no host."""
        name = self._open[-1].partition(".")[0]
        commands = self._tools.commands
        if not commands.allowed:
            stand_in = lookups.build_placeholder(command)
            self.placeholders.update(dict.fromkeys([*self._open, name], stand_in))
            return stand_in
        output = commands.run(command)
        self._note_secret(name)
        self._tools.keyring.hidden.hide(output, name, self._variables[name].where)
        return output

    def _note_secret(self, name: str) -> None:
        """Note that ``name``, and all variables being resolved, hold a secret."""
        for noted in (self.secretive, self._private):
            noted.update(self._open, [name])

    def _note_unset(self, term: str) -> None:
        """Note that all variables being resolved depend on the unset environment variable ``term``."""
        self.unset_env.update(dict.fromkeys(self._open, term))


class HostVars(Mapping[str, object]):
    """One host's variables as expressions see them in ``vars`` and ``hostvars``."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __getitem__(self, name: str) -> object:
        return self._scope.get_raw(name)

    def __contains__(self, name: object) -> bool:
        return name in self._scope

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope)

    def __len__(self) -> int:
        return len(self._scope)


class _Unfinished(Mapping[object, object]):
    """A mapping that is being resolved, as its own entries see it; they may use one another."""

    def __init__(
        self, scope: Scope, label: str, variable: Variable, value: dict[object, object]
    ) -> None:
        self._scope, self._label, self._variable, self._value = scope, label, variable, value

    def __getitem__(self, key: object) -> object:
        item, label = self._value[key], f"{self._label}.{key}"
        if isinstance(item, dict):
            return _Unfinished(self._scope, label, self._variable, item)
        if self._scope.is_open(label):
            raise self._scope.build_circle(label, self._variable.where)
        return self._scope.resolve(label, self._variable, item)

    def __iter__(self) -> Iterator[object]:
        return iter(self._value)

    def __len__(self) -> int:
        return len(self._value)
