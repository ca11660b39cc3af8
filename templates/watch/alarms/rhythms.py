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
    """The rhythm of something that repeats. Times in epoch seconds, gaps in seconds."""

    last: float = 0.0
    usual: float = 0.0
    longest: float = 0.0
    gaps: int = 0


def note(rhythm: Rhythm, last: float) -> Rhythm:
    """Return the rhythm after something happened at ``last``, if that is news."""
    if last <= rhythm.last or not rhythm.last:
        # a time before the known one: the clock was set back
        return rhythm._replace(last=last) if last else rhythm
    gap = last - rhythm.last
    longest = max(gap, rhythm.longest * 0.5 ** (gap / HALF_LIFE))
    usual = gap
    if rhythm.gaps:
        usual = rhythm.usual + (min(gap, MOST_USUAL * rhythm.usual) - rhythm.usual) * SHARE
    return Rhythm(last, usual, longest, min(rhythm.gaps + 1, 1000))


def find_poll_limit(rhythm: Rhythm, configured: float, floor: float) -> float:
    """Return the seconds after which a FortiGate that does not poll is silent.

    ``configured``: seconds between two polls by the inventory. Events may cause more of them for a while.
    """
    usual = rhythm.usual if rhythm.gaps >= ENOUGH else configured
    return max(floor, 4 * max(usual, configured))


def find_post_limit(rhythm: Rhythm, floor: float) -> float:
    """Return the seconds after which a FortiGate that does not post is silent: quiet sites post rarely."""
    return max(floor, 3 * rhythm.longest)
