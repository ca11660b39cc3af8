"""The Flask application of the page: who may ask for what, and the headers of every answer.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later.
"""

from __future__ import annotations

import gc
import sqlite3
import time
from typing import Any, Callable

from banstitch_shared.receiver_api import LIVE_PATH
from flask import Flask, Response, redirect, request

from page import acting, signing_in, views
from page.access import COOKIE, Visitor, is_same_origin
from page.settings import Settings, read_settings
from page.state import State

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # with "no-referrer" a browser would not say which page sent a form
    "Referrer-Policy": "same-origin",
}
# Bytes of a form.
LARGEST = 8192
# New objects after which Python looks for garbage: a long list of bans is none.
GARBAGE_AFTER = 200_000
Page = Callable[..., Any]


class Application(Flask):
    """The application of one worker, with its state."""

    def __init__(self, state: State) -> None:
        super().__init__("page", static_folder=None, template_folder=None)
        self.banstitch = state


def from_settings() -> Application:
    """Return the application that gunicorn serves."""
    from receiver.access import Peers
    from receiver.names import Names

    gc.set_threshold(GARBAGE_AFTER)
    state = State(read_settings())
    state.names = Names([])
    state.peers = Peers(None, [], state.names)
    state.warm_up(time.time())
    return create_app(state.settings, state)


def create_app(settings: Settings, state: State | None = None) -> Application:
    """Return the application for some settings."""
    app = Application(state or State(settings))
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    app.before_request(lambda: refuse_unknown_length(app.banstitch))
    app.after_request(add_headers)
    add_errors(app)
    app.add_url_rule(LIVE_PATH, "live", lambda: Response("ok\n", mimetype="text/plain"))
    app.add_url_rule("/style.css", "style", lambda: views.serve_style(app.banstitch))
    add_forms(app)
    add_pages(app)
    return app


def refuse_unknown_length(state: State) -> Response | None:
    """Refuse a body in chunks, which no browser sends: Werkzeug before 2.3 reads it without a limit."""
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        return views.refuse(state, 411, "This request does not say how long it is.")
    return None


def add_headers(response: Response) -> Response:
    """Add the headers that every answer has."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # a redirect names a path, and not the host that the client claims to ask
    response.autocorrect_location_header = False
    return response


def add_errors(app: Application) -> None:
    """Answer errors with a page, and reveal nothing."""
    sentences = {
        400: "This request cannot be read.",
        403: "You may not do this.",
        404: "There is no such page.",
        405: "This page takes no such request.",
        413: "This request is too large.",
        500: "Something went wrong. The journal of banstitch-page has more.",
        503: "Sessions cannot be kept now. Try again in a minute.",
    }

    def add(code: int, sentence: str) -> None:
        def answer(_: object) -> Response:
            return views.refuse(app.banstitch, code, sentence)

        app.register_error_handler(sqlite3.Error if code == 503 else code, answer)

    for code, sentence in sentences.items():
        add(code, sentence)


def add_forms(app: Application) -> None:
    """Add what is posted. Each form must come from a page of ours."""
    state = app.banstitch

    def add(path: str, work: Page, to_log_in: bool = False) -> None:
        def answer() -> Any:
            if not is_same_origin(request.environ, state.settings.url):
                return views.refuse(state, 403, "This form was not sent by a page of Banstitch.")
            if to_log_in:
                return work(state)
            visitor = find_visitor(state)
            if visitor is None:
                return redirect("/login", 303)
            if not visitor.owns_form(request.form.get("token", "")):
                return views.refuse(state, 403, "This form is too old. Go back and load it again.")
            return work(state, visitor)

        app.add_url_rule(path, "post " + path, answer, methods=["POST"])

    add("/login", signing_in.log_in, to_log_in=True)
    add("/logout", signing_in.log_out)
    add("/act", acting.act)
    add("/sessions", signing_in.end_session)


def add_pages(app: Application) -> None:
    """Add what is read. Without a session there is only the form to log in."""
    state = app.banstitch

    def add(path: str, work: Page) -> None:
        def answer(**parts: str) -> Any:
            visitor = find_visitor(state)
            if visitor is not None:
                return work(state, visitor, **parts)
            named = state.access.find_named(request.environ)
            if not named:
                return redirect("/login", 303)
            return signing_in.welcome(state, named, request.full_path)

        app.add_url_rule(path, path, answer, methods=["GET"])

    add("/", views.show_overview)
    add("/address", views.show_address)
    add("/bans", views.show_bans)
    add("/audit", views.show_audit)
    add("/figures", views.show_figures)
    add("/sessions", views.show_sessions)
    add("/done/<act_id>", acting.show_answer)
    app.add_url_rule("/login", "login", lambda: signing_in.show_form(state), methods=["GET"])


def find_visitor(state: State) -> Visitor | None:
    """Return the user who asks, or None."""
    cookie = request.cookies.get(COOKIE, "")
    return state.access.find_visitor(request.environ, cookie)
