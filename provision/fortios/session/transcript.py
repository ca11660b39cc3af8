"""Know the prompt of a FortiGate, and collect the output of one exchange with it.

The output is collected within bounds and at a cost linear in its length.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from provision.fortios.session import prompts

# Characters at the end of a text that are enough to recognize a prompt, a question or a pager.
END = 512
# A text up to this length is parsed whenever a piece arrives: that is cheap.
SHORT = 8192
# A longer text is parsed whenever it has grown by this part of itself ...
GROWTH = 8
# ... and whenever it ends in a prompt, but only this often in one exchange.
PROMPTS = 64


@dataclass(frozen=True)
class Bounds:
    """Seconds to wait for a FortiGate, and characters to read from it, at most."""

    # Silence after which a FortiGate counts as hung; a busy one takes several seconds to answer.
    silence: float = 30.0
    # Silence at a prompt after which lines that were typed ahead count as lost.
    lost: float = 3.0
    # The same for questions, which can simply be asked again.
    unread: float = 1.0
    # Silence after which a prompt or a pager at the end of the text is believed to be the end.
    settled: float = 0.2
    # Enters in one exchange that ask for a prompt which a message of the FortiGate has hidden.
    nudges: int = 3
    # Time of one exchange: 5 MB of policies take ten minutes at 64 kbit/s.
    exchange: float = 600.0
    # Length of one exchange: 10,000 policies are about 10 MB.
    longest: int = 32 << 20
    # Length of one line: a policy with 5,000 addresses has about 400,000.
    line_longest: int = 1 << 20
    # Waiting time of all exchanges of a session together, so that no run hangs on one FortiGate.
    session: float = 3600.0
    # From the connection to the first prompt: time, and length of banner and disclaimer.
    login: float = 90.0
    banner_longest: int = 1 << 18

    def find_excess(self, size: int, line: int, seconds: float, logged_in: bool) -> str:
        """Return which bound an exchange exceeds, as "has sent ..."; empty if none.

        ``size`` and ``line`` are the characters of the exchange and of its last line so far.
        """
        longest = self.longest if logged_in else self.banner_longest
        allowed = self.exchange if logged_in else self.login
        if size > longest:
            return f"has sent {longest >> 10} KiB and no end of its answer"
        if line > self.line_longest:
            return f"has sent a line of more than {self.line_longest >> 10} KiB"
        return f"has not ended its answer within {allowed:g} s" if seconds > allowed else ""


@dataclass
class Wait:
    """A wait for the end of an exchange: for how long nothing has come, and what was typed meanwhile."""

    started: float = field(default_factory=time.monotonic)
    last_piece: float = field(default_factory=time.monotonic)
    quiet: bool = False
    silent: float = 0.0
    paged_at: int = 0  # size of the text when the last page was turned
    nudges: int = 0

    def count(self, piece: str, seconds: float) -> None:
        """Take note of a ``piece``, or of so many ``seconds`` without one."""
        self.quiet, self.silent = not piece, 0.0 if piece else self.silent + seconds
        if piece:
            self.last_piece = time.monotonic()


class KnownPrompt:
    """The prompt of one terminal, as it was learned at the login, and the context that it shows.

    ``text``: the prompt outside of every configuration context, "" until the login has ended.
    ``context``: the prompt now; "" if it is not known in which context the next line runs.
    """

    def __init__(self) -> None:
        self.text = self.context = ""
        self._pattern = prompts.compile_last_prompt("")
        self._has_blank = True  # behind it
        self._is_confirmed = False  # it was seen after an answer

    @property
    def scope(self) -> str:
        """The name in brackets, apart from a role in a cluster."""
        return prompts.find_scope(self.text)

    @property
    def is_restricted(self) -> bool:
        """True if the administrator's profile is not super_admin: the prompt ends in `$`."""
        return self.text.endswith("$")

    def learn(self, shown: str) -> None:
        """Take the prompt at the end of what the login has shown."""
        self._set(prompts.find_first_prompt(shown))
        self._has_blank = shown.endswith(" ")

    def _set(self, text: str) -> None:
        self.text = self.context = text
        self._pattern = prompts.compile_last_prompt(text)

    def repair(self, shown: str) -> None:
        """Correct the first prompt if a message of the FortiGate has torn or stretched it."""
        if self._is_confirmed or not self.text:
            return
        seen = prompts.find_first_prompt(shown)
        if seen and (seen.endswith(self.text) or self.text.endswith(seen)):
            self._set(seen)

    def confirm(self) -> None:
        """Note that an answer ended in this prompt, so it is not a torn one."""
        self._is_confirmed = bool(self.text)

    def update_context(self, shown: str) -> None:
        """Keep the prompt that a text ends in."""
        self.context = found[1] if (found := self._pattern.search(shown)) else ""

    def ends(self, shown: str) -> bool:
        """Return whether a text ends in the prompt, in any context; before the login ended, always."""
        return not self.text or bool(self._pattern.search(shown))

    def clean(self, received: str) -> str:
        """Return terminal output as lines, with the blank behind a prompt that does not show one."""
        text = prompts.clean(received)
        if self._has_blank:
            return text
        return prompts.add_blanks(text, prompts.make_prompt_pattern(self.text))


class Transcript:
    """The text of one exchange.

    ``size`` counts the characters received, ``line`` those after the last line end. ``clean`` turns
    received characters into text; it must work line by line.
    """

    def __init__(self, clean: Callable[[str], str] = prompts.clean) -> None:
        self.size = self.line = 0
        self._clean = clean
        self._done: list[str] = []
        self._pieces: list[str] = []
        self._end = ""
        self._text: str | None = ""
        self._parsed_size = self._prompts = 0

    def add(self, piece: str) -> None:
        """Append the next characters."""
        self.size += len(piece)
        self._text = None
        self._end = (self._end + piece)[-END:]
        head, line_end, rest = piece.rpartition("\n")
        if line_end:
            self._done.append(self._clean("".join((*self._pieces, head, line_end))))
            self._pieces, self.line = [], 0
        self._pieces.append(rest)
        self.line += len(rest)

    def read_text(self) -> str:
        """Return the whole text, cleaned."""
        if self._text is None:
            self._done = ["".join(self._done)]
            self._text = self._done[0] + self._clean("".join(self._pieces))
        return self._text

    def waits_for_page(self) -> bool:
        """Return whether the text ends in a pager."""
        return prompts.waits_for_page(self._end)

    def is_due(self, quiet: bool, at_prompt: Callable[[str], object]) -> bool:
        """Return whether parsing the whole text is worth its cost now.

        ``quiet``: nothing came for a moment. ``at_prompt``: returns whether a text ends in a prompt.
        """
        due = quiet or self.size <= SHORT or self.size >= self._parsed_size * (1 + 1 / GROWTH)
        if not due and self._prompts < PROMPTS and at_prompt(self._clean(self._end)):
            self._prompts += 1
            due = True
        if due:
            self._parsed_size = self.size
        return due
