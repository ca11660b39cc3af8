"""The connection to one FortiGate: its session, the next one once that broke, questions by scope."""

from __future__ import annotations

from collections.abc import Sequence

from provision.errors import Failed
from provision.fortios.config.probes import with_scope
from provision.fortios.session import administrator, prompts
from provision.fortios.session.batches import entering
from provision.fortios.session.session import Session
from provision.ssh.host_keys import HostKeyPolicy
from provision.ssh.login import Login

Question = tuple[str, str]  # scope, command


class Connection:
    """A connection to one unit, for the length of a ``with`` block.

    ``walks``: the unit knows no `sudo`, so that a scope is entered to ask there.
    """

    def __init__(self, login: Login, policy: HostKeyPolicy) -> None:
        self.walks = False
        self.login = login
        self._policy = policy
        self._session: Session | None = None
        self._earlier = 0

    def __enter__(self) -> Connection:
        codes = self._policy.codes
        kept = codes.take(self.login) if codes else None
        if isinstance(kept, Session):
            kept.changing = False
            self._earlier = -kept.exchanges
        self._session = kept if isinstance(kept, Session) else Session(self.login, self._policy)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        codes = self._policy.codes
        if codes and error is None:
            codes.leave(self.login, session)
        else:
            session.disconnect()

    @property
    def exchanges(self) -> int:
        """How often, since the login, we wrote and waited for the unit."""
        return self._earlier + (self._session.exchanges if self._session else 0)

    @property
    def session(self) -> Session:
        """The session of now; within the ``with`` block only."""
        if self._session is None:
            raise RuntimeError("a FortiGate is used inside its 'with' block")
        return self._session

    def reconnect(self) -> None:
        """A new session in place of a broken one: once, by whoever calls."""
        self._earlier = self.exchanges
        self.session.disconnect()
        self._session = Session(self.login, self._policy)
        self._session.changing = True

    def ask(self, questions: Sequence[Question]) -> tuple[str, ...]:
        """The answers to all ``questions`` in one exchange; where there is no `sudo`, in several."""
        if not self.walks:
            return self.session.read([with_scope(*each) for each in questions])
        found: dict[Question, str] = {}
        for scope in dict.fromkeys(scope for scope, _ in questions):
            commands = [command for each, command in questions if each == scope]
            answers = self.session.visit(tuple(entering("its VDOMs", scope)), commands)
            found.update(
                ((scope, each), said) for each, said in zip(commands, answers, strict=True)
            )
        return tuple(found[each] for each in questions)

    def permission(self, said: str) -> str:
        """What to do about a refusal that is one of rights or of a lock; else nothing."""
        if prompts.tells_of_a_lock(said):
            return (
                "somebody else is editing it in a transaction, or a run that died was; such a lock "
                "ends by itself (ours after 2 idle minutes): run again then"
            )
        needs = f"; it needs {administrator.NEEDED}"
        if prompts.is_forbidden(said):
            return f"the profile of {self.login.user} does not permit this{needs}"
        if prompts.has_no_table(said) and self.session.is_restricted:
            return f"perhaps the profile of {self.login.user} does not permit this{needs}"
        return ""

    def failed(self, what: str, remedy: str = "") -> Failed:
        """An error that names the unit."""
        return Failed(f"{self.login.host} ({self.login.address}): {what}", remedy)
