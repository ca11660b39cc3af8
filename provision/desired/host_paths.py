"""Names on a ban host that several roles and the engine share: users, directories and files."""

from __future__ import annotations

from banstitch_shared import alarm_notes, facts_file, looked_up

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
RULES_LOG = f"{LOG_DIRECTORY}/rules.log"
EVIDENCE = f"{LOG_DIRECTORY}/evidence.log"
REJECTED = f"{LOG_DIRECTORY}/rejected.log"
AUDIT = f"{LOG_DIRECTORY}/audit.log"
SPOOL = "/var/spool/banstitch"
# The service banstitch-rules: its user, settings, memory, and the folder of its requests to root.
RULES_USER = "banstitch-rules"
RULES_SETTINGS = f"{ETC}/rules.json"
RULES_MEMORY = "/var/lib/banstitch-rules"
REQUESTS = "/var/spool/banstitch-requests"
# The facts that the receiver writes for banstitch-watch.
FACTS = f"/run/banstitch/{facts_file.NAME}"
# The service banstitch-watch: its user, settings, secrets and memory, and the file that it writes there.
WATCH_USER = "banstitch-watch"
WATCH_SETTINGS = f"{ETC}/watch.json"
WATCH_SECRETS = f"{ETC}/watch.secret"
ALARMS_CA = f"{ETC}/alarms_ca.pem"
# What the last scheduled `plan` found; root alone writes there.
DRIFT = f"{SPOOL}/{alarm_notes.DRIFT}"
WATCH_MEMORY = "/var/lib/banstitch-watch"
LOOKED_UP = f"{WATCH_MEMORY}/{looked_up.NAME}"
# Sharing of bans: the service's user, settings and certificates. The receiver leaves what it denies for
# peers, and banstitch-rules the sources of people who logged in.
SHARE_USER = "banstitch-share"
SHARE_SETTINGS = f"{ETC}/share.json"
SHARE = f"{ETC}/share"
SHARED_DENIED = "/run/banstitch/shared"
TRUSTED = f"{RULES_MEMORY}/trusted"
# The service banstitch-page: its user, its settings, and its requests to root.
PAGE_USER = "banstitch-page"
PAGE_SETTINGS = f"{ETC}/page.json"
PAGE_REQUESTS = "/var/spool/banstitch-page"
