"""The Flask application: the feed, its health, the metrics and the status page, behind the webhook.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from banstitch_shared.addresses import parse_peer
from banstitch_shared.number_names import LAST_POLL, POLLS, REFUSED_FEED, REFUSED_PAGE, name_number
from banstitch_shared.receiver_api import (
    EVENTS_PATH,
    FEED_PATH,
    HEALTH_PATH,
    LIVE_PATH,
    METRICS_PATH,
    STATUS_PATH,
)
from banstitch_shared.tokens import VERIFY
from flask import Flask, Response, jsonify, request

from receiver import fetches, metrics, status
from receiver.feed import LISTS
from receiver.files import Unavailable
from receiver.settings import Config
from receiver.state import State
from receiver.webhook import Webhook

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Application(Flask):
    """The application of one worker, with its state."""

    def __init__(self, config: Config) -> None:
        super().__init__("banstitch", static_folder=None, template_folder=None)
        self.banstitch = State(config)


def from_config() -> Application:
    """Return the application that gunicorn serves."""
    from receiver.config import CONFIG

    return create_app(CONFIG)


def create_app(config: Config) -> Application:
    """Return the application for a configuration."""
    app = Application(config)
    state = app.banstitch
    webhook = Webhook(config, state)
    others = app.wsgi_app

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_post = environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == EVENTS_PATH
        if is_post:
            return webhook(environ, start_response)
        answer: Iterable[bytes] = others(environ, start_response)
        return answer

    app.wsgi_app = serve  # type: ignore[method-assign] # as Flask's documentation says
    app.register_error_handler(Unavailable, lambda error: refuse(503, str(error)))
    app.add_url_rule(
        EVENTS_PATH, "only_post", lambda: refuse(405, "events are posted", Allow="POST")
    )
    add_feed(app, state)
    add_health(app, state)
    add_pages(app, state)
    return app


def add_feed(app: Flask, state: State) -> None:
    """Add the feed's paths."""

    @app.route(FEED_PATH, methods=["GET"])
    @app.route(FEED_PATH + "/<family>", methods=["GET"])
    def serve_feed(family: str = "") -> Response:
        who = state.tokens.find_fetcher(*read_login())
        if not who or (who == VERIFY and not is_own(state)):
            record_refusal(state, REFUSED_FEED, "a poll")
            return refuse_login()
        if family not in LISTS:
            return refuse(404, "there are %s, %s/v4 and %s/v6" % ((FEED_PATH,) * 3))
        body, etag = state.feed.serve(time.time(), family)
        now = time.time()
        with state.counts.locked():
            state.counts[name_number(POLLS, who)] += 1
            state.counts[name_number(LAST_POLL, who)] = now
            fetches.note_fetch(state.counts, who, now)
        response = Response(body, mimetype="text/plain")
        response.set_etag(etag)
        response.make_conditional(request)
        return response


def add_health(app: Flask, state: State) -> None:
    """Add the paths of health."""

    @app.route(LIVE_PATH, methods=["GET"])
    def show_live() -> Response:
        """Answer 200 if the receiver works: nothing but this host can change that.

        `apply` and monitors of the service ask here. What an attacker can cause, such as a full feed, must
        not fail the `apply` that repairs it.
        """
        errors = state.list_errors()
        health = "unhealthy" if errors else "healthy"
        return answer_health(state, health, not errors, reasons=errors)

    @app.route(HEALTH_PATH, methods=["GET"])
    def show_health() -> Response:
        errors, losses = state.list_all_errors(), state.list_losses()
        health = "unhealthy" if errors else "degraded" if losses else "healthy"
        unreadable = {name: n for name, n in state.count_unreadable(time.time()).items() if n}
        # a full feed denies fewer than were banned; all other losses leave it complete
        return answer_health(
            state,
            health,
            not errors and not state.feed.describe_full(),
            reasons=errors,
            degraded=losses,
            warnings=state.list_warnings(),
            unreadable=unreadable,
            last_polls={
                name: state.counts[name_number(LAST_POLL, name)]
                for name in state.config["fortigates"]
            },
            fetch_delays={
                name: round(state.counts[name_number(fetches.DELAY, name)], 1)
                for name in state.config["fortigates"]
            },
        )


def answer_health(state: State, health: str, serves: bool, **details: object) -> Response:
    """Return the answer. Details name files of this host, so only the host itself gets them."""
    response = jsonify(status=health, **(details if is_own(state) else {}))
    response.status_code = 200 if serves else 503
    return response


def add_pages(app: Flask, state: State) -> None:
    """Add the metrics and the status page."""

    @app.route(METRICS_PATH, methods=["GET"])
    def show_metrics() -> Response:
        refusal = refuse_reader(state)
        if refusal is not None:
            return refusal
        return Response(metrics.render_metrics(state), mimetype="text/plain; version=0.0.4")

    @app.route(STATUS_PATH, methods=["GET"])
    def show_status() -> Response:
        if not state.config["status_page"]:
            return refuse(404, "the status page is off: receiver_status_page turns it on")
        refusal = refuse_reader(state)
        if refusal is not None:
            return refusal
        response = Response(status.render_page(state, time.time()), mimetype="text/html")
        response.headers.update(status.HEADERS)
        return response


def refuse_reader(state: State) -> Response | None:
    """Return the answer to a client that may not read the status page and the metrics, or None."""
    peer = read_peer()
    if not state.peers.may_read(peer):
        why = "this address may not read pages: receiver_readers names who may"
        state.refusals.record(REFUSED_PAGE, "a reader", peer, why)
        return refuse(403, "this address may not read pages")
    if not state.tokens.is_reader(*read_login()):
        record_refusal(state, REFUSED_PAGE, "a login")
        return refuse_login()
    return None


def record_refusal(state: State, count: str, what: str) -> None:
    """Count and log a refused login."""
    state.refusals.record(count, what, read_peer(), "no valid user name and password")


def read_login() -> tuple[str, str]:
    """Return user name and password of the request; empty ones if it has none."""
    try:
        login = request.authorization
    except UnicodeDecodeError:  # Werkzeug 1.0 of Debian 11, for bytes that are not UTF-8
        login = None
    return (login.username or "", login.password or "") if login else ("", "")


def read_peer() -> Any:
    """Return the address of the client."""
    return parse_peer(request.remote_addr or "")


def is_own(state: State) -> bool:
    """Return whether the ban host itself asks."""
    return state.peers.is_own(read_peer())


def refuse_login() -> Response:
    """Return the answer to a request without a valid login."""
    challenge = {"WWW-Authenticate": 'Basic realm="banstitch"'}
    return refuse(401, "no valid user name and password", **challenge)


def refuse(code: int, reason: str, **headers: str) -> Response:
    """Return the answer to a request that is refused."""
    response = jsonify(status="refused", reason=reason)
    response.status_code = code
    response.headers.update(headers)
    return response
