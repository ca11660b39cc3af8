"""Choose the sites of a run: a shard of them, or those that an earlier run has not done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from provision.engine.fleet.run_files import RunHead, RunRecord
from provision.engine.fleet.run_reader import make_error
from provision.engine.fleet.shards import hash_sites, take_shard
from provision.errors import InputError, Problem, spell_count
from provision.sites.selection import ChosenSites
from provision.sites.site import Selected


@dataclass(frozen=True)
class Part:
    """The ``sites`` that a run works on, and how it is described in its run file.

    ``before``: the sites that an ``earlier`` run has done, if ``resumes`` says that this run continues it.
    """

    sites: ChosenSites
    head: RunHead
    earlier: RunRecord | None = None
    before: Mapping[str, Selected] = field(default_factory=dict)
    resumes: bool = False

    def preview(self) -> Part:
        """Return the part as that of a `plan`, which continues nothing itself."""
        head = replace(self.head, verb="plan", sites=list_hosts(self.sites))
        return replace(self, head=head, earlier=None)

    def describe(self) -> str:
        """Return which part of an earlier run is done now; empty without one."""
        if self.earlier is None:
            return ""
        sites = spell_count(len(self.earlier.head.sites), "site")
        started = self.earlier.head.started
        part = f"{len(self.sites)} of {sites}{'' if self.sites else ', so there is nothing to do'}"
        return f"takes up {self.earlier.path} of {started}: {part}"


def list_hosts(sites: Mapping[str, Selected]) -> dict[str, tuple[str, ...]]:
    """Return the targets of each site, in the order of the inventory."""
    ordered = sorted(sites.values(), key=lambda selected: selected.site.place)
    return {selected.site.name: selected.hosts for selected in ordered}


def start_run(chosen: ChosenSites, head: RunHead) -> Part:
    """Return the run at the ``chosen`` sites, or at those in its shard."""
    hosts = list_hosts(chosen)
    if head.shard is None:
        return Part(chosen, replace(head, sites=hosts))
    names = take_shard(list(hosts), head.shard)
    part = {name: hosts[name] for name in names}
    narrowed = chosen.narrow(host for name in names for host in hosts[name])
    return Part(narrowed, replace(head, sites=part, fleet=hash_sites(hosts)))


def retry_failed(
    chosen: ChosenSites, head: RunHead, earlier: RunRecord, is_limited: bool = False
) -> Part:
    """Return the run at those of the ``chosen`` sites that failed or were unreachable in an earlier one.

    ``is_limited``: other sites of the inventory were not chosen, so that what is missing may still exist.

    Raises:
        InputError: the earlier run is not one of this kind, or had sites that no longer exist.
    """
    names = [name for name in earlier.head.sites if earlier.has_failed(name)]
    return _continue(chosen, head, earlier, names, is_limited)


def resume_run(
    chosen: ChosenSites, head: RunHead, earlier: RunRecord, is_limited: bool = False
) -> Part:
    """Return the run at those of the ``chosen`` sites that an earlier one has not done.

    Raises:
        InputError: the earlier run is not one of this kind, or had sites that no longer exist.
    """
    names = [name for name in earlier.head.sites if not earlier.is_done(name)]
    part = _continue(chosen, head, earlier, names, is_limited)
    done = earlier.head.sites.keys() - {*names}
    before = {name: chosen[name] for name in chosen if name in done}
    return replace(part, before=before, resumes=True)


def _continue(
    chosen: ChosenSites, head: RunHead, earlier: RunRecord, names: list[str], is_limited: bool
) -> Part:
    _check_kind(head, earlier)
    wanted = {name: earlier.list_hosts(name) for name in names}
    if not is_limited:
        problems = list(_find_gone(chosen, earlier, wanted))
        if problems:
            raise InputError(problems)
    found = [host for name in names if name in chosen
             for host in wanted[name] if host in chosen[name].hosts]  # fmt: skip
    before = earlier.head
    whole = replace(head, sites=before.sites, shard=before.shard, fleet=before.fleet)
    return Part(chosen.narrow(found), whole, earlier)


def _check_kind(head: RunHead, earlier: RunRecord) -> None:
    """Check that an earlier run is one that ``head`` can continue.

    Raises:
        InputError: it had another verb, inventory or shard, or an option that is missing now.
    """
    before = earlier.head
    missing = [option for option in before.options if option not in head.options]
    if before.verb != head.verb:
        message, remedy = (
            f"is from {before.verb}",
            f"give it to {before.verb}, or name another run file",
        )
    elif not before.is_of_inventory(head):
        message = f"belongs to the inventory {', '.join(before.inventory)}"
        remedy = "give the -i of that run, or name another run file"
    elif head.shard not in (None, before.shard):
        message = f"is from shard {before.shard}" if before.shard else "is not from a shard"
        remedy = f"leave out --shard {head.shard}, or name another run file"
    elif missing:
        message, remedy = f"was begun with {' '.join(missing)}", "give the same options again"
    else:
        return
    raise make_error(earlier.path, message, remedy)


def _find_gone(
    chosen: ChosenSites, earlier: RunRecord, wanted: Mapping[str, tuple[str, ...]]
) -> Iterator[Problem]:
    """Yield an error for each host of an earlier run that its site no longer has."""
    remedy = "give the -i of that run, or -l all to leave out what is gone"
    for name, hosts in wanted.items():
        there = chosen[name].hosts if name in chosen else ()
        for host in hosts:
            if host not in there:
                what = f"{host} of site {name} is in {earlier.path} and not in the inventory"
                yield Problem("", 0, what, remedy)


def name_options(options: Mapping[str, object]) -> tuple[str, ...]:
    """Return the ``options`` that decide what a run does, as they are on the command line."""
    named: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, tuple):
            named += [f"{flag} {each}" for each in value]
        elif value is True:
            named.append(flag)
    return tuple(named)
