"""Merge the run files of all shards of a run into one result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provision.engine.fleet.run_files import RunRecord, find_worst
from provision.engine.fleet.run_reader import make_error
from provision.engine.fleet.shards import Shard
from provision.plan import State, Verb
from provision.results import Exit, SiteResult, TargetResult, exit_code

_REMEDY = "give one run file of each shard of the same run"
_ALONE = Shard(1, 1)


@dataclass(frozen=True)
class Merged:
    """The result of all shards. ``notes``: what stopped one of them, or that it did not end."""

    verb: Verb
    results: tuple[SiteResult, ...]
    code: Exit
    notes: tuple[str, ...]


def merge_runs(records: Sequence[RunRecord]) -> Merged:
    """Return the result of a run whose shards left these ``records``.

    The exit code is the worst of all. A site that a shard did not come to, or did not end, is an error.

    Raises:
        InputError: they are not all the shards of one run.
    """
    _check_shards(records)
    ordered = sorted(records, key=lambda record: (record.head.shard or _ALONE).number)
    results = [result for record in ordered for result in _list_results(record)]
    results.sort(key=lambda result: result.name)
    codes = [Exit.FAILED if each.end is None else each.end.exit_code for each in ordered]
    notes = tuple(note for record in ordered for note in _list_notes(record))
    code = find_worst([exit_code(results), *codes])
    return Merged(ordered[0].head.verb, tuple(results), code, notes)


def _check_shards(records: Sequence[RunRecord]) -> None:
    """Check that the ``records`` are those of all shards of one run.

    Raises:
        InputError: they are not.
    """
    first, seen, sites = records[0], set[int](), set[str]()
    whole = first.head.shard or _ALONE
    for record in records:
        head, shard = record.head, record.head.shard or _ALONE
        if head.verb != first.head.verb:
            message = f"is from {head.verb}, but {first.path} is from {first.head.verb}"
        elif len(records) > 1 and head.shard is None:
            message = "is not from a shard, so it cannot be merged with other files"
        elif shard.of != whole.of:
            message = f"is from shard {shard}, but {first.path} is from shard {whole}"
        elif head.fleet != first.head.fleet:
            message = f"and {first.path} chose from different sites: the inventory or -l differed"
        elif shard.number in seen:
            message = f"is from shard {shard}, and so is another file"
        elif sites & head.sites.keys():
            message = f"has site {min(sites & head.sites.keys())}, and so has another file"
        else:
            seen.add(shard.number)
            sites |= head.sites.keys()
            continue
        raise make_error(record.path, message, _REMEDY)
    missing = [str(number) for number in range(1, whole.of + 1) if number not in seen]
    if missing:
        what = f"is from shard {whole}; the file of shard {', '.join(missing)} is missing"
        raise make_error(first.path, what, _REMEDY)


def _list_results(record: RunRecord) -> Iterator[SiteResult]:
    """Yield the result of each site of a shard, in which sites that did not end have an error."""
    for name, hosts in record.head.sites.items():
        if name in record.results:
            yield record.results[name]
            continue
        state: State = "failed" if name in record.begun else "skipped"
        error = (
            "the run ended before this site did; its state is not known\nrun again, with --resume"
            if name in record.begun
            else "not begun: the run ended before"
        )
        yield SiteResult(
            name,
            tuple(
                TargetResult(host, "linux" if host == name else "fortios", state, error=error)
                for host in hosts
            ),
        )


def _list_notes(record: RunRecord) -> Iterator[str]:
    shard = f"shard {record.head.shard}" if record.head.shard else f"{record.path}"
    if record.end is None:
        yield f"{shard} has not ended, or was killed"
    elif record.end.stopped:
        yield f"{shard}: {record.end.stopped}"
    elif record.end.exit_code > Exit.UNREACHABLE:
        yield f"{shard} was interrupted"
