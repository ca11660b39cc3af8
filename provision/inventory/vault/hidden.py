"""Hide values that were encrypted, or that a program printed, in everything that leaves the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from provision.inventory.variables import Where
from provision.masking import SHORTEST, Secrets


class Hidden:
    """The values that an inventory hides; they are added to ``secrets``.

    ``warnings`` name the values that are too short to be masked. Names of hosts and groups, which
    every line of the output needs, are never hidden.
    """

    def __init__(self, secrets: Secrets | None = None) -> None:
        self._secrets = Secrets() if secrets is None else secrets
        self._names: set[str] = set()
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings so far, each once."""
        return tuple(self._warnings)

    def spare(self, names: Iterable[str]) -> None:
        """Never hide these names."""
        self._names.update(names)

    def warn(self, text: str) -> None:
        """Add a warning for the operator."""
        self._warnings[text] = None

    def add(self, secret: str) -> None:
        """Hide a text whose place is no variable."""
        self._secrets.add(secret)

    def hide(self, value: object, name: str, where: Where) -> None:
        """Hide each text, number and date in ``value``, that of the variable ``name`` at ``where``."""
        for text in _list_texts(value):
            if len(text) >= SHORTEST and text not in self._names:
                self._secrets.add(text)
            elif len(text) < SHORTEST:
                message = (
                    f"{name} is secret, but with fewer than {SHORTEST} characters it is not masked"
                )
                self.warn(str(where.problem(message, "use a longer secret, or do not encrypt it")))


def _list_texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _list_texts(item)
    elif isinstance(value, str | int | float | date) and not isinstance(value, bool) and str(value):
        yield str(value)
