"""The terminal of one session, byte for byte: echo, line editor, help key, pager, questions.

Sources: byte-level SSH captures of 7.4.7 and 7.4.8 (echo `cmd\\r\\r\\n`, lines `\\r\\n`, an empty
line, the prompt; pager `--More-- ` and `\\r         \\r`) and the CLI basics of the 7.0 admin guide
(Ctrl-C, Ctrl-D, Ctrl-V, `\\` + Enter).
"""

import re
from collections.abc import Callable

from tests.simulator.frames import Reply
from tests.simulator.options import Options
from tests.simulator.text import split

CTRL_C, CTRL_D, TAB, CTRL_V, ESCAPE = 0x03, 0x04, 0x09, 0x16, 0x1B
BACKSPACES = (0x08, 0x7F)
ENTERS = (0x0A, 0x0D)
# Keys that do nothing but stand in the line.
PLAIN = re.compile(rb"[ ->@-~\x80-\xff]+")
MORE = b"--More-- "
DISCLAIMER = "(Press 'a' to accept):"
FORCED = "You are forced to change your password. Please input a new password.\r\n"  # 7.0.3

Write = Callable[[bytes], None]


class Dropped(Exception):
    """The connection is to be cut now."""


class Terminal:
    """A terminal between the bytes of a client and a command interpreter.

    `run` answers one whole line; `prompt` returns the prompt; `interrupt` is Ctrl-C and returns
    whether to close; `page` returns the lines of a page now, 0 for no paging. `closed` is set
    when the session is over, `waiting` while the FortiGate has printed a prompt or a pager.
    """

    def __init__(
        self,
        write: Write,
        run: Callable[[str], Reply],
        prompt: Callable[[], str],
        interrupt: Callable[[], bool],
        page: Callable[[], int],
        complete: Callable[[str], list[str]],
        options: Options,
        width: int = 0,
    ) -> None:
        self._write, self._run, self._prompt = write, run, prompt
        self._interrupt, self._page, self._complete = interrupt, page, complete
        self._options, self._echoes = options, options.echo != "none"
        self._width, self._wrap, self._column = width, options.echo_wrap.encode(), 0
        self._set_password: Callable[[str], None] | None = None
        self._new = ""
        self._typed = bytearray()
        self._before = ""
        self._literal = False
        self._held: list[str] = []
        self._after: Reply | None = None
        self._question: Reply | None = None
        self._accepting = False
        self.closed = False
        self.waiting = False

    def start(
        self, disclaimer: str = "", set_password: Callable[[str], None] | None = None
    ) -> None:
        """Print the first prompt; before it the disclaimer, or the question for a new password."""
        self._set_password = set_password
        if disclaimer:
            self._accepting = True
            text = "".join(f"{line}\r\n" for line in [*disclaimer.splitlines(), DISCLAIMER])
            self._print(text)
            self.waiting = True
        else:
            self._print_prompt()

    def feed(self, data: bytes) -> None:
        """Take bytes as they come, in order; input after the session closed is lost."""
        if self._options.echo == "ahead":
            self._write(data.replace(b"\n", b"\r\n"))
            self._echoes = False
        burst, at = self._take_burst(data), 0
        while at < len(burst) and not self.closed:
            self.waiting = False
            plain = PLAIN.match(burst, at) if self._edits() else None
            if plain:
                self._insert(plain[0])
            else:
                self._handle_key(burst[at])
            at = plain.end() if plain else at + 1
            self.waiting = self.waiting or not (self._typed or self._before)

    def _edits(self) -> bool:
        """Return whether a key that is no command goes into the line, and its echo is not wrapped."""
        asks = self._accepting or self._set_password is not None or self._held or self._question
        return not (asks or self._literal or self._wrap)

    def _take_burst(self, data: bytes) -> bytes:
        """Return what is left of a burst of input where type-ahead is not kept."""
        drops, joins = (self._options.type_ahead == word for word in ("dropped", "joined"))
        if drops and self._options.drops_with.encode() in data:
            return b"".join(data.partition(b"\n")[:2])
        if joins:
            line = b" ".join(data.split(b"\n")).strip(b" ") + b"\n"
            return line if b"\n" in data else data[:1]
        return data

    def _print(self, text: str) -> None:
        self._write(text.encode("utf-8", "surrogateescape"))

    def _echo(self, data: bytes) -> None:
        if not self._echoes:
            return
        self._write(data)
        self._column += len(data)
        if self._wrap and self._width and self._column >= self._width:
            self._write(self._wrap)
            self._column = 0

    def _print_prompt(self) -> None:
        if self._ask_password():
            return
        prompt = self._format_prompt()
        self._print(prompt)
        self._column = len(prompt)
        self.waiting = True

    def _format_prompt(self) -> str:
        form, prompt = self._options.prompt_form, self._prompt()
        if form == Options.prompt_form:
            return prompt
        return form.format(prompt=prompt.rstrip())

    def _ask_password(self) -> bool:
        if self._set_password is None:
            return False
        if not self._new:
            self._print(FORCED)
        self._print("Confirm Password: " if self._new else "New Password: ")
        self.waiting = True
        return True

    def _take_password(self, byte: int) -> None:
        """A new password is typed twice and not echoed; it is asked for until both agree."""
        if byte not in ENTERS:
            self._typed.append(byte)
            return
        typed = self._typed.decode("utf-8", "surrogateescape")
        self._typed.clear()
        self._print("\r\n")
        if self._new and self._new == typed and self._set_password:
            self._set_password(typed)
            self._set_password = None
            self._print("Welcome!\r\n\r\n")
        else:
            self._new = "" if self._new else typed
        self._print_prompt()

    def _handle_key(self, byte: int) -> None:
        if self._accepting:
            self._accept(byte)
        elif self._set_password is not None:
            self._take_password(byte)
        elif self._held:
            self._turn_page(byte)
        elif self._question:
            self._answer(byte)
        elif self._literal:
            self._literal = False
            self._insert(bytes([byte]))
        else:
            self._handle_edit(byte)

    def _handle_edit(self, byte: int) -> None:
        if byte in ENTERS:
            self._enter()
        elif byte == CTRL_V:
            self._literal = True
        elif byte == CTRL_C:
            self._handle_interrupt()
        elif byte == ord("?"):
            self._print_help()
        elif byte == TAB:
            self._complete_word()
        elif byte in BACKSPACES:
            self._delete_character()
        elif byte not in (CTRL_D, ESCAPE, 0x00):
            self._insert(bytes([byte]))

    def _insert(self, keys: bytes) -> None:
        self._typed += keys
        self._echo(keys)

    def _delete_character(self) -> None:
        if self._typed:
            text = self._typed.decode("utf-8", "surrogateescape")[:-1]
            self._typed = bytearray(text.encode("utf-8", "surrogateescape"))
            self._echo(b"\b \b")

    def _accept(self, byte: int) -> None:
        if self._options.accepts_by_line:
            self._accepting = byte not in ENTERS
            if not self._accepting:
                self._print_prompt()
        elif byte == ord("a"):
            self._accepting = False
            self._print("a\r\n\r\n")
            self._print_prompt()
        elif byte in (CTRL_C, CTRL_D):
            self.closed = True
        else:
            self.waiting = True

    def _get_line(self) -> str:
        return self._before + self._typed.decode("utf-8", "surrogateescape")

    def _enter(self) -> None:
        line = self._get_line()
        self._typed.clear()
        self._echo(b"\r\r\n")
        unfinished = split(line).open
        if unfinished and not line.lstrip().startswith("#"):
            self._before = line[:-1] if unfinished == "\\" else f"{line}\n"
            self._print(self._options.continuation)
            self.waiting = True
            return
        self._before = ""
        if not line.strip():
            self._print_prompt()
            return
        self._handle_reply(self._run(line))

    def _handle_reply(self, reply: Reply) -> None:
        if reply.ask:
            self._question = reply
            self._print(reply.ask.replace("\n", "\r\n"))
            self.waiting = True
            return
        self._after = reply
        self._held = [part for line in reply.lines for part in line.split("\n")]
        self._show_page()

    def _show_page(self) -> None:
        size = self._page() or len(self._held)
        page, self._held = self._held[:size], self._held[size:]
        self._print("".join(f"{line}\r\n" for line in page))
        if self._held:
            self._write(MORE)
            self.waiting = True
        elif self._after is not None and self._after.close:
            self.closed = True
        else:
            self._print("\r\n")
            self._print_prompt()

    def _turn_page(self, byte: int) -> None:
        self._print(self._options.pager_wipe)
        if byte == CTRL_C:
            self._held = []
        self._show_page()

    def _answer(self, byte: int) -> None:
        asked, self._question = self._question, None
        yes = byte in b"yY"
        shown = chr(byte) if 0x20 <= byte < 0x7F else f"^{chr(byte + 0x40)}"
        self._print(f"{shown}\r\n")
        self._handle_reply(asked.then() if asked and asked.then and yes else Reply())

    def _handle_interrupt(self) -> None:
        self._typed.clear()
        self._before = ""
        self._echo(b"^C\r\n")
        if self._interrupt():
            self.closed = True
        else:
            self._print("\r\n")
            self._print_prompt()

    def _print_help(self) -> None:
        line = self._get_line()
        if split(line).open in ("'", '"'):
            shown = ["token line: Unmatched double quote."]
        else:
            shown = self._complete(line)
        self._print("\r\n" + "".join(f"{each}\r\n" for each in shown) + "\r\n")
        self._print(self._options.continuation if self._before else self._format_prompt())
        self._echo(bytes(self._typed))

    def _complete_word(self) -> None:
        line = self._get_line()
        if split(line).open:
            return
        stem = line.rpartition(" ")[2]
        found = self._complete(line)
        if len(found) == 1 and found[0].startswith(stem):
            for byte in f"{found[0][len(stem) :]} ".encode():
                self._insert(bytes([byte]))
