"""Waves of a rollout: which site belongs to which one, and when no other site may begin."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from provision.errors import spell_count

# The unit of a percentage is a thousandth of a percent.
_WHOLE = 100_000


@dataclass(frozen=True)
class Share:
    """A number of sites, or ``number`` parts of ``whole`` of them, as a percentage is."""

    number: int
    whole: int = 0

    def __str__(self) -> str:
        return f"{self.number / 1000:g}%" if self.whole else str(self.number)

    def count_up(self, total: int) -> int:
        """Return the number of sites out of ``total``; a part of a site is one."""
        number = -(-self.number * total // self.whole) if self.whole else self.number
        return min(total, number)

    def count_down(self, total: int) -> int:
        """Return the number of sites out of ``total``; a part of a site is none."""
        number = self.number * total // self.whole if self.whole else self.number
        return min(total, number)


ALL = Share(_WHOLE, _WHOLE)


@dataclass(frozen=True)
class Waves:
    """The options of a rollout: the shares of its waves, and the budget of failures.

    ``now``: windows of time do not count. ``is_default``: no shares were given.
    """

    shares: tuple[Share, ...] = (ALL,)
    max_fail: Share | None = None
    now: bool = False
    is_default: bool = False

    def __str__(self) -> str:
        return ",".join(map(str, self.shares))

    def continue_from(self, waves: str, max_fail: str) -> Waves:
        """Return the options with which to continue a run that had these ``waves`` and ``max_fail``.

        Raises:
            ValueError: one of them cannot be read; the text begins with its name.
        """
        shares, budget, name = self.shares, self.max_fail, "waves"
        try:
            if self.is_default and waves:
                shares = parse_waves(waves)
            name = "max_fail"
            if budget is None and max_fail:
                budget = parse_share(max_fail)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
        return replace(self, shares=shares, max_fail=budget)

    @property
    def budget(self) -> Share | None:
        """Return the share of sites that may fail; None: none, and a failure lets its wave end.

        Without any option, all sites begin, whatever fails.
        """
        return ALL if len(self.shares) == 1 and self.max_fail is None else self.max_fail


def parse_share(text: str) -> Share:
    """Return the share in ``3`` or ``5%``.

    Raises:
        ValueError: it is neither.
    """
    if re.fullmatch(r"[0-9]{1,9}", text):
        return Share(int(text))
    found = re.fullmatch(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?%", text)
    if found:
        number = int(found[1] + (found[2] or "").ljust(3, "0"))
        if number <= _WHOLE:
            return Share(number, _WHOLE)
    raise ValueError(f"must be a number of sites or a percentage, such as 3 or 5% (got {text})")


def parse_waves(text: str) -> tuple[Share, ...]:
    """Return the shares in ``1,10%,100%``: how many sites have been begun by the end of each wave.

    Raises:
        ValueError: one of them is no share or none at all, they do not grow, or the last is not 100%.
    """
    shares = tuple(parse_share(part.strip()) for part in text.split(","))
    for whole in (0, _WHOLE):
        alike = [share.number for share in shares if share.whole == whole]
        if alike != sorted(set(alike)) or 0 in alike:
            raise ValueError(f"must grow from wave to wave, such as 1,10%,100% (got {text})")
    if shares[-1] != ALL:
        raise ValueError(f"must end with 100%, such as 1,10%,100% (got {text})")
    return shares


def split_sites(
    names: Sequence[str], shares: Sequence[Share], fixed: Mapping[str, int]
) -> list[tuple[str, ...]]:
    """Return the names in each wave; ``names`` are in the order in which they begin.

    ``fixed``: the number of the wave, from 1, of a site that is to be in this one. A number beyond the last
    wave is the last. The other sites fill each wave up to its share; a wave may be empty.
    """
    waves: list[list[str]] = [[] for _ in shares]
    for name in names:
        if fixed.get(name):
            waves[min(fixed[name], len(waves)) - 1].append(name)
    others = [name for name in names if not fixed.get(name)]
    begun = 0
    for wave, share in zip(waves, shares, strict=True):
        room = max(0, share.count_up(len(names)) - begun - len(wave))
        wave.extend(others[:room])
        del others[:room]
        begun += len(wave)
    place = {name: number for number, name in enumerate(names)}
    return [tuple(sorted(wave, key=place.__getitem__)) for wave in waves]


@dataclass
class Rollout:
    """The failures of a rollout so far, and why no other site may begin: ``stop``, empty if one may.

    ``total``: the number of all sites. ``budget``: the share of them that may fail; None: none may, and a
    failure lets its wave end.
    """

    total: int
    budget: Share | None = None
    stop: str = ""
    _failed: int = 0
    _is_first: bool = True
    _wave: str = ""
    _failures: list[str] = field(default_factory=list)

    def begin_wave(self, name: str) -> None:
        """Begin a wave, which messages call ``name``."""
        self._wave, self._failures = name, []

    def note_site(self, failure: str) -> None:
        """Note that a site has ended: its ``failure``, without the names in it; empty if it went well."""
        self._failures.append(failure)
        self._failed += bool(failure)
        if self.budget is not None and self._failed > self.budget.count_down(self.total):
            allowed = self.budget.count_down(self.total)
            self.stop = f"{spell_count(self._failed, 'site')} failed, --max-fail allows {allowed}"

    def end_wave(self) -> None:
        """Decide whether the next wave may begin."""
        failed = len([failure for failure in self._failures if failure])
        if failed and not self.stop:
            sites = spell_count(len(self._failures), "site")
            if self.budget is None:
                self.stop = f"{failed} of {sites} failed in {self._wave}"
            elif self._is_first and len({*self._failures}) == 1:
                self.stop = f"{sites} of {self._wave} failed, all with the same error"
        self._is_first = self._is_first and not self._failures
