"""The Flask application: the feed, its health, the metrics and the status page; the webhook before it.

Managed by Banstitch: changes made here are overwritten.
"""

import time

from flask import Flask, Response, jsonify, request

from receiver import metrics, recent, status
from receiver.access import Peers, Refusals, Tokens
from receiver.counts import Counts
from receiver.feed import LISTS, Feed
from receiver.files import Unavailable, check_writable
from receiver.names import Names, is_network, peer_address
from receiver.spool import Bans
from receiver.webhook import Webhook


def from_config():
    """Return the application that gunicorn serves."""
    from receiver.config import CONFIG

    return create_app(CONFIG)


class State:
    """The parts that answers are made from."""

    def __init__(self, config):
        self.config = config
        self.tokens = Tokens(config["digests"], config["fortigates"])
        hosts = (name for name in config["allow"] or () if not is_network(name))
        # the worker looks them up; see worker.py
        self.names = Names([*hosts, *config["hosts"]])
        self.peers = Peers(config["allow"], config["own"], self.names, config["readers"])
        self.bans = Bans(config["spool"], [d["jail"] for d in config["detections"]])
        self.feed = Feed(self.bans, config["feed_limit"], config["feed_lists"])
        self.counts = Counts(config["counts"], metrics.names(config))
        self.refusals = Refusals(self.counts)
        if not self.counts["started"]:
            self.counts["started"] = time.time()

    def reasons(self):
        """Return why the receiver cannot do all of its work now, in words; empty when it can."""
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
        """Return what is lost although the receiver works, in words: posts, new bans, room in the feed."""
        found = [
            "%s: %d posts of the last 24 hours could not be read: see rejected.log" % (name, number)
            for name, number in self.unreadable(time.time()).items()
            if number
        ]
        found += [
            "%d new bans by events of %s were refused within the last hour (receiver_ban_limit)"
            % (number, "no known FortiGate" if name == "-" else name)
            for name, number in self.bans.refused(time.time()).items()
        ]
        crowded = self.feed.warning()
        return [*found, crowded] if crowded else found

    def unreadable(self, now):
        """Return {FortiGate: how many of its posts could not be read within the last 24 hours}."""
        return {name: recent.total(self.counts, name, now) for name in self.config["fortigates"]}

    def warnings(self):
        """Return what the operator should know although everything works."""
        return [self.counts.alone] if self.counts.alone else []


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
        unreadable = {name: n for name, n in state.unreadable(time.time()).items() if n}
        # a full feed denies fewer than were banned: the rest is degraded and still served
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
    """Return the answer to somebody who may not read the status page and the metrics, or None."""
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
    """Return user name and password of the request; empty ones where it has none."""
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
