"""What a client of the simulated unit's SSH server may do, and what it asked for its channel."""

import threading

import paramiko

from tests.lab.fortios.options import Options

DEFAULT_ROWS = 24


class Login(paramiko.ServerInterface):
    """Password login, and what a client asks of its channel."""

    def __init__(self, options: Options, password: str) -> None:
        self._options, self._password = options, password
        self.rows, self.width = DEFAULT_ROWS, 0
        self.command: bytes | None = None
        self.ready = threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == (self._options.user, self._password)
        return paramiko.common.AUTH_SUCCESSFUL if good else paramiko.common.AUTH_FAILED

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
