# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Leading, term by term: owns when this robot takes up a leader's duties, lays them down, and
hands them to another robot.

Which duties there are is in leadership.py, who would lead better in succession.py. Refuses to
know elections, and how a duty's command gets into the log.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.offers import AskOffer, Offer, OfferHeard, Offers
from swarm_coordinator.core.leadership import Leadership, Standing, fittest, succession_of
from swarm_coordinator.core.membership_goals import reshape
from swarm_coordinator.core.raft import Refused, Role, SoftState
from swarm_coordinator.core.succession import Succession
from swarm_coordinator.core.worker import STOPPED_MS, Note, Propose

DUTY_EXPIRY_MS = 5_000
CEDE_EVERY_NS = 500_000_000  # looks at fitness; the decision itself takes far longer


@dataclass(frozen=True)
class DutyTag:
    """The command of a duty."""

    key: str


class Office:
    """`leadership` is that of this term, None where another robot leads or nobody does.

    first_question   differs from life to life, as the numbers of a leader's questions must
    """

    def __init__(self, robot_id: RobotId, job_ttl_ms: int, first_question: int) -> None:
        self.leadership: Leadership | None = None
        self._robot_id = robot_id
        self._job_ttl_ms = job_ttl_ms
        self._first_question = first_question
        self._succession = Succession(robot_id)
        self._cede_ns = 0

    @property
    def due_ns(self) -> int | None:
        """When a robot's answer is overdue."""
        return None if self.leadership is None else self.leadership.offers.due_ns

    def role_changed(self, soft: SoftState, now_ns: int) -> None:
        self._succession.leader_is(soft.leader, now_ns)
        if soft.role is not Role.LEADER:
            self.leadership = None
        elif self.leadership is None:
            self.leadership = Leadership(
                self._robot_id,
                self._job_ttl_ms,
                grace_ms=max(self._job_ttl_ms // 4, STOPPED_MS),
                offers=Offers(self._first_question + (soft.term << 24)),
            )

    def lead(
        self, at: Standing, offer: Callable[[Sequence[str]], Offer]
    ) -> list[Propose | AskOffer | Note]:
        """All that a leader does now. `offer` says what jobs would cost on this robot itself."""
        leadership = self.leadership
        if leadership is None:
            return []
        effects: list[Propose | AskOffer | Note] = [*_duties(leadership, at)]
        complete, questions, leadership.questions = False, leadership.questions, []
        for ask in questions:
            if ask.robot != self._robot_id:
                effects.append(ask)
                continue
            heard = OfferHeard(ask.robot, ask.request, offer(ask.job_ids))
            complete = leadership.heard(heard, at.now_ns)
        if complete:  # nobody else was to be asked
            effects += _duties(leadership, at)
        reshape(at.raft, at.state, at.stamp_ns)
        return effects + self.cede(at)

    def heard(self, event: OfferHeard, now_ns: int) -> None:
        if self.leadership is not None:
            self.leadership.heard(event, now_ns)

    def settled(self, tag: DutyTag) -> None:
        """The command of a duty is in the log, or ran out of time."""
        if self.leadership is not None:
            self.leadership.settled(tag.key)

    def cede(self, at: Standing) -> list[Note]:
        """Leadership follows fitness, by transfer only."""
        if self.leadership is None or at.now_ns < self._cede_ns:
            return []
        self._cede_ns = at.now_ns + CEDE_EVERY_NS
        heir = self._succession.decide(succession_of(at), at.now_ns)
        if heir is None:
            return []
        at.raft.transfer_to(heir.to)
        return [Note(f'handing leadership to {heir.to}: {heir.reason}')]

    def hand_over(self, to: RobotId | None, at: Standing) -> list[Note]:
        """Asked for; whoever leads acts. None: to whom it fits best."""
        if self.leadership is None:
            return []
        to = to or fittest(at)
        answer = at.raft.transfer_to(to) if to is not None else None
        return [] if answer is None else [Note(f'leadership stays: {_text(answer)}')]

    def check_invariants(self) -> None:
        if self.leadership is not None:
            self.leadership.offers.check_invariants()


def _duties(leadership: Leadership, at: Standing) -> list[Propose]:
    return [
        Propose(duty.command, DUTY_EXPIRY_MS, DutyTag(duty.key))
        for duty in leadership.duties(at)
    ]


def _text(refused: Refused) -> str:
    return f'{refused.reason.value}: {refused.detail}' if refused.detail else refused.reason.value
