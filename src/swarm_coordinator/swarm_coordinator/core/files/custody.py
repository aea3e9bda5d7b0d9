# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The stored files that this robot answers for: owns when one may be let go.

A file is needed by requests that are on their way into the log, by jobs that were submitted here,
by jobs that this robot holds and by outputs that are on their way home. Knows nothing of disks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from swarm_coordinator.core.delivery import Parcel
from swarm_coordinator.core.events import DiscardFile, SweepFiles, UnpinFiles
from swarm_coordinator.core.files.references import References
from swarm_coordinator.core.held_job import HeldJob
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef, Job, JobPhase
from swarm_coordinator.core.replicated.state import ReplicatedState

FileEffect = DiscardFile | SweepFiles | UnpinFiles


def files_of_job(
    robot_id: RobotId, job: Job | None, held: HeldJob | None, parcel: Parcel | None
) -> frozenset[str]:
    """The files that one job needs on this robot, by sha256."""
    refs: list[FileRef] = []
    if held is not None:
        refs += [*held.spec.inputs, *held.outputs]
    if parcel is not None:
        refs += parcel.refs
    if job is not None:
        mine = job.origin == robot_id
        if mine and not job.ended:
            refs += [*job.spec.files, *job.outputs]  # a pipeline has what its stages made
        kept = mine and not job.output_dir
        waits = not job.delivered and robot_id in (job.origin, job.outputs_at)
        if job.phase is JobPhase.DONE and (kept or waits):
            refs += job.outputs
    return frozenset(ref.sha256 for ref in refs)


@dataclass
class Custody:
    """Before the sweep nothing is discarded: a job of a former life may need it unaccounted."""

    robot_id: RobotId
    references: References = field(default_factory=References)
    swept: bool = False
    unsettled: dict[str, int] = field(default_factory=dict)  # job -> token; holds up the sweep

    def requested(self, request_id: int, refs: Sequence[FileRef]) -> None:
        """Inputs of a submission that is on its way into the log."""
        self.references.keep(f'request {request_id}', (ref.sha256 for ref in refs))

    def request_settled(self, request_id: int, refs: Sequence[FileRef]) -> list[FileEffect]:
        """The log has decided; what it accepted is accounted for by its job from here on."""
        self.references.keep(f'request {request_id}', ())
        return self.accounted(refs)

    def account(
        self, job_id: str, job: Job | None, held: HeldJob | None, parcel: Parcel | None
    ) -> list[FileEffect]:
        """Recompute what a job needs here; let go of what only it needed."""
        return self._discard(
            self.references.keep(job_id, files_of_job(self.robot_id, job, held, parcel))
        )

    def accounted(self, refs: Sequence[FileRef]) -> list[FileEffect]:
        """Files that were pinned when they were stored have their place now, or have none."""
        if not refs:
            return []
        unneeded = {ref.sha256 for ref in refs if not self.references.needed(ref.sha256)}
        return [
            UnpinFiles(tuple(ref.sha256 for ref in refs)),
            *self._discard(sorted(unneeded)),
        ]

    def caught_up(self, state: ReplicatedState) -> None:
        self.unsettled = {
            job.job_id: job.token for job in state.held_jobs() if job.origin == self.robot_id
        }

    def sweep(self, state: ReplicatedState, incarnation: int) -> list[FileEffect]:
        """Let go of what a former life left, once the log can no longer call for any of it.

        Two things may still come: a submission of that life, until the log has a command of this
        one; and a completion whose outputs that life said it had stored.
        """
        if self.swept:
            return []
        for job_id, token in list(self.unsettled.items()):
            job = state.jobs.get(job_id)
            if job is None or not job.held or job.token != token:
                del self.unsettled[job_id]
        session = state.sessions.get(self.robot_id)
        known = session is not None and session.incarnation >= incarnation
        if not known or self.unsettled:
            return []
        self.swept = True
        return [SweepFiles(frozenset(self.references.users))]

    def _discard(self, freed: Iterable[str]) -> list[FileEffect]:
        return [DiscardFile(sha256) for sha256 in freed] if self.swept else []
