# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs, their routes and their offers between the core's types and messages.

Refuses what cannot be meant with a ValueError that says what was expected.
"""

import time
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from swarm_msgs import msg

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs import masking
from swarm_coordinator.core.jobs.costs import Estimate, RouteAdvice
from swarm_coordinator.core.jobs.job import ENDED_PHASES, Job, JobPhase
from swarm_coordinator.core.jobs.kinds import JOB_KINDS
from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed, PipelineWork, Stage
from swarm_coordinator.core.jobs.offers import AnswerOffer, AskOffer, Offer, OfferAsked, OfferHeard
from swarm_coordinator.core.jobs.route_table import RouteNow
from swarm_coordinator.core.jobs.routes import ROUTES_MAX, RouteCandidate
from swarm_coordinator.core.jobs.spec import (
    ATTEMPTS_MAX_DEFAULT,
    RETRY_DELAY_MS_DEFAULT,
    Effects,
    FileRef,
    JobSpec,
)
from swarm_coordinator.core.jobs.work import Work
from swarm_coordinator.ros.conversions import UINT8_MAX, UINT32_MAX, pairs_to_msg

OFFER_JOBS_MAX = 64  # of one question
NAME_CHARS_MAX = 256  # of a task or a compute unit
REASON_CHARS_MAX = 120  # of why a learner keeps a route out
OFFER_CHARS_MAX = 200  # of a refusal

PHASE_TO_MSG = {
    JobPhase.SUBMITTED: msg.JobStatus.PHASE_SUBMITTED,
    JobPhase.LEASED: msg.JobStatus.PHASE_LEASED,
    JobPhase.RUNNING: msg.JobStatus.PHASE_RUNNING,
    JobPhase.DONE: msg.JobStatus.PHASE_DONE,
    JobPhase.FAILED: msg.JobStatus.PHASE_FAILED,
    JobPhase.EXPIRED: msg.JobStatus.PHASE_EXPIRED,
    JobPhase.CANCELLED: msg.JobStatus.PHASE_CANCELLED,
    JobPhase.QUARANTINED: msg.JobStatus.PHASE_QUARANTINED,
}
PHASE_FROM_MSG = {value: phase for phase, value in PHASE_TO_MSG.items()}
EFFECTS_TO_MSG = {
    Effects.NONE: msg.JobSpec.EFFECTS_NONE,
    Effects.IDEMPOTENT: msg.JobSpec.EFFECTS_IDEMPOTENT,
    Effects.FENCED: msg.JobSpec.EFFECTS_FENCED,
    Effects.ONCE: msg.JobSpec.EFFECTS_ONCE,
}
EFFECTS_FROM_MSG = {value: effects for effects, value in EFFECTS_TO_MSG.items()}
OUTCOME_TO_MSG = {
    'done': msg.JobOutcome.OUTCOME_DONE,
    'failed': msg.JobOutcome.OUTCOME_FAILED,
    'timed_out': msg.JobOutcome.OUTCOME_TIMED_OUT,
    'lease_expired': msg.JobOutcome.OUTCOME_LEASE_EXPIRED,
    'cancelled': msg.JobOutcome.OUTCOME_CANCELLED,
    'refused': msg.JobOutcome.OUTCOME_REFUSED,
    'stolen': msg.JobOutcome.OUTCOME_STOLEN,
}


def ref_to_msg(ref: FileRef) -> msg.FileRef:
    return msg.FileRef(
        name=ref.name, size_bytes=ref.size_bytes, sha256=list(bytes.fromhex(ref.sha256))
    )


def ref_from_msg(message: msg.FileRef) -> FileRef:
    return FileRef(message.name, message.size_bytes, bytes(message.sha256).hex())


def refs_from_msg(messages: Sequence[msg.FileRef]) -> tuple[FileRef, ...]:
    return tuple(ref_from_msg(message) for message in messages)


# Fields of JobSpec that have the same name, and mean the same, in its message.
_SPEC_FIELDS = (
    'timeout_ms', 'deadline_ms', 'attempts_max', 'retries', 'retry_delay_ms', 'priority',
    'memory_bytes', 'cpu_milli', 'file_bytes', 'battery_permille', 'compute_unit',
)


def spec_to_msg(spec: JobSpec) -> msg.JobSpec:
    """Stages of a pipeline are jobs of their own: they are not part of the message."""
    message = msg.JobSpec(
        kind=spec.kind,
        inputs=[ref_to_msg(ref) for ref in spec.inputs],
        outputs=list(spec.outputs),
        effects=EFFECTS_TO_MSG[spec.effects],
        requires=list(spec.requires),
        labels=list(spec.labels),
        **{name: getattr(spec, name) for name in _SPEC_FIELDS},
    )
    if not isinstance(spec.work, PipelineWork):
        setattr(message, spec.kind, [_work_to_msg(spec.work)])
    return message


def spec_from_msg(message: msg.JobSpec, stages: Sequence[msg.JobStage] = ()) -> JobSpec:
    """Raises ValueError for an enum that cannot be; JobSpec.check looks at the rest."""
    if message.effects not in EFFECTS_FROM_MSG:
        raise ValueError(f'effects={message.effects}: expected one of EFFECTS_* (0 to 3)')
    same = {name: getattr(message, name) for name in _SPEC_FIELDS}
    return JobSpec(
        work=_work_from_msg(message, stages),
        inputs=refs_from_msg(message.inputs),
        outputs=tuple(message.outputs),
        effects=EFFECTS_FROM_MSG[message.effects],
        requires=tuple(message.requires),
        labels=tuple(message.labels),
        **{
            **same,
            'attempts_max': message.attempts_max or ATTEMPTS_MAX_DEFAULT,
            'retry_delay_ms': message.retry_delay_ms or RETRY_DELAY_MS_DEFAULT,
        },
    )


def _work_to_msg(work: Work) -> Any:
    """The message of a kind has the name and the fields of its class."""
    made = getattr(msg, type(work).__name__)()
    for one in fields(work):  # type: ignore[arg-type]  # every kind is a dataclass
        value = getattr(work, one.name)
        if one.name == 'environment':
            value = pairs_to_msg(value)
        setattr(made, one.name, list(value) if isinstance(value, tuple) else value)
    return made


def _work_from_msg(message: msg.JobSpec, stages: Sequence[msg.JobStage]) -> Work:
    kind = JOB_KINDS.get(message.kind)
    if kind is None:
        raise ValueError(f'kind={message.kind[:40]!r}: expected one of {", ".join(JOB_KINDS)}')
    given = [name for name in JOB_KINDS if name != 'pipeline' and getattr(message, name)]
    if kind is PipelineWork:
        if given or not stages:
            raise ValueError("kind='pipeline': expected stages, and no field of another kind")
        return PipelineWork(tuple(_stage_from_msg(stage) for stage in stages))
    if given != [message.kind] or stages:
        raise ValueError(
            f'kind={message.kind!r}: expected the field {message.kind} with one item, and nothing '
            f'in {", ".join(name for name in JOB_KINDS if name != message.kind)}'
        )
    return _plain_work(kind, getattr(message, message.kind)[0])


def _plain_work(kind: type[Work], message: Any) -> Work:
    values: dict[str, Any] = {}
    for one in fields(kind):  # type: ignore[arg-type]
        value = getattr(message, one.name)
        if one.name == 'environment':
            values[one.name] = tuple((pair.key, pair.value) for pair in value)
        else:
            values[one.name] = value if isinstance(value, (str, int)) else tuple(value)
    return kind(**values)


def _stage_from_msg(message: msg.JobStage) -> Stage:
    try:
        spec = spec_from_msg(message.spec)
    except ValueError as error:
        raise ValueError(f'stage {message.name[:40]!r}: {error}') from None
    feeds = tuple(Feed(feed.stage, feed.output, feed.name) for feed in message.feeds)
    return Stage(message.name, spec, tuple(message.after), feeds)


def stage_to_msg(stage: Stage) -> msg.JobStage:
    return msg.JobStage(
        name=stage.name,
        spec=spec_to_msg(stage.spec),
        after=list(stage.after),
        feeds=[
            msg.StageFeed(stage=feed.stage, output=feed.output, name=feed.name)
            for feed in stage.feeds
        ],
    )


def candidate_to_msg(candidate: RouteCandidate) -> msg.RouteCandidate:
    return msg.RouteCandidate(
        robot_id=candidate.robot_id,
        compute_unit=candidate.unit,
        success_permille=candidate.success_permille,
        lost=candidate.lost,
        **{
            name: min(getattr(candidate, name), UINT32_MAX)
            for name in ('backlog_ms', 'work_ms', 'transfer_ms', 'cost_ms')
        },
    )


def shown_spec(spec: JobSpec) -> msg.JobSpec:
    """For whoever looks, without the secrets in it."""
    message = spec_to_msg(spec)
    for work in message.exec:
        for pair in work.environment:
            pair.value = masking.shown(pair.key, pair.value)
    return message


def job_to_msg(job: Job, blocked: str = '') -> msg.JobStatus:
    """As views have it. `blocked`: why a waiting job waits, as its leader sees it."""
    return msg.JobStatus(
        job_id=job.job_id,
        origin=job.origin,
        spec=shown_spec(job.spec),
        phase=PHASE_TO_MSG[job.phase],
        attempt=min(job.attempt, UINT8_MAX),  # robots may hand a job back without end
        token=job.token,
        robot_id=job.robot_id or '',
        compute_unit=job.unit,
        parent=job.parent,
        progress_permille=job.progress_permille,
        progress_text=job.progress_text,
        exit_code=msg.JobStatus.NO_EXIT_CODE if job.exit_code is None else job.exit_code,
        outputs=[ref_to_msg(ref) for ref in job.outputs],
        result=job.result,
        outputs_delivered=job.phase is JobPhase.DONE and job.delivered,
        reason=job.reason or (blocked if job.phase is JobPhase.SUBMITTED else ''),
        submitted_ns=job.submitted_ns,
        changed_ns=job.changed_ns,
        run_ms=job.run_ms,
        failures=min(job.failures, UINT8_MAX),
        losses=min(job.losses, UINT8_MAX),
        moves=min(job.moves, UINT8_MAX),
        not_before_ns=job.not_before_ns,
        deadline_ns=job.deadline_ns,
    )


def is_settled(status: msg.JobStatus) -> bool:
    """The job has ended, and where it is done its outputs are where they belong."""
    phase = PHASE_FROM_MSG[status.phase]
    return phase in ENDED_PHASES and (phase is not JobPhase.DONE or status.outputs_delivered)


def question_to_msg(ask: AskOffer) -> msg.JobOffer:
    return msg.JobOffer(request=ask.request, job_ids=list(ask.job_ids))


def offer_to_msg(answer: AnswerOffer) -> msg.JobOffer:
    offer, unknown = answer.offer, msg.JobOffer.UNKNOWN_MS
    return msg.JobOffer(
        request=answer.request,
        is_answer=True,
        job_ids=list(offer.job_ids),
        backlog_ms=min(offer.backlog_ms, unknown - 1),
        transfer_ms=[unknown if ms is None else min(ms, unknown - 1) for ms in offer.transfer_ms],
        refused=list(offer.refused),
    )


def offer_from_msg(message: msg.JobOffer, sender: RobotId) -> OfferAsked | OfferHeard:
    """Raises ValueError for too many jobs, and for an answer whose lists do not fit."""
    if len(message.job_ids) > OFFER_JOBS_MAX:
        raise ValueError(f'{len(message.job_ids)} jobs in one question: at most {OFFER_JOBS_MAX}')
    job_ids = tuple(str(one) for one in message.job_ids)
    if not message.is_answer:
        return OfferAsked(sender, message.request, job_ids)
    unknown = msg.JobOffer.UNKNOWN_MS
    transfers = tuple(None if ms == unknown else int(ms) for ms in message.transfer_ms)
    refused = tuple(str(why)[:OFFER_CHARS_MAX] for why in message.refused)
    offer = Offer(message.backlog_ms, job_ids, transfers, refused)
    return OfferHeard(sender, message.request, offer)


def route_advice_from_msg(message: msg.Advice) -> RouteAdvice | None:
    """What a learner expects of the routes, for as long as it says; None: it says nothing.
    Figures that cannot be are left out."""
    routes = {
        (one.task[:NAME_CHARS_MAX], RobotId(one.robot_id), one.compute_unit[:NAME_CHARS_MAX]): (
            Estimate(
                round(one.work_ms), max(1, round(one.success * 1000)), one.samples,
                _quality_permille(one.quality), bool(one.ejected),
                str(one.reason)[:REASON_CHARS_MAX],
            )
        )
        for one in message.routes[:ROUTES_MAX]
        if 0 <= one.work_ms <= UINT32_MAX and 0 <= one.success <= 1 and 0 <= one.quality <= 1
    }
    if not routes:
        return None
    return RouteAdvice(routes, time.monotonic_ns() + message.valid_ms * 1_000_000)


def _quality_permille(quality: float) -> int:
    """A field that was left alone is 0, and must not ban a robot."""
    return max(1, round(quality * 1000)) if quality > 0 else 1000


def route_to_msg(route: RouteNow) -> msg.RouteStatistics:
    stats = route.stats
    return msg.RouteStatistics(
        task=route.task,
        robot_id=route.robot_id,
        compute_unit=route.unit,
        success=route.success,
        **{
            name: min(value, UINT32_MAX)
            for name, value in (
                ('jobs_done', stats.done),
                ('jobs_failed', stats.failed),
                ('jobs_lost', stats.lost),
                ('jobs_stolen', stats.stolen),
                ('mean_ms', stats.mean_ms()),
                ('p95_ms', stats.p95_ms()),
                ('work_ms', route.work_ms),
                ('cost_ms', route.cost_ms),
            )
        },
    )
