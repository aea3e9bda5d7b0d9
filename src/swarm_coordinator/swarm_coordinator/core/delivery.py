# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs that were submitted here: owns getting their outputs home and to where they belong.

Outputs are fetched as soon as the worker offers them, and put in place only after the log has
accepted the completion: what a former holder of the job made is never published.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef, Job, JobPhase
from swarm_coordinator.core.replicated.command import DeliverOutputs
from swarm_coordinator.core.worker import Propose

RETRY_NS = 2_000_000_000
DELIVER_EXPIRY_MS = 10_000


@dataclass(frozen=True)
class FetchOutputs:
    job_id: str
    token: int
    refs: tuple[FileRef, ...]
    holder: RobotId


@dataclass(frozen=True)
class TellStored:
    """Tell the worker that the outputs are safe here."""

    job_id: str
    attempt: int
    token: int
    worker: RobotId


@dataclass(frozen=True)
class PlaceOutputs:
    job_id: str
    token: int
    refs: tuple[FileRef, ...]
    output_dir: str


@dataclass(frozen=True)
class ForgetOutputs:
    """They need not come any more."""

    job_id: str
    token: int


DeliveryEffect = FetchOutputs | ForgetOutputs | TellStored | PlaceOutputs | Propose


@dataclass(frozen=True)
class DeliveredTag:
    job_id: str


@dataclass
class Parcel:
    """Outputs of one attempt on their way."""

    job_id: str
    token: int
    refs: tuple[FileRef, ...]
    holder: RobotId
    attempt: int = 0
    tell: bool = False  # the worker waits to hear that they are stored
    fetching: bool = True
    stored: bool = False
    placing: bool = False
    accepted: bool = False  # the log has accepted the completion
    output_dir: str = ''  # known from then on; '' = they stay in the store
    retry_ns: int = 0


@dataclass
class Delivery:
    robot_id: RobotId
    parcels: dict[str, Parcel] = field(default_factory=dict)

    def offered(
        self, job_id: str, attempt: int, token: int, refs: tuple[FileRef, ...], worker: RobotId
    ) -> list[DeliveryEffect]:
        """A worker has outputs for us; it repeats the offer until it hears that they are here."""
        parcel = self.parcels.get(job_id)
        if parcel is None or parcel.token < token:
            effects = self._forget(job_id)
            self.parcels[job_id] = Parcel(job_id, token, refs, worker, attempt, tell=True)
            return [*effects, FetchOutputs(job_id, token, refs, worker)]
        if parcel.token == token and parcel.stored:
            return [TellStored(job_id, attempt, token, worker)]
        return []

    def job_changed(self, job: Job, now_ns: int) -> list[DeliveryEffect]:
        if job.origin != self.robot_id:
            return []
        parcel = self.parcels.get(job.job_id)
        if job.ended and (job.phase is not JobPhase.DONE or job.delivered):
            return self._forget(job.job_id)
        if job.phase is not JobPhase.DONE:
            # What a former holder of the job made is not wanted any more.
            stale = parcel is not None and parcel.token < job.token
            return self._forget(job.job_id) if stale else []
        if parcel is None or parcel.token != job.token:
            assert job.outputs_at is not None
            here = job.outputs_at == self.robot_id
            effects = self._forget(job.job_id)
            parcel = Parcel(
                job.job_id, job.token, job.outputs, job.outputs_at, job.attempt,
                fetching=not here, stored=here,
            )
            self.parcels[job.job_id] = parcel
            parcel.accepted, parcel.output_dir = True, job.output_dir
            if not here:
                fetch = FetchOutputs(job.job_id, job.token, job.outputs, job.outputs_at)
                return [*effects, fetch]
            return [*effects, *self._place(parcel)]
        parcel.accepted, parcel.output_dir = True, job.output_dir
        return self._place(parcel)

    def only(self, known: Collection[str]) -> list[DeliveryEffect]:
        """Forget the outputs of jobs that the log no longer knows."""
        effects: list[DeliveryEffect] = []
        for job_id in [one for one in self.parcels if one not in known]:
            effects += self._forget(job_id)
        return effects

    def fetched(self, job_id: str, token: int) -> list[DeliveryEffect]:
        parcel = self._parcel(job_id, token)
        if parcel is None:
            return []
        parcel.fetching, parcel.stored = False, True
        effects: list[DeliveryEffect] = []
        if parcel.tell:
            effects.append(TellStored(job_id, parcel.attempt, token, parcel.holder))
        return effects + self._place(parcel)

    def fetch_failed(self, job_id: str, token: int, now_ns: int) -> list[DeliveryEffect]:
        """Tried again: the holder may come back, and an offer is repeated anyway."""
        parcel = self._parcel(job_id, token)
        if parcel is not None:
            parcel.fetching, parcel.retry_ns = False, now_ns + RETRY_NS
        return []

    def placed(self, job_id: str, token: int, problem: str) -> list[DeliveryEffect]:
        parcel = self._parcel(job_id, token)
        return [] if parcel is None else [_delivered(parcel, problem)]

    def settled(self, tag: object, timed_out: bool) -> list[DeliveryEffect]:
        """A delivery that did not get into the log in time is said again."""
        if isinstance(tag, DeliveredTag) and timed_out and tag.job_id in self.parcels:
            parcel = self.parcels[tag.job_id]
            parcel.placing = False
            return self._place(parcel)
        return []

    def tick(self, now_ns: int) -> list[DeliveryEffect]:
        effects: list[DeliveryEffect] = []
        for parcel in self.parcels.values():
            if not parcel.stored and not parcel.fetching and now_ns >= parcel.retry_ns:
                parcel.fetching = True
                effects.append(
                    FetchOutputs(parcel.job_id, parcel.token, parcel.refs, parcel.holder)
                )
        return effects

    def _forget(self, job_id: str) -> list[DeliveryEffect]:
        parcel = self.parcels.pop(job_id, None)
        if parcel is None or not parcel.fetching or parcel.stored:
            return []
        return [ForgetOutputs(job_id, parcel.token)]

    def _place(self, parcel: Parcel) -> list[DeliveryEffect]:
        if not parcel.stored or not parcel.accepted or parcel.placing:
            return []
        parcel.placing = True
        if not parcel.output_dir:
            return [_delivered(parcel, '')]
        return [PlaceOutputs(parcel.job_id, parcel.token, parcel.refs, parcel.output_dir)]

    def _parcel(self, job_id: str, token: int) -> Parcel | None:
        parcel = self.parcels.get(job_id)
        return parcel if parcel is not None and parcel.token == token else None


def _delivered(parcel: Parcel, problem: str) -> Propose:
    command = DeliverOutputs(parcel.job_id, parcel.token, problem)
    return Propose(command, DELIVER_EXPIRY_MS, DeliveredTag(parcel.job_id))
