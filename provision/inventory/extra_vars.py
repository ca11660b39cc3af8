"""Read variables from the command line (``-e``), in each of Ansible's forms."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from provision.errors import InputError, Problem
from provision.inventory import yaml_lines
from provision.inventory.sources.yaml import as_variables
from provision.inventory.variables import Variable, Where
from provision.inventory.vault.keyring import Keyring

COMMAND_LINE = Where("-e")


def read(arguments: Sequence[str], keyring: Keyring | None = None) -> dict[str, Variable]:
    """Return the variables of all ``-e`` arguments; a later one wins.

    The forms are ``key=value`` (one or several, quoted as in a shell; values are strings), ``{json or
    yaml}`` and ``@file``; ``keyring`` opens an encrypted file.

    Raises:
        InputError: all problems of all arguments.
    """
    result: dict[str, Variable] = {}
    problems: list[Problem] = []
    for argument in arguments:
        try:
            result.update(_read_argument(argument.strip(), keyring))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return result


def _read_argument(argument: str, keyring: Keyring | None) -> dict[str, Variable]:
    if argument.startswith("@"):
        file = str(Path(argument[1:]).expanduser())
        return _read_mapping(yaml_lines.load(Path(file), keyring=keyring), Where(file))
    if argument.startswith(("{", "[")):
        variables = _read_mapping(yaml_lines.parse(argument, COMMAND_LINE.file), COMMAND_LINE)
        # a line of the argument means nothing to the operator
        return {name: Variable(var.value, COMMAND_LINE) for name, var in variables.items()}
    return _read_pairs(argument)


def _read_mapping(value: object, where: Where) -> dict[str, Variable]:
    return as_variables(yaml_lines.as_mapping(value, where, "extra variables"), where.file)


def _read_pairs(argument: str) -> dict[str, Variable]:
    try:
        words = shlex.split(argument)
    except ValueError as error:
        # the argument itself stays out of the message: it may hold a password
        raise InputError([COMMAND_LINE.problem(f"bad quoting: {error}")]) from None
    result: dict[str, Variable] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            # the word itself stays out of the message: it may be part of a password
            wrong = "a word is not a variable" if not equals else "no name before ="
            message = "the name before = is not a valid variable name" if equals and key else wrong
            remedy = "write key=value, {json} or @file"
            if result:
                message += f", behind {next(reversed(result))}"
                remedy += "; put quotes around a value with blanks"
            raise InputError([COMMAND_LINE.problem(message, remedy)])
        result[key] = Variable(value, COMMAND_LINE)
    return result
