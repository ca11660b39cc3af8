"""A text that several sites share, or that a run needs after its check, is rendered once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jinja2
import pytest

from provision.desired.collect import render_all, render_resources
from provision.sites.site import BanHost, Selected, Site
from tests.plays import PLAYS
from tests.unit.roles.sample_site import sample_site


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of each template when it is rendered."""
    names: list[str] = []
    render = jinja2.Template.render

    def record(template: jinja2.Template, *args: object, **values: object) -> str:
        names.append(str(template.name))
        return render(template, *args, **values)

    monkeypatch.setattr(jinja2.Template, "render", record)
    return names


def build_site(number: int) -> Site:
    """Return a site whose ban host and FortiGates have addresses of their own."""
    site = sample_site()
    address = f"198.51.100.{number}"
    login = replace(site.ban_host.login, address=address)
    host = BanHost(f"ban{number}", login, site.ban_host.settings)
    fortigates = tuple(
        replace(fortigate, name=f"{fortigate.name}-{number}") for fortigate in site.fortigates
    )
    return Site(host.name, host, fortigates)


def select(sites: Sequence[Site]) -> list[Selected]:
    return [Selected(site, True, site.fortigates) for site in sites]


def test_what_the_check_has_rendered_is_what_the_run_uses(rendered: list[str]) -> None:
    site = build_site(1)
    render_all(select([site]), PLAYS)
    rendered.clear()
    render_resources(site, PLAYS)
    render_all(select([site]), PLAYS)
    assert rendered == []


def test_another_site_adds_only_the_texts_that_name_its_hosts(rendered: list[str]) -> None:
    render_all(select([build_site(2)]), PLAYS)
    rendered.clear()
    sites = [build_site(number) for number in range(3, 13)]
    render_all(select(sites), PLAYS)
    own = {
        "detection/jail.conf.j2",
        "feed/resource.j2",
        "receiver/config.py.j2",
        "receiver/filter.conf.j2",
        "receiver/receiver.service.j2",
        "webhook/action.j2",
    }
    assert set(rendered) <= own
    assert len(rendered) <= sum(4 + 2 * len(site.fortigates) for site in sites)
