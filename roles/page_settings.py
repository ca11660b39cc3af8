"""The settings of the page. Part of the role `page`."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from banstitch_shared.passwords import check_hash
from pydantic import Field, SecretStr, field_validator

from provision.sites.setting_types import Address, Duration, Expected, Networks, Unquoted
from provision.sites.settings import RoleSettings, Strict

_URL = re.compile(r"https://[A-Za-z0-9.:\[\]-]{1,255}")


class PageUser(Strict):
    """One user: name, role and the hash of a password."""

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"),
        Expected("a name of at most 64 letters, digits, '.', '_', '@' and '-'"),
    ]
    role: Literal["viewer", "support", "admin"]
    password: SecretStr | None = None

    @field_validator("password")
    @classmethod
    def _check_password(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                check_hash(value.get_secret_value())
            except ValueError as error:
                raise Unquoted(str(error)) from error
        return value


class Settings(RoleSettings):
    """Users of the page, where it listens, and a proxy before it."""

    page: Annotated[
        Literal["off", "on"], Field(description="on: serve the page for a help desk")
    ] = "off"
    page_users: Annotated[
        tuple[PageUser, ...],
        Field(
            description="users of the page: name, role (viewer, support or admin) and password, which is"
            " what `hash-password` prints; a user without a password can log in only through a proxy"
        ),
    ] = ()
    page_listen: Annotated[
        Address, Field(description="address to listen on, 0.0.0.0 or :: for all")
    ] = ipaddress.IPv4Address("0.0.0.0")  # noqa: S104 - people must reach it
    page_port: Annotated[int, Field(ge=1024, le=65535, description="TCP port of the page")] = 8443
    page_readers: Annotated[
        Networks, Field(description="addresses that may connect to the page; empty: any address")
    ] = ()
    page_url: Annotated[
        str,
        Field(
            description="URL under which a reverse proxy serves the page, such as https://bans.example.com"
        ),
    ] = ""
    page_trusted_header: Annotated[
        str,
        Field(
            pattern=r"^([A-Za-z][A-Za-z0-9-]{0,63})?$",
            description="header in which a reverse proxy names the user that it has logged in; empty: none",
        ),
        Expected("the name of a header, such as X-Forwarded-User, of letters, digits and '-'"),
    ] = ""
    page_trusted_proxies: Annotated[
        Networks, Field(description="addresses of the proxies from which this header is accepted")
    ] = ()
    page_idle: Annotated[
        Duration, Field(ge=60, le=86400, description="time after which an unused session ends")
    ] = 1800
    page_session: Annotated[
        Duration, Field(ge=60, le=604800, description="time after which any session ends")
    ] = 36000
    page_acts: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="acts that one user may carry out within an hour; all users together may carry out"
            " five times as many",
        ),
    ] = 20

    @field_validator("page_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        # as browsers spell it in Origin
        url = value.rstrip("/").lower().removesuffix(":443")
        if url and not _URL.fullmatch(url):
            raise ValueError("it must be like https://bans.example.com, without a path")
        return url

    @field_validator("page_trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: Networks) -> Networks:
        if any(network.prefixlen == 0 for network in value):
            raise ValueError("it must name the proxies: anybody else could name any user")
        return value

    @field_validator("page_users")
    @classmethod
    def _check_users(cls, value: tuple[PageUser, ...]) -> tuple[PageUser, ...]:
        names = [user.name for user in value]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise Unquoted(f"entry {number} must have a name of its own")
        return value
