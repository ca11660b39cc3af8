"""One FortiGate: log in, look with a batch of `show`, push a plan, put things back if it fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType

from provision.errors import Failed, TargetError, Unreachable
from provision.fortios import dialogue
from provision.fortios.desired import Desired, show_command, split_id
from provision.fortios.planner import Block, FortiPlan, Observed, ids, revert
from provision.fortios.record import Record
from provision.fortios.session import Session
from provision.fortios.text import Config, Edit, ParseError, Tree, lines, parse
from provision.fortios.versions import Facts, advice, read_facts, refused
from provision.login import Login
from provision.ssh import HostKeyPolicy

STATUS = "get system status"


class PutBack(Failed):
    """A push failed and the unit is as it was before it: what was remembered before it holds again."""


class FortiGate:
    """A session with one unit, for the length of a ``with`` block."""

    def __init__(self, login: Login, policy: HostKeyPolicy) -> None:
        self._login = login
        self._policy = policy
        self._session: Session | None = None
        self._facts: Facts | None = None
        self._seen: Observed | None = None

    def __enter__(self) -> FortiGate:
        self._session = Session(self._login, self._policy)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session:
            self._session.disconnect()
            self._session = None

    @property
    def exchanges(self) -> int:
        """How often, since the login, we wrote and waited for the unit."""
        return self._session.exchanges if self._session else 0

    @property
    def facts(self) -> Facts:
        """Model, version, name, serial number, VDOM mode, cluster role; asked for once.

        Raises:
            Failed: the answer cannot be read.
        """
        if self._facts is None:
            self._learn(*self._open.read([STATUS]))
        if self._facts is None:
            raise self._failed(f"'{STATUS}' names no version and serial number")
        return self._facts

    def observe(self, desired: Desired, record: Record) -> Observed:
        """What the unit holds of ``desired`` and of what ``record`` remembers; sends `show` only.

        Raises:
            Failed: an answer cannot be read, or the unit must not be configured here.
            Unreachable: the connection broke.
        """
        wanted = ids(desired, record)
        status = [] if self._facts else [STATUS]
        answers = self._open.read([*status, *map(show_command, wanted)])
        if status:
            self._learn(answers[0])
        self._refuse_unsupported()
        self._seen = self._understand(wanted, answers[len(status) :])
        return self._seen

    def apply(self, plan: FortiPlan) -> None:
        """Push ``plan``, made from what :meth:`observe` saw last.

        Raises:
            PutBack: a line was refused, and the unit is as it was before.
            Failed: the unit is not as it was (the text says where): keep ``plan.record``.
            Unreachable: the connection broke before anything was changed.
        """
        touched: list[Block] = []
        before = self._seen or self._look([block.id for block in plan.blocks])
        try:
            for block in plan.blocks:
                touched.append(block)
                self._push(block)
        except Failed as error:
            not_back = self._put_back(before, touched)
            if not_back:
                raise Failed(error.what, not_back) from None
            raise PutBack(error.what, "the unit is as it was before") from None
        except Unreachable as error:
            if len(touched) < 2:
                raise
            raise Failed(f"{error.what}, {len(touched) - 1} objects done", "run again") from None

    def _push(self, block: Block) -> None:
        self._open.write(block.id, lines(block.tree))

    def _put_back(self, before: Observed, touched: Sequence[Block]) -> str:
        """Push what leads back to ``before``; what is left undone, if anything."""
        try:
            touched_ids = [block.id for block in touched]
            for block in revert(before, self._look(touched_ids), touched):
                self._push(block)
            left = revert(before, self._look(touched_ids), touched, secrets_kept=True)
        except TargetError as error:
            return f"it could not be put back ({error.what}); run again: that mends it"
        if left:
            return f"not as it was: {', '.join(block.id for block in left)}; run again"
        return ""

    def _look(self, wanted: Iterable[str]) -> Observed:
        wanted = tuple(wanted)
        return self._understand(wanted, self._open.read([show_command(each) for each in wanted]))

    def _understand(self, wanted: Sequence[str], answers: Sequence[str]) -> Observed:
        objects: dict[str, Tree | None] = {}
        missing = set()
        for each, answer in zip(wanted, answers, strict=True):
            objects[each] = self._body(each, answer)
            if objects[each] is None and dialogue.has_no_table(answer):
                missing.add(each)
        facts = self.facts
        return Observed(facts.serial, objects, frozenset(missing), advice(facts))

    def _body(self, object_id: str, answer: str, again: bool = True) -> Tree | None:
        """The body in an answer; one that cannot be read is asked for once more, alone."""
        if dialogue.has_no_entry(answer) or dialogue.has_no_table(answer):
            return None
        try:
            return _find(object_id, parse(answer))
        except ParseError as error:
            if again:
                (answer,) = self._open.read([show_command(object_id)])
                return self._body(object_id, answer, again=False)
            said = dialogue.refusal(answer) or str(error)
            raise self._failed(f"'{show_command(object_id)}' was answered with: {said}") from None

    def _learn(self, status: str) -> None:
        self._facts = read_facts(status)

    def _refuse_unsupported(self) -> None:
        if refused(self.facts.version):
            raise self._failed(refused(self.facts.version))
        if self.facts.vdoms:
            raise self._failed("it runs several VDOMs, which this release does not configure")
        if self.facts.is_secondary:
            raise self._failed("it is a secondary of its cluster; name the primary instead")

    @property
    def _open(self) -> Session:
        if self._session is None:
            raise RuntimeError("a FortiGate is used inside its 'with' block")
        return self._session

    def _failed(self, what: str) -> Failed:
        return Failed(f"{self._login.host} ({self._login.address}): {what}")


def _find(object_id: str, tree: Tree) -> Tree | None:
    """The body of one object in what `show` printed for it."""
    _, path, key = split_id(object_id)
    for config in tree:
        if isinstance(config, Config) and config.path == path:
            if key is None:
                return config.body
            edits = (node for node in config.body if isinstance(node, Edit))
            return next((edit.body for edit in edits if edit.key.value == key), None)
    return None
