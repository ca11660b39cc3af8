"""The Flask application: the feed, its health, the metrics and the status page; the webhook before it.

Managed by Banstitch: changes made here are overwritten.
"""

import time

from flask import Flask, Response, jsonify, request

from receiver import metrics, recent, status
from receiver.access import Peers, Refusals, Tokens, peer_address
from receiver.counts import Counts
from receiver.feed import LISTS, Feed
from receiver.files import Unavailable, check_writable
from receiver.spool import Bans
from receiver.webhook import Webhook


def from_config():
    """What gunicorn serves."""
    from receiver.config import CONFIG

    return create_app(CONFIG)


class State:
    """What the answers are made from."""

    def __init__(self, config):
        self.config = config
        self.tokens = Tokens(config["tokens"], config["fortigates"])
        self.peers = Peers(config["allow"], config["own"])
        self.bans = Bans(config["spool"], [d["jail"] for d in config["detections"]])
        self.feed = Feed(self.bans, config["feed_limit"], config["feed_lists"])
        self.counts = Counts(config["counts"], metrics.names(config))
        self.refusals = Refusals(self.counts)
        if not self.counts["started"]:
            self.counts["started"] = time.time()

    def reasons(self):
        """Why the receiver cannot do all of its work now, in words; empty when it can."""
        found = []
        checks = (
            self.tokens.current,
            lambda: self.feed.current(time.time()),
            self.bans.check_room,
            lambda: self.bans.check_tended(time.time()),
            lambda: check_writable(self.config["events_log"], "the event log"),
        )
        for check in checks:
            try:
                check()
            except Unavailable as error:
                found.append(str(error))
        return found

    def degraded(self):
        """Return what is lost although the receiver is up and takes events, in words."""
        found = [
            "%s: %d posts of the last 24 hours could not be read: see rejected.log" % (unit, number)
            for unit, number in self.unreadable(time.time()).items()
            if number
        ]
        crowded = self.feed.warning()
        return [*found, crowded] if crowded else found

    def unreadable(self, now):
        """Return {FortiGate: how many of its posts could not be read within the last 24 hours}."""
        return {unit: recent.total(self.counts, unit, now) for unit in self.config["fortigates"]}

    def warnings(self):
        """Return what the operator should know although everything works."""
        over_limit = [
            "%d new bans by events of %s were refused within the last hour (receiver_ban_limit)"
            % (number, "no known FortiGate" if name == "-" else name)
            for name, number in self.bans.refused(time.time()).items()
        ]
        found = (*over_limit, self.counts.alone)
        return [warning for warning in found if warning]


def create_app(config):
    app = Flask("banstitch")
    state = State(config)
    webhook = Webhook(config, state.tokens, state.peers, state.counts, state.refusals)
    others = app.wsgi_app

    def wsgi_app(environ, start_response):
        posts = environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/receive-logs"
        return (webhook if posts else others)(environ, start_response)

    app.wsgi_app = wsgi_app
    app.errorhandler(Unavailable)(lambda error: refuse(503, str(error)))
    app.route("/receive-logs")(lambda: refuse(405, "events are posted", Allow="POST"))
    add_feed(app, state)
    add_health(app, state)
    add_pages(app, state)
    return app


def add_feed(app, state):
    @app.route("/blocked-ips", methods=["GET"])
    @app.route("/blocked-ips/<family>", methods=["GET"])
    def blocked_ips(family=""):
        who = state.tokens.fetcher(*login())
        if not who or (who == "verify" and not is_own(state)):
            told(state, "refused_feed", "a poll")
            return unauthorized()
        if family not in LISTS:
            return refuse(404, "there are /blocked-ips, /blocked-ips/v4 and /blocked-ips/v6")
        body, etag = state.feed.current(time.time(), family)
        with state.counts.locked():
            state.counts["polls:" + who] += 1
            state.counts["last_poll:" + who] = time.time()
        response = Response(body, mimetype="text/plain")
        response.set_etag(etag)
        return response.make_conditional(request)


def add_health(app, state):
    @app.route("/healthz/live", methods=["GET"])
    def live():
        """Answer 200 when the receiver is up and takes events: nobody but this host can change that.

        `apply` and monitors of the service ask here. What an attacker can bring about, such as a full
        feed, must not make an `apply` fail that mends it.
        """
        reasons = state.reasons()
        return answer_health("unhealthy" if reasons else "healthy", not reasons, reasons=reasons)

    @app.route("/healthz", methods=["GET"])
    def healthz():
        reasons, degraded = state.reasons(), state.degraded()
        found = "unhealthy" if reasons else "degraded" if degraded else "healthy"
        said = {"reasons": reasons, "degraded": degraded, "warnings": state.warnings()}
        unreadable = {unit: n for unit, n in state.unreadable(time.time()).items() if n}
        # a full feed denies fewer than were banned; posts that cannot be read are a warning
        serves = not reasons and not state.feed.warning()
        return answer_health(found, serves, **said, unreadable=unreadable)

    def answer_health(found, serves, **said):
        """The reasons name files of this host, so others are told only whether there are any."""
        response = jsonify(status=found, **(said if is_own(state) else {}))
        response.status_code = 200 if serves else 503
        return response


def add_pages(app, state):
    @app.route("/metrics", methods=["GET"])
    def show_metrics():
        if not may_read(state):
            return unauthorized()
        return Response(metrics.text(state), mimetype="text/plain; version=0.0.4")

    @app.route("/status", methods=["GET"])
    def show_status():
        if not state.config["status_page"]:
            return refuse(404, "the status page is off: receiver_status_page turns it on")
        if not may_read(state):
            return unauthorized()
        response = Response(status.page(state, time.time()), mimetype="text/html")
        response.headers.update(status.HEADERS)
        return response


def may_read(state):
    """Whether this is the login of the status page and of the metrics."""
    if state.tokens.reader(*login()):
        return True
    told(state, "refused_page", "a login")
    return False


def told(state, count, what):
    why = "no valid user name and password"
    state.refusals.tell(count, what, peer_address(request.remote_addr), why)


def login():
    """User name and password of the request; empty ones where it has none."""
    try:
        given = request.authorization
    except UnicodeDecodeError:  # Werkzeug 1.0, of Debian 11, at bytes that are no UTF-8
        given = None
    return (given.username or "", given.password or "") if given else ("", "")


def is_own(state):
    return state.peers.is_own(peer_address(request.remote_addr))


def unauthorized():
    challenge = {"WWW-Authenticate": 'Basic realm="banstitch"'}
    return refuse(401, "no valid user name and password", **challenge)


def refuse(code, reason, **headers):
    response = jsonify(status="refused", reason=reason)
    response.status_code = code
    response.headers.update(headers)
    return response
