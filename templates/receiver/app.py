"""The Flask application: the feed, its health, the metrics and the status page; the webhook before it.

Managed by Banstitch: changes made here are overwritten.
"""

import time

from flask import Flask, Response, jsonify, request

from receiver import metrics, status
from receiver.access import Peers, Refusals, Tokens
from receiver.counts import Counts
from receiver.feed import FAMILIES, Feed
from receiver.files import Unavailable, check_writable
from receiver.names import Names, is_network, peer_address
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
        self.tokens = Tokens(config["digests"], config["fortigates"])
        hosts = (name for name in config["allow"] or () if not is_network(name))
        # the worker looks them up; see worker.py
        self.names = Names([*hosts, *config["hosts"]])
        self.peers = Peers(config["allow"], config["own"], self.names, config["readers"])
        self.bans = Bans(config["spool"], [d["jail"] for d in config["detections"]])
        self.feed = Feed(self.bans, config["feed_limit"])
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

    def warnings(self):
        """What the operator should know although everything works."""
        left_out = self.feed.left_out
        crowded = "%d bans have no room in the feed" % left_out if left_out else ""
        return [warning for warning in (crowded, self.counts.alone) if warning]


def create_app(config):
    app = Flask("banstitch", static_folder=None)
    state = app.banstitch = State(config)
    webhook = Webhook(config, state)
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
        if family not in FAMILIES:
            return refuse(404, "there are /blocked-ips, /blocked-ips/v4 and /blocked-ips/v6")
        body, etag = state.feed.current(time.time(), family)
        with state.counts.locked():
            state.counts["polls:" + who] += 1
            state.counts["last_poll:" + who] = time.time()
        response = Response(body, mimetype="text/plain")
        response.set_etag(etag)
        return response.make_conditional(request)


def add_health(app, state):
    @app.route("/healthz", methods=["GET"])
    def healthz():
        """The reasons name files of this host, so others are told only whether there are any."""
        reasons = state.reasons()
        said = {"reasons": reasons, "warnings": state.warnings()} if is_own(state) else {}
        response = jsonify(status="unhealthy" if reasons else "healthy", **said)
        response.status_code = 503 if reasons else 200
        return response


def add_pages(app, state):
    @app.route("/metrics", methods=["GET"])
    def show_metrics():
        refused = refuse_reader(state)
        if refused is not None:
            return refused
        return Response(metrics.text(state), mimetype="text/plain; version=0.0.4")

    @app.route("/status", methods=["GET"])
    def show_status():
        if not state.config["status_page"]:
            return refuse(404, "the status page is off: receiver_status_page turns it on")
        refused = refuse_reader(state)
        if refused is not None:
            return refused
        response = Response(status.page(state, time.time()), mimetype="text/html")
        response.headers.update(status.HEADERS)
        return response


def refuse_reader(state):
    """The answer to somebody who may not read the status page and the metrics, or None."""
    peer = peer_address(request.remote_addr)
    if not state.peers.may_read(peer):
        why = "this address may not read pages: receiver_readers names who may"
        state.refusals.tell("refused_page", "a reader", peer, why)
        return refuse(403, "this address may not read pages")
    if not state.tokens.reader(*login()):
        told(state, "refused_page", "a login")
        return unauthorized()
    return None


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
