"""Send a digest as mail, to a mail server or to the mail system of this host at localhost.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import NamedTuple

from watch.alarms.digest import Digest
from watch.deadline import Deadline
from watch.outgoing import make_context

STARTTLS, TLS = "starttls", "tls"


class PartlyRefused(ValueError):
    """The mail was accepted, but not for every recipient, so it must not be sent again."""


class Mail(NamedTuple):
    """The way to a mailbox. ``security``: starttls, tls, or off for this host itself."""

    to: Sequence[str]
    sender: str
    host: str
    port: int
    security: str
    user: str
    password: str
    ca: str


def write_mail(digest: Digest, mail: Mail, host: str) -> EmailMessage:
    """Return a digest as a mail. A line break in a header is refused by the policy."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = digest.subject
    message["From"], message["To"] = mail.sender, ", ".join(mail.to)
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=host)
    # no answers by machines: RFC 3834
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(digest.lines) + "\n")
    return message


class Server(smtplib.SMTP):
    """A mail server, to which a deadline connects."""

    def __init__(self, mail: Mail, host: str, deadline: Deadline) -> None:
        self._mail, self._deadline = mail, deadline
        super().__init__(mail.host, mail.port, host)
        if mail.security == STARTTLS:
            self.starttls(context=make_context(mail.ca))

    def _get_socket(self, host: str, port: int, _: object) -> socket.socket:
        """Return the connection: a hook of smtplib, which uses it for TLS itself."""
        plain = self._deadline.connect(host, port)
        if self._mail.security != TLS:
            return plain
        return make_context(self._mail.ca).wrap_socket(plain, server_hostname=host)


def send_mail(digest: Digest, mail: Mail) -> str:
    """Send a digest, and return what came back.

    Raises:
        PartlyRefused: it was accepted for some of the recipients only.
        OSError, smtplib.SMTPException, ValueError: it was accepted for nobody.
    """
    host = socket.gethostname()
    message = write_mail(digest, mail, host)
    with Deadline() as deadline, contextlib.closing(Server(mail, host, deadline)) as server:
        if mail.user:
            server.login(mail.user, mail.password)
        refused = server.send_message(message)
        # whatever it answers to that: the mail was accepted, and must not be sent again
        with contextlib.suppress(OSError):
            server.putcmd("QUIT")
    if refused:
        raise PartlyRefused("the server refuses " + ", ".join(sorted(refused)))
    return "accepted for " + ", ".join(mail.to)
