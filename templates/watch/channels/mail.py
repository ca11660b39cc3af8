"""Send a digest as mail, to a mail server or to the mail system of this host at localhost.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import NamedTuple

from watch.alarms.digest import Digest
from watch.outgoing import make_context

# Seconds without an answer.
SILENCE = 10.0
STARTTLS, TLS = "starttls", "tls"


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


def send_mail(digest: Digest, mail: Mail) -> str:
    """Send a digest, and return what came back.

    Raises:
        OSError, smtplib.SMTPException, ValueError: it was not accepted for every recipient.
    """
    host = socket.gethostname()
    message = write_mail(digest, mail, host)
    with _connect(mail, host) as server:
        if mail.user:
            server.login(mail.user, mail.password)
        refused = server.send_message(message)
    if refused:
        raise ValueError("the server refuses %d of %d recipients" % (len(refused), len(mail.to)))
    return "accepted for " + ", ".join(mail.to)


def _connect(mail: Mail, host: str) -> smtplib.SMTP:
    if mail.security == TLS:
        context = make_context(mail.ca)
        return smtplib.SMTP_SSL(mail.host, mail.port, host, timeout=SILENCE, context=context)
    server = smtplib.SMTP(mail.host, mail.port, host, timeout=SILENCE)
    if mail.security == STARTTLS:
        try:
            server.starttls(context=make_context(mail.ca))
        except BaseException:
            server.close()
            raise
    return server
