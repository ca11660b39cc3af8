"""Write the parts of the documentation that come from the code: ``make docs``.

A page marks such a part by two HTML comments, ``<!-- generated: NAME -->`` and ``<!-- end -->``. The text
between them is replaced. A test checks that the committed pages are what would be written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from pydantic.fields import FieldInfo

from provision.cli import main
from provision.results import Exit
from provision.sites import rollout_settings
from provision.sites.setting_errors import describe_range, spell_value
from provision.sites.setting_types import spell_duration
from provision.sites.settings import Role
from provision.sites.site import list_roles
from roles.detection.catalogue import CATALOGUE
from tests import PROJECT
from tests.plays import PLAYS
from tests.unit.receiver.every_metric import parse_metrics, render_every_metric

PAGES = ("docs/settings.md", "docs/commands.md", "docs/detections.md", "docs/monitoring.md")
# An option that all verbs but so many take is a common one.
MOST_OTHERS = 5
_PART = re.compile(r"(<!-- generated: (.+?) -->\n).*?(\n<!-- end -->)", re.DOTALL)
_STOPPED = "Work in progress was finished; nothing else was started."
_EXITS = {
    Exit.OK: "Everything is as it should be.",
    Exit.FAILED: "Something failed at a target. The message says which state it is in. Also used if"
    " the output could not be written.",
    Exit.DIFFERS: "`plan`, `verify` or `status` found differences; or posts of the last 24 hours could"
    " not be read (`verify`, `status`); or new bans were over `receiver_ban_limit` (`status`).",
    Exit.USAGE: "The command line or the inventory is wrong. Nothing was contacted.",
    Exit.UNREACHABLE: "There is no session with a target: network, host key or login.",
    Exit.HUNG_UP: f"SIGHUP: the terminal was closed. {_STOPPED}",
    Exit.INTERRUPTED: f"Ctrl-C. {_STOPPED}",
    Exit.TERMINATED: f"SIGTERM. {_STOPPED}",
}


def update(text: str) -> str:
    """Return a page with all of its generated parts written anew.

    Raises:
        KeyError: a part has a name that nothing generates.
    """
    return _PART.sub(lambda part: f"{part[1]}\n{_generate(part[2])}{part[3]}", text)


def _generate(name: str) -> str:
    kind, _, detail = name.partition(" ")
    return "\n".join(_GENERATORS[kind](detail)) + "\n"


def list_settings(role_name: str) -> Iterator[str]:
    """Return a table of the settings of one role, from its pydantic model."""
    yield from ("| setting | default | meaning |", "|---|---|---|")
    roles: list[Role] = [rollout_settings, *list_roles(PLAYS)]
    (role,) = (role for role in roles if role_name == role.NAME)
    for name, field in role.Settings.model_fields.items():
        meaning = _describe_meaning(field).replace("|", "\\|")
        default = _describe_default(field, "detection's" if role_name == "detection" else "")
        yield f"| `{name}` | {default} | {meaning} |"


def _describe_default(field: FieldInfo, whose: str) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None:
        return f"the {whose}" if whose else "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(value)}]`"
    spelt = spell_value(field, value) or '""'
    return f"`{spelt}`"


def _describe_meaning(field: FieldInfo) -> str:
    """Return the description, with the range of a number after its first part."""
    first, semicolon, rest = str(field.description).partition(";")
    numbers = describe_range(field)
    return f"{first}, {numbers}{semicolon}{rest}" if numbers else str(field.description)


def list_detections(_: str) -> Iterator[str]:
    """Return a table of the detections, from their catalogue."""
    yield from ("| detection | bans after | ban time | what |", "|---|---|---|---|")
    for detection in CATALOGUE.values():
        limit = f"{detection.max_retry} events in {spell_duration(detection.find_time)}"
        ban_time = spell_duration(detection.ban_time)
        yield f"| `{detection.name}` | {limit} | {ban_time} | {detection.description} |"


def list_verbs(_: str) -> Iterator[str]:
    """Return a table of the verbs with their help."""
    yield from ("| verb | what it does |", "|---|---|")
    for name, command in main.cli.commands.items():
        arguments = (part.metavar or str(part.name).upper() for part in _arguments(command))
        usage = " ".join([name, *arguments]).replace("|", "\\|")
        yield f"| `{usage}` | {' '.join((command.help or '').split())} |"


def _arguments(command: click.Command) -> Iterator[click.Argument]:
    return (part for part in command.params if isinstance(part, click.Argument))


def list_common_options(_: str) -> Iterator[str]:
    """Return the options that nearly all verbs take, and which verbs differ from most of them."""
    common = {row: verbs for row, verbs in _find_takers().items() if _is_common(verbs)}
    ((usual, _count),) = Counter(tuple(verbs) for verbs in common.values()).most_common(1)
    others = _join([verb for verb in main.cli.commands if verb not in usual])
    yield f"Every verb except {others} takes these options."
    yield from ("", "| option | meaning |", "|---|---|")
    for (flags, meaning), verbs in common.items():
        more = _join([verb for verb in verbs if verb not in usual])
        fewer = _join([verb for verb in usual if verb not in verbs])
        but = f", not for {fewer}" if fewer else ""
        yield f"| {flags} | {meaning}{f' Also for {more}{but}.' if more else ''} |"


def list_options(_: str) -> Iterator[str]:
    """Return a table of the other options with the verbs that take them and describe them alike."""
    yield from ("| option | verbs | meaning |", "|---|---|---|")
    for (flags, meaning), verbs in _find_takers().items():
        if not _is_common(verbs):
            yield f"| {flags} | {', '.join(f'`{verb}`' for verb in verbs)} | {meaning} |"


def _find_takers() -> dict[tuple[str, str], list[str]]:
    """Return the verbs that take each option, by its flags and its meaning."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for name, command in main.cli.commands.items():
        for option in command.params:
            if isinstance(option, click.Option):
                row = _spell_option(option), _describe_option(option)
                verbs.setdefault(row, []).append(name)
    return verbs


