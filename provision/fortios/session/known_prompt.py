"""The prompt of one terminal of a FortiGate, as it was learned at the login."""

from __future__ import annotations

from provision.fortios.session import prompts


class KnownPrompt:
    """A prompt, and the context that it shows.

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
