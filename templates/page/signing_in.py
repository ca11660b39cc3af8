"""Log in, log out, and end the sessions of others.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later.
"""

from __future__ import annotations

from typing import cast

from flask import Response, redirect, request

from page import views
from page.access import COOKIE, TooMany, Visitor
from page.state import State

WRONG = "The name or the password is wrong."
WAIT = "There were too many attempts. Try again in a quarter of an hour."


def show_form(state: State, message: str = "", code: int = 200) -> Response:
    """Return the form to log in."""
    named = state.access.find_named(request.environ)
    if named:
        return welcome(state, named, "/")
    return views.render(state, "login.html", None, code, message=message)


def log_in(state: State) -> Response:
    """Begin a session if the password is right."""
    name, password = request.form.get("name", ""), request.form.get("password", "")
    try:
        is_right = state.access.log_in(name, password, request.environ)
    except TooMany:
        return show_form(state, WAIT, 429)
    if not is_right:
        return show_form(state, WRONG, 401)
    return welcome(state, name, "/")


def welcome(state: State, name: str, path: str) -> Response:
    """Begin a session, and go to a page of ours."""
    response = go_to(path if path.startswith("/") and not path.startswith("//") else "/")
    cookie = state.access.begin(name, request.environ)
    response.set_cookie(COOKIE, cookie, secure=True, httponly=True, samesite="Strict", path="/")
    return response


def log_out(state: State, visitor: Visitor) -> Response:
    """End the session."""
    state.store.end_session(visitor.session.id)
    response = go_to("/login")
    response.set_cookie(
        COOKIE, "", max_age=0, secure=True, httponly=True, samesite="Strict", path="/"
    )
    return response


def end_session(state: State, visitor: Visitor) -> Response:
    """End the session of somebody."""
    if not visitor.is_admin:
        return views.refuse(state, 403, "You may not do this.", visitor)
    state.store.end_session(request.form.get("id", ""))
    return go_to("/sessions")


def go_to(path: str) -> Response:
    """Return a redirect to a path."""
    # Flask 1 of Debian 11 would return one of another class
    return cast(Response, redirect(path, 303, Response))
