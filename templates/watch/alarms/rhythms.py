"""Learn how often a FortiGate polls and posts, to know when it is silent for too long.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from typing import NamedTuple

# Part of a new gap that goes into the usual one; a gap counts as at most this many usual ones.
SHARE, MOST_USUAL = 1 / 8, 5
# Gaps after which the usual one is known.
ENOUGH = 3
# Seconds after which half of the longest gap is forgotten.
HALF_LIFE = 30 * 86400.0


class Rhythm(NamedTuple):
    """The rhythm of something that repeats. Times in epoch seconds, gaps in seconds.

    ``last``: when it happened, by the clock as it was then. ``moved``: by how much that was set since.
    """

    last: float = 0.0
    usual: float = 0.0
    longest: float = 0.0
    gaps: int = 0
    moved: float = 0.0

    @property
    def at(self) -> float:
        """Return when it last happened, by the clock as it is now."""
        return self.last + self.moved


def move(rhythm: Rhythm, seconds: float) -> Rhythm:
    """Return the rhythm after the clock was set by some seconds."""
    return rhythm._replace(moved=rhythm.moved + seconds) if rhythm.last else rhythm


def note(rhythm: Rhythm, last: float, moved: float = 0.0) -> Rhythm:
    """Return the rhythm after something happened at ``last``, if that is news.

    ``moved``: seconds by which the clock was set between that and now.
    """
    if not last or last == rhythm.last:
        return rhythm
    gap = last + moved - rhythm.at
    if gap <= 0 or not rhythm.last:
        # a time before the known one: the clock was set back while nobody looked
        return rhythm._replace(last=last, moved=moved)
    longest = max(gap, rhythm.longest * 0.5 ** (gap / HALF_LIFE))
    usual = gap
    if rhythm.gaps:
        usual = rhythm.usual + (min(gap, MOST_USUAL * rhythm.usual) - rhythm.usual) * SHARE
    return Rhythm(last, usual, longest, min(rhythm.gaps + 1, 1000), moved)


def find_poll_limit(rhythm: Rhythm, configured: float, floor: float) -> float:
    """Return the seconds after which a FortiGate that does not poll is silent.

    ``configured``: seconds between two polls by the inventory. Events may cause more of them for a while.
    """
    usual = rhythm.usual if rhythm.gaps >= ENOUGH else configured
    return max(floor, 4 * max(usual, configured))


def find_post_limit(rhythm: Rhythm, floor: float) -> float:
    """Return the seconds after which a FortiGate that does not post is silent: quiet sites post rarely."""
    return max(floor, 3 * rhythm.longest)
