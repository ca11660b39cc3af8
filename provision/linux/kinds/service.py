"""Units of systemd that run and answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.observe import Observe, ServiceQuestion
from provision.linux.agent.protocol.steps import BringUp, Verb
from provision.linux.draft import Draft
from provision.linux.kinds.resource import Resource

# The unit whose server holds all jails.
FAIL2BAN = "fail2ban.service"


@dataclass(frozen=True)
class Service(Resource):
    """A unit that is enabled, runs, and has read its inputs as they are now.

    ``restart_on``/``reload_on`` hold ids of resources: a change of one owes the unit a restart or a reload.
    One of ``restart_on_update`` does too, unless it is new: then it takes effect when the unit starts next.
    ``answers``: a URL that must answer 200 before the unit counts as up ("active" proves nothing),
    by https with the certificate in the file ``certificate``.
    ``listens``: the address and port of a socket, which no other program may have.
    """

    name: str
    restart_on: tuple[ResourceId, ...] = ()
    restart_on_update: tuple[ResourceId, ...] = ()
    reload_on: tuple[ResourceId, ...] = ()
    reload_command: tuple[str, ...] = ()
    answers: str = ""
    certificate: str = ""
    listens: str = ""

    @property
    def id(self) -> ResourceId:
        return ResourceId("service", self.name)

    def add_to_request(self, request: Observe) -> None:
        """Ask whether it is enabled, runs and answers, and whether its port is taken."""
        question = ServiceQuestion(self.name, self.answers, self.certificate, self.listens)
        request.services.append(question)

    def plan_effects(self, draft: Draft, desired: Sequence[Resource]) -> None:
        """Enable, start, restart or reload it, as its state and the changes in the draft demand."""
        state = draft.observed.services[self.name]
        owed = draft.owed.get(self.name)
        verb = self._choose_verb(draft, owed)
        reasons = []
        if owed:
            reasons.append("owed since an interrupted run")
        if not state.active:
            verb = "start"
        elif not state.answers:
            # it is asked in its desired form; before a change it may answer differently
            if verb != "restart":
                reasons.append("it runs but does not answer")
            verb = "restart"
        actions = [*([] if state.enabled else ["enable"]), *([] if verb == "none" else [verb])]
        for action in actions:
            draft.change(self.id, action, reason="; ".join(reasons))
        if actions:
            draft.services.append(self.make_step(verb))

    def _choose_verb(self, draft: Draft, owed: str | None) -> Verb:
        changed = {change.id for change in draft.changes}
        updated = {change.id for change in draft.changes if change.action != "create"}
        if changed & {*map(str, self.restart_on)} or updated & {*map(str, self.restart_on_update)}:
            return "restart"
        if owed == "restart":
            return "restart"
        is_due = changed & {*map(str, self.reload_on)} or owed == "reload"
        return "reload" if is_due else "none"

    def make_step(self, verb: Verb) -> BringUp:
        """Return the agent's step that carries out ``verb`` and waits until the unit answers."""
        return BringUp(self.name, verb, self.reload_command, self.answers, self.certificate)
