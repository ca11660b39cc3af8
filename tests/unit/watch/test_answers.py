"""Answers of name servers and web servers: what may be spared is taken, and nothing that spares everybody."""

from __future__ import annotations

import socket

import pytest
from banstitch_shared.looked_up import MOST
from watch.answers import look_up, read_list, take


def test_a_list_has_an_address_or_a_network_on_each_line_and_comments() -> None:
    text = "# offices\n\n 193.99.144.80 # Hanover\r\n62.138.0.0/16;x\n2a02:2e0::/32, Bonn\n"
    networks = ("193.99.144.80", "62.138.0.0/16", "2a02:2e0::/32")
    assert take(read_list(text)).networks == networks


def test_the_same_network_twice_is_taken_once_and_bits_behind_a_prefix_do_not_count() -> None:
    assert take(["62.138.9.9/24", "62.138.9.0/24"]).networks == ("62.138.9.0/24",)


@pytest.mark.parametrize(
    "wide", ["0.0.0.0/0", "62.0.0.0/8", "62.138.0.0/15", "::/0", "2000::/3", "2a02::/16"]
)
def test_a_network_that_is_too_wide_is_left_out(wide: str) -> None:
    answer = take(["193.99.144.80", wide])
    assert answer.networks == ("193.99.144.80",)
    assert answer.left_out == (f"{wide} (too wide)",)


@pytest.mark.parametrize(
    "private", ["10.1.2.3", "192.168.7.0/24", "127.0.0.1", "fe80::1%eth0", "fd00::/48", "0.0.0.0"]
)
def test_an_address_that_is_not_public_is_left_out(private: str) -> None:
    answer = take(["193.99.144.80", private])
    assert answer.networks == ("193.99.144.80",)
    assert answer.left_out == (f"{private} (not public)",)


@pytest.mark.parametrize(
    "text", ["<html>", "193.99.144.80\nerror 500", "193.99.144.800", "193.99.144.80/33", "1"]
)
def test_a_list_with_a_line_that_is_no_network_is_no_list(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        take(read_list(text))


@pytest.mark.parametrize("text", ["", "# nothing", "10.0.0.1", "0.0.0.0/0"])
def test_an_answer_without_a_public_address_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="no public address"):
        take(read_list(text))


def test_an_answer_with_too_many_networks_is_none() -> None:
    with pytest.raises(ValueError, match="more than"):
        take(f"62.{n // 256}.{n % 256}.0/24" for n in range(MOST + 1))


def test_a_name_has_its_ipv4_and_ipv6_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2a02:2e0:3fe::9", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("193.99.144.80", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    answer = look_up("office.example.com", "")
    assert answer is not None
    assert answer.networks == ("193.99.144.80", "2a02:2e0:3fe::9")