def _is_common(verbs: Sequence[str]) -> bool:
    return len(main.cli.commands) - len(verbs) <= MOST_OTHERS


def _join(verbs: Sequence[str]) -> str:
    *first, last = [f"`{verb}`" for verb in verbs] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _describe_option(option: click.Option) -> str:
    words = (option.help or "").split()
    if option.show_default:
        default = option.default[0] if isinstance(option.default, tuple) else option.default
        words.append(f"Default: {default}.")
    return " ".join(words).replace("|", "\\|")


def _spell_option(option: click.Option) -> str:
    *short, last = option.opts
    if not option.is_flag and not option.count:
        choices = option.type.choices if isinstance(option.type, click.Choice) else ()
        last += f" {option.metavar or '|'.join(choices) or str(option.type.name).upper()}"
    return ", ".join(f"`{name}`" for name in (*short, last)).replace("|", "\\|")


def list_exit_codes(_: str) -> Iterator[str]:
    """Return a table of the exit codes."""
    yield from ("| code | name | meaning |", "|---|---|---|")
    for code in Exit:
        yield f"| {int(code)} | {code.name.lower()} | {_EXITS[code]} |"


def list_metrics(_: str) -> Iterator[str]:
    """Return a table of the metrics, from what a receiver serves."""
    with TemporaryDirectory() as folder:
        metrics = parse_metrics(render_every_metric(Path(folder)))
    yield from ("| metric | type | labels | meaning |", "|---|---|---|---|")
    for name, metric in metrics.items():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{name}` | {metric.kind} | {labels} | {metric.meaning} |"


_GENERATORS: dict[str, Callable[[str], Iterator[str]]] = {
    "settings": list_settings,
    "detections": list_detections,
    "verbs": list_verbs,
    "common-options": list_common_options,
    "options": list_options,
    "exit-codes": list_exit_codes,
    "metrics": list_metrics,
}


if __name__ == "__main__":
    for page in PAGES:
        path = PROJECT / page
        path.write_text(update(path.read_text("utf-8")), "utf-8")
