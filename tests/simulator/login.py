"""The login of a client at the SSH server of a simulated FortiGate, and what it asked for its channel."""

import threading

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_PARTIALLY_SUCCESSFUL, AUTH_SUCCESSFUL
from paramiko.server import InteractiveQuery

from tests.simulator.options import Options
from tests.simulator.tokens import Tokens

Asked = int | InteractiveQuery
DEFAULT_ROWS = 24


class Login(paramiko.ServerInterface):
    """Login by password, with a code behind it where one is wanted, and the client's channel."""

    def __init__(self, options: Options, password: str, tokens: Tokens) -> None:
        self._options, self._password, self._tokens = options, password, tokens
        self._known = False  # the password was right, and a code is still to come
        self.rows, self.width = DEFAULT_ROWS, 0
        self.command: bytes | None = None
        self.ready = threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        if self._known or (self._tokens.wanted and self._options.code_after == "interactive"):
            return "keyboard-interactive"
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == (self._options.user, self._password)
        if good and self._tokens.wanted:
            self._known = self._options.code_after == "password"
            return AUTH_PARTIALLY_SUCCESSFUL if self._known else AUTH_FAILED
        return int(AUTH_SUCCESSFUL if good else AUTH_FAILED)

    def check_auth_interactive(self, username: str, submethods: str) -> Asked:
        if not self._tokens.wanted or username != self._options.user:
            return AUTH_FAILED
        return self._ask(self._options.code_prompt if self._known else "Password: ")

    def check_auth_interactive_response(self, responses: list[str]) -> Asked:
        if self._known:
            return AUTH_SUCCESSFUL if self._tokens.accept("".join(responses)) else AUTH_FAILED
        self._known = responses == [self._password]
        return self._ask(self._options.code_prompt) if self._known else AUTH_FAILED

    def _ask(self, prompt: str) -> InteractiveQuery:
        return InteractiveQuery("", "", (prompt, False))

    def get_banner(self) -> tuple[str | None, str | None]:
        text = self._options.banner
        return (text.replace("\n", "\r\n") + "\r\n", "en") if text else (None, None)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind == "session":
            return paramiko.common.OPEN_SUCCEEDED
        return paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(
        self,
        channel: paramiko.Channel,
        term: bytes,
        width: int,
        height: int,
        pixelwidth: int,
        pixelheight: int,
        modes: bytes,
    ) -> bool:
        self.rows, self.width = height or DEFAULT_ROWS, width
        return True

    def check_channel_window_change_request(
        self,
        channel: paramiko.Channel,
        width: int,
        height: int,
        pixelwidth: int,
        pixelheight: int,
    ) -> bool:
        self.rows = height or DEFAULT_ROWS
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        self.ready.set()
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.command = command
        self.ready.set()
        return True
