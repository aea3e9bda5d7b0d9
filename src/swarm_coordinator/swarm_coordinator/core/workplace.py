# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs on this robot: owns how running them, bringing their outputs home and keeping their files
fit together. Worker, delivery and custody know nothing of one another.
"""

from collections.abc import Iterable, Sequence
from functools import singledispatchmethod

from swarm_coordinator.core.delivery import DeliveredTag, Delivery, DeliveryEffect
from swarm_coordinator.core.events import (
    InputsFailed,
    InputsReady,
    OutputsFetched,
    OutputsNotFetched,
    OutputsOffered,
    OutputsPlaced,
    OutputsStored,
    ProcessEnded,
    Progressed,
    WorkEvent,
)
from swarm_coordinator.core.files.custody import Custody, FileEffect
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import Estimates, transfer_ms
from swarm_coordinator.core.jobs.job import Job
from swarm_coordinator.core.jobs.offers import Offer
from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.core.replicated.command import SubmitJob, SubmitJobs
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.worker import RenewalTag, ReportTag, Worker, WorkerEffect

WorkEffect = WorkerEffect | DeliveryEffect | FileEffect
Effects = list[WorkEffect]
Submission = SubmitJob | SubmitJobs


def _submissions(command: Submission) -> tuple[SubmitJob, ...]:
    return (command,) if isinstance(command, SubmitJob) else command.jobs


def _inputs_of(command: Submission) -> tuple[FileRef, ...]:
    return tuple(ref for one in _submissions(command) for ref in one.spec.files)


class Workplace:
    def __init__(self, robot_id: RobotId, incarnation: int, slots: int) -> None:
        self.robot_id = robot_id
        self.worker = Worker(robot_id, incarnation, slots)
        self.delivery = Delivery(robot_id)
        self.custody = Custody(robot_id)

    def handle(self, event: WorkEvent, state: ReplicatedState, now_ns: int) -> Effects:
        return self._on(event, state, now_ns)

    def tick(self, now_ns: int) -> Effects:
        return [*self.worker.tick(now_ns), *self.delivery.tick(now_ns)]

    def said(self, now_ns: int) -> Effects:
        """What is to be told to the log of all that happened."""
        return [*self.worker.said(now_ns)]

    def settled(self, tag: object, timed_out: bool, now_ns: int) -> Effects:
        """A command of ours came into the log, or ran out of time."""
        if isinstance(tag, (RenewalTag, ReportTag)):
            return [*self.worker.settled(tag, timed_out, now_ns)]
        if isinstance(tag, DeliveredTag):
            return [*self.delivery.settled(tag, timed_out)]
        return []

    # ---- submissions from here

    def offer(
        self,
        job_ids: Sequence[str],
        refusal: str,
        state: ReplicatedState,
        estimates: Estimates,
        now_ns: int,
    ) -> Offer:
        """What these jobs would cost here. A job that the log here does not know yet is not
        refused; only its files are not known."""
        jobs = [state.jobs.get(job_id) for job_id in job_ids]
        return Offer(
            backlog_ms=self.worker.slots_taken(estimates, now_ns).backlog_ms(),
            job_ids=tuple(job_ids),
            transfer_ms=tuple(None if job is None else self._staging_ms(job) for job in jobs),
            refused=(refusal,) * len(jobs),
        )

    def _staging_ms(self, job: Job) -> int:
        needed = self.custody.references.needed
        return transfer_ms(
            sum(ref.size_bytes for ref in job.spec.inputs if not needed(ref.sha256))
        )

    def submitting(self, request_id: int, command: Submission) -> None:
        self.custody.requested(request_id, _inputs_of(command))

    def submitted(
        self, request_id: int, command: Submission, state: ReplicatedState
    ) -> Effects:
        effects: Effects = []
        for one in _submissions(command):
            effects += self._account(one.job_id, state)
        return effects + self.custody.request_settled(request_id, _inputs_of(command))

    # ---- the log

    def jobs_changed(
        self, job_ids: Iterable[str], state: ReplicatedState, now_ns: int
    ) -> Effects:
        effects: Effects = []
        for job_id in job_ids:
            job = state.jobs.get(job_id)
            if job is not None:
                effects += self.worker.job_changed(job, now_ns)
                effects += self.delivery.job_changed(job, now_ns)
            effects += self._account(job_id, state)
        return effects

    def caught_up(self, state: ReplicatedState, now_ns: int) -> Effects:
        """Old entries are read again after a start; only what is true now is acted on."""
        effects = self.jobs_changed(list(state.jobs), state, now_ns)
        self.custody.caught_up(state)
        return effects

    def restored(self, state: ReplicatedState, now_ns: int) -> Effects:
        """The state was replaced as a whole: what it no longer knows is over."""
        effects: Effects = [*self.worker.only(state.jobs, now_ns)]
        unknown = [one for one in self.delivery.parcels if one not in state.jobs]
        effects += self.delivery.only(state.jobs)
        for job_id in unknown:
            effects += self._account(job_id, state)
        return effects

    def sweep(self, state: ReplicatedState, incarnation: int) -> Sequence[FileEffect]:
        return self.custody.sweep(state, incarnation)

    def _account(self, job_id: str, state: ReplicatedState) -> Effects:
        return [
            *self.custody.account(
                job_id,
                state.jobs.get(job_id),
                self.worker.held.get(job_id),
                self.delivery.parcels.get(job_id),
            )
        ]

    # ---- news of the edges

    @singledispatchmethod
    def _on(self, event: WorkEvent, state: ReplicatedState, now_ns: int) -> Effects:
        raise AssertionError(f'no rule for {type(event).__name__}')

    @_on.register
    def _inputs_ready(self, event: InputsReady, state: ReplicatedState, now_ns: int) -> Effects:
        return [*self.worker.inputs_ready(event.job_id, event.token, now_ns)]

    @_on.register
    def _inputs_failed(
        self, event: InputsFailed, state: ReplicatedState, now_ns: int
    ) -> Effects:
        return [*self.worker.inputs_failed(event.job_id, event.token, event.reason, now_ns)]

    @_on.register
    def _process_ended(
        self, event: ProcessEnded, state: ReplicatedState, now_ns: int
    ) -> Effects:
        effects: Effects = [*self.worker.process_ended(event.end, now_ns)]
        effects += self._account(event.end.job_id, state)
        return effects + self.custody.accounted(event.end.outputs)

    @_on.register
    def _progressed(self, event: Progressed, state: ReplicatedState, now_ns: int) -> Effects:
        self.worker.progressed(event.job_id, event.token, event.permille, event.text)
        return []

    @_on.register
    def _outputs_offered(
        self, event: OutputsOffered, state: ReplicatedState, now_ns: int
    ) -> Effects:
        job = state.jobs.get(event.job_id)
        if (
            job is None
            or job.token != event.token
            or job.origin != self.robot_id
            or job.robot_id != event.worker
        ):
            return []  # an old attempt, or its grant is not applied here yet: offered again
        offered = self.delivery.offered(
            event.job_id, event.attempt, event.token, event.refs, event.worker
        )
        return [*offered, *self._account(event.job_id, state)]

    @_on.register
    def _outputs_stored(
        self, event: OutputsStored, state: ReplicatedState, now_ns: int
    ) -> Effects:
        return [*self.worker.outputs_stored(event.job_id, event.token, event.origin)]

    @_on.register
    def _outputs_fetched(
        self, event: OutputsFetched, state: ReplicatedState, now_ns: int
    ) -> Effects:
        return [*self.delivery.fetched(event.job_id, event.token)]

    @_on.register
    def _outputs_not_fetched(
        self, event: OutputsNotFetched, state: ReplicatedState, now_ns: int
    ) -> Effects:
        return [*self.delivery.fetch_failed(event.job_id, event.token, now_ns)]

    @_on.register
    def _outputs_placed(
        self, event: OutputsPlaced, state: ReplicatedState, now_ns: int
    ) -> Effects:
        return [*self.delivery.placed(event.job_id, event.token, event.problem)]

    def check_invariants(self) -> None:
        self.custody.references.check_invariants()
