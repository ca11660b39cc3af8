"""Name the numbers that the receiver keeps in a file, and that the page reads there.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

# When the receiver began to count.
STARTED = "started"
# Of each FortiGate: fetches of the feed, posts that could not be read, posts over the rate; and the epoch of
# its last post and of its last fetch, 0 for none.
POLLS, MALFORMED, LIMITED = "polls", "malformed", "limited"
LAST_EVENT, LAST_POLL = "last_event", "last_poll"
# Of each FortiGate and detection: failures with what FortiOS locks out, and logins.
EVENTS, LOGINS = "events", "logins"
# In place of a detection: events that belong to none.
IGNORED = "ignored"
# Requests that were refused: for the address, for the token of a post, for a login of the feed or of a page,
# and for the size.
REFUSED_ADDRESS, REFUSED_TOKEN = "refused_address", "refused_token"
REFUSED_FEED, REFUSED_PAGE, TOO_LARGE = "refused_feed", "refused_page", "too_large"
REFUSED = (REFUSED_ADDRESS, REFUSED_TOKEN, REFUSED_FEED, REFUSED_PAGE, TOO_LARGE)


def name_number(what: str, fortigate: str) -> str:
    """Return the name of a number of a FortiGate."""
    return "%s:%s" % (what, fortigate)


def name_by_detection(what: str, fortigate: str, detection: str) -> str:
    """Return the name of a number of a FortiGate and a detection; ``what``: EVENTS or LOGINS."""
    return "%s:%s:%s" % (what, fortigate, detection)
