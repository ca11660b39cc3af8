"""Names on a ban host that several roles and the engine share: its user, directories and files."""

from __future__ import annotations

USER = "banstitch"
ETC = "/etc/banstitch"
TOKENS = f"{ETC}/tokens.json"
# Digests of the tokens: the receiver's user may read these and not the tokens.
DIGESTS = f"{ETC}/digests.json"
# Key and certificate of the receiver, and of the CA that signs it.
CERTIFICATE = f"{ETC}/tls/server.pem"
AUTHORITY = f"{ETC}/tls/ca.pem"
LOG_DIRECTORY = "/var/log/banstitch"
EVENTS_LOG = f"{LOG_DIRECTORY}/events.log"
EVIDENCE = f"{LOG_DIRECTORY}/evidence.log"
REJECTED = f"{LOG_DIRECTORY}/rejected.log"
AUDIT = f"{LOG_DIRECTORY}/audit.log"
SPOOL = "/var/spool/banstitch"
