"""Set up Jinja: the environment of all templates, and the errors of expressions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context

from provision.errors import InputError, Problem
from provision.inventory.filters import FILTERS, TESTS
from provision.inventory.filters.text import get_now
from provision.inventory.sandbox import Missing, Sandbox, as_value, join_pieces
from provision.inventory.variables import Foreign, NeedsProgram, Unusable, Where
from provision.inventory.vault.envelope import CannotDecrypt

# not an identifier, so that no expression can mention it
_SCOPE = "the scope"
# INI files, scripts and the command line have no tags.
_BRACES = "if the braces are part of the value, give it in a YAML file, with !unsafe before it"


class UndefinedVariable(InputError):
    """A variable uses something undefined, which `default` may replace."""


class NotRun(InputError):
    """A variable is the output of a program, which is not run."""


def build_environment(**options: Any) -> jinja2.Environment:
    """Return the environment of the project's own templates, in which undefined values are errors.

    ``options`` are those of :class:`jinja2.Environment` (a loader, extensions).
    """
    return jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - configuration files and CLI text, not HTML
        **options,
    )


def open_folder(folder: Path) -> jinja2.Environment:
    """Return an environment for the templates in ``folder`` that compiles each of them once."""
    loader = jinja2.FileSystemLoader(folder)
    return build_environment(loader=loader, cache_size=-1, auto_reload=False)


class _LazyContext(Context):
    """A context that looks up a name in the host's variables only when an expression uses it."""

    def resolve_or_missing(self, key: str) -> Any:
        scope = self.parent.get(_SCOPE)
        if key not in self.vars and scope is not None and key in scope:
            return scope.get_raw(key)
        return super().resolve_or_missing(key)


class Templates:
    """The templates in an inventory's values, each compiled once even if many hosts share it."""

    def __init__(self) -> None:
        self._env = Sandbox(trim_blocks=True)
        self._env.context_class = _LazyContext
        self._env.use_filters(FILTERS)
        self._env.use_tests(TESTS)
        self._env.globals.update(now=get_now, undef=_make_undefined)
        self._compiled: dict[str, jinja2.Template] = {}

    def evaluate(self, text: str, scope: object) -> object:
        """Return ``text`` rendered with the variables of ``scope``; a single expression keeps its type.

        ``scope`` supports ``name in scope`` and has a method ``get_raw``, like :class:`Scope`.
        """
        if text not in self._compiled:
            self._compiled[text] = self._env.from_string(text)
        template = self._compiled[text]
        context = template.new_context({_SCOPE: scope})
        value = as_value(join_pieces(template.root_render_func(context)))
        # Jinja drops one line end after a template
        return f"{value}\n" if isinstance(value, str) and text.endswith("\n") else value


def is_template(text: str) -> bool:
    """Return whether ``text`` has anything to evaluate."""
    return "{{" in text or "{%" in text or "{#" in text


def _make_undefined(hint: str | None = None) -> Missing:
    return Missing(hint=hint)


def build_error(name: str, where: Where, error: Exception, secret: bool) -> InputError:
    """Return the error for an expression in variable ``name``.

    The error does not quote the expression if the variable is ``secret``.
    """
    if isinstance(error, jinja2.UndefinedError):
        problem = "it uses something undefined" if secret else str(error.message)
        remedy = "define it, or give it a default: {{ name | default('value') }}"
        return UndefinedVariable(
            [where.problem(f"{name}: {problem}", _add_braces_hint(remedy, secret))]
        )
    if isinstance(error, CannotDecrypt):
        return InputError([where.problem(f"{name}: {error}", error.remedy)])
    if isinstance(error, NeedsProgram):
        remedy = "take the value from the environment: \"{{ lookup('env', 'NAME') }}\""
        return NotRun([where.problem(f"{name}: {error}", remedy)])
    message = f"{name}: the template fails{_describe_error(error, secret)}"
    return InputError([where.problem(message, _BRACES if _is_syntax(error) else "")])


def build_unreadable(name: str, value: Foreign, where: Where, shown: bool) -> Problem:
    """Return the problem of a variable with an unknown tag, which is ``shown`` if it is no secret."""
    tag = f"the YAML tag {value.tag}, which" if shown else "a YAML tag that"
    remedy = "remove it, or put quotes around the value if it starts with !"
    return where.problem(f"{name} has {tag} means nothing here", remedy)


def lacks_output(error: Exception) -> bool:
    """Return whether an expression may fail only because a command's output has a placeholder.

    Such as one that takes a part of the output; but no output defines a variable or a filter.
    """
    if isinstance(error, jinja2.UndefinedError):
        return not str(error.message).endswith(" is undefined")
    certain = jinja2.TemplateSyntaxError | SecurityError | NeedsProgram | CannotDecrypt
    return not isinstance(error, certain)


def _is_syntax(error: Exception) -> bool:
    unknown = isinstance(error, jinja2.TemplateAssertionError)
    return isinstance(error, jinja2.TemplateSyntaxError) and not unknown


def _add_braces_hint(remedy: str, secret: bool) -> str:
    return f"{remedy}; {_BRACES}" if secret else remedy


def _describe_error(error: Exception, secret: bool) -> str:
    """Return the message of the error if it cannot quote a secret."""
    if isinstance(error, jinja2.TemplateAssertionError):
        return ": it uses an unknown filter or test" if secret else f": {error}".rstrip(".")
    if secret:
        brief = getattr(error, "brief", "")
        return f": {brief}" if brief else ": it is not valid" if _is_syntax(error) else ""
    # other messages may quote the value, which may be a password
    known = jinja2.TemplateError | TypeError | OverflowError | Unusable
    return f": {error}" if isinstance(error, known) else f": {type(error).__name__}"
