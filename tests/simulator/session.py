"""The command interpreter of one CLI session: contexts, pending entries, dispatch.

It takes whole lines (the terminal puts them together from bytes) and answers with lines.
"""

import re
from dataclasses import replace

from tests.simulator import editing, kinds, looking, operations, reading, refusals
from tests.simulator.config import GLOBAL
from tests.simulator.context import Context
from tests.simulator.frames import Frame, Reply, Words
from tests.simulator.text import split
from tests.simulator.transactions import BARRED
from tests.simulator.tree import Block, nested_block
from tests.simulator.verbs import ENTRY_VERBS, TABLE_VERBS, VERBS


class Session(Context):
    """One administrator at one prompt. Dropping the object drops what it had pending."""

    def run(self, line: str) -> Reply:
        """Run one whole line; a refusal is part of the answer, never raised."""
        expired = self._expire()
        if self.batch is not None and not line.strip().startswith("execute batch"):
            self.batch.append(line)
            return Reply()
        question = self._find_question(line)
        if question:
            return Reply(ask=question, then=lambda: self.obey(line))
        reply = self.obey(line)
        return replace(reply, lines=(*expired, *reply.lines)) if expired else reply

    def obey(self, line: str) -> Reply:
        """Run one line at once, also while a batch is being recorded."""
        cut = split(line)
        if self.host.options.comments and line.lstrip().startswith("#"):
            return Reply()
        try:
            if cut.open:
                raise refusals.unmatched_quote()
            return self._run(cut.words) if cut.words else Reply()
        except refusals.Refused as refused:
            return Reply(refused.lines)

    def _find_question(self, line: str) -> str:
        """Return the y/n question that the options put before this line, "" for none."""
        asked = self.host.options.questions.items()
        return next((text for pattern, text in asked if re.search(pattern, line)), "")

    def _run(self, words: Words) -> Reply:
        pipes = [n for n, w in enumerate(words) if w.text.startswith("|") and not w.quoted]
        if not pipes:
            return self._dispatch(words)
        reply = self._dispatch(words[: pipes[0]])
        return Reply(tuple(self._filter(list(reply.lines), words[pipes[0] :])), reply.close)

    def _filter(self, lines: list[str], words: Words) -> list[str]:
        name = words[0].text[1:]
        rest = words[1:] if name else words[2:]
        if (name or (words[1].text if len(words) > 1 else "")) != "grep":
            raise refusals.parse_error("|", None)
        return reading.grep(lines, rest, self.host.options.grep_miss_is_error)

    def _dispatch(self, words: Words) -> Reply:
        verb = self._match_verb(words[0].text)
        if verb in ("execute", "diagnose"):
            return operations.run(self, verb, words[1:])
        found: Reply | None = getattr(self, f"_do_{verb}")(words[1:])
        return found or Reply()

    def _match_verb(self, typed: str) -> str:
        try:
            return kinds.match(typed, VERBS[self.kind])
        except refusals.Refused as refused:
            if "ambiguous" in refused.lines[0]:
                raise
            if self.kind in ("top", "scope") and typed in TABLE_VERBS:
                raise refusals.parse_error(typed, None) from None
            if self.kind == "table" and typed in (*ENTRY_VERBS, "config"):
                raise refusals.parse_error(typed) from None
            raise refusals.unknown_action() from None

    # Walking

    def _do_config(self, words: Words) -> None:
        if not words:
            raise refusals.incomplete()
        if self.home and words[0].text in ("global", "vdom"):
            raise refusals.unknown_action()
        if self.frames and self.kind == "entry":
            self._enter_nested(words)
        elif self.config.multi and self.kind == "top":
            self._enter_scope(words)
        else:
            self._enter_table(words)

    def _enter_scope(self, words: Words) -> None:
        chosen = kinds.match(words[0].text, ("global", "vdom"))
        kind = "scope" if chosen == "global" else "vdoms"
        self.frames.append(Frame(chosen, kind, GLOBAL))

    def _enter_table(self, words: Words) -> None:
        path, rest = reading.find_path(words, self.blocks())
        if rest:
            raise refusals.parse_error(rest[0].text)
        barred = self.transaction is not None and path in BARRED
        if barred or not self.permits(path):
            raise refusals.not_permitted(self.host.options.denied_words)
        block = self.blocks()[path]
        if not block.is_table:
            self._lock(self.scope, path, "")
        self._open(block, self.scope)

    def _enter_nested(self, words: Words) -> None:
        frame = self.frames[-1]
        names = [each.path for each in frame.table.tables]
        names += [each.table.path for each in frame.entry.blocks()]
        path, rest = reading.find_path(words, names)
        if rest:
            raise refusals.parse_error(rest[0].text)
        self._open(nested_block(frame.table, frame.entry, path), frame.scope)

    def _open(self, block: Block, scope: str) -> None:
        label = block.table.name
        if block.is_table or (block.table.lenient and not block.entry.items):
            self.frames.append(Frame(label, "table", scope, block))
        else:
            entry = block.entry.copy()
            self.frames.append(Frame(label, "entry", scope, block, entry))

    def _do_edit(self, words: Words) -> Reply:
        if self.kind == "vdoms":
            return self._open_vdom(words)
        frame, lines = editing.open_row(self.frames[-1], words, self.config)
        self._touch(words[0].text)
        self.frames.append(frame)
        return Reply(lines)

    def _open_vdom(self, words: Words) -> Reply:
        if not words:
            raise refusals.incomplete()
        name = words[0].text
        if name not in self.config.vdoms:
            self.config.add_vdom(name)  # the trap: a misspelt name makes a new VDOM
            self._note_change()
        self.frames.append(Frame(name, "scope", name))
        return Reply((f"current vf={name}:{self.config.vdoms.index(name)}",))

    def _do_next(self, words: Words) -> None:
        if self.kind == "scope":
            if len(self.frames) < 2 + len(self.home):
                raise refusals.unknown_action()
            self.frames.pop()
            return
        if not self.frames[-1].row:
            raise refusals.unknown_action()
        self._commit(self.frames.pop())

    def _do_end(self, words: Words) -> None:
        if self.frames == self.home:
            raise refusals.unknown_action()
        if self.kind in ("scope", "vdoms"):
            self.frames[:] = self.home
            return
        frame = self.frames.pop()
        if frame.kind == "table":
            return
        try:
            self._commit(frame)
        except refusals.Refused:
            if frame.row and self.host.options.failed_end_leaves_table:
                self.frames.pop()
            raise
        if frame.row:
            self.frames.pop()

    def _do_abort(self, words: Words) -> None:
        if self.frames == self.home:
            raise refusals.unknown_action()
        frame = self.frames.pop()
        if frame.row:
            self.frames.pop()

    def interrupt(self) -> bool:
        """Ctrl-C: like abort; at the top it closes the session. Tells whether to close."""
        if len(self.frames) > len(self.home):
            self._do_abort(())
            return False
        return True

    def _commit(self, frame: Frame) -> None:
        self._check_fabric(frame.block.table.path)
        editing.commit(frame, self.config, dict(self.host.options.table_limits))
        if self.kind == "table":
            self._touch(frame.entry.key.text)
        self._note_change()

    # Editing

    def _do_set(self, words: Words) -> None:
        editing.set_values(self.frames[-1], words, self.config)

    def _do_append(self, words: Words) -> None:
        editing.append_values(self.frames[-1], words, self.config)

    def _do_select(self, words: Words) -> None:
        editing.set_values(self.frames[-1], words, self.config)

    def _do_unselect(self, words: Words) -> None:
        editing.unselect_values(self.frames[-1], words)

    def _do_unset(self, words: Words) -> None:
        editing.unset_value(self.frames[-1], words)

    def _do_delete(self, words: Words) -> None:
        if self.kind == "vdoms":
            name = words[0].text if words else ""
            if name not in self.config.vdoms or name == "root":
                raise refusals.missing_entry()
            del self.config.scopes[name]
        else:
            self._order(words)
            editing.delete_row(self.frames[-1], words, self.config)
        self._note_change()

    def _do_purge(self, words: Words) -> Reply:
        frame = self.frames[-1]

        def purge() -> Reply:
            self._order(())
            editing.purge_rows(frame, self.config)
            self._note_change()
            return Reply()

        question = "This operation will clear all table!\nDo you want to continue? (y/n)"
        return Reply(ask=question, then=purge)

    def _do_rename(self, words: Words) -> None:
        self._order(words)
        editing.rename_row(self.frames[-1], words, self.config)
        self._note_change()

    def _do_clone(self, words: Words) -> None:
        self._order(words)
        editing.clone_row(self.frames[-1], words)
        self._note_change()

    def _do_move(self, words: Words) -> None:
        self._order(words)
        editing.move_row(self.frames[-1], words)
        self._note_change()

    # Reading

    def _do_show(self, words: Words) -> Reply:
        return Reply(tuple(looking.show(self, words)))

    def _do_get(self, words: Words) -> Reply:
        return Reply(tuple(looking.get(self, words)))

    def _do_sudo(self, words: Words) -> Reply:
        known = ("global", *self.config.vdoms)
        if self.home:
            raise refusals.unknown_action()
        if len(words) < 2:
            raise refusals.incomplete()
        if not self.config.multi or words[0].text not in known:
            raise refusals.parse_error(words[0].text)
        saved = self.frames
        self.frames = [Frame(words[0].text, "scope", words[0].text)]
        try:
            return self._dispatch(words[1:])
        finally:
            self.frames = saved

    def _do_exit(self, words: Words) -> Reply:
        return Reply(close=True)
