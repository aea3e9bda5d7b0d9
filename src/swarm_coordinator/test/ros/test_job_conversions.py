# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs, routes and offers to messages and back, through the wire format."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from coordinator_samples import R1, R2, from_dataclass, log_with_robots, ref, spec
from hypothesis import given, settings

pytest.importorskip('rclpy', reason='needs ROS 2')

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from swarm_msgs import msg  # noqa: E402

from swarm_coordinator.core.jobs.costs import Estimate  # noqa: E402
from swarm_coordinator.core.jobs.job import Effects, JobPhase, JobSpec  # noqa: E402
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork  # noqa: E402
from swarm_coordinator.core.jobs.kinds.pipeline_kind import (  # noqa: E402
    Feed,
    PipelineWork,
    Stage,
)
from swarm_coordinator.core.jobs.masking import MASK  # noqa: E402
from swarm_coordinator.core.jobs.offers import (  # noqa: E402
    AnswerOffer,
    AskOffer,
    Offer,
    OfferAsked,
    OfferHeard,
)
from swarm_coordinator.core.jobs.route_table import RouteNow  # noqa: E402
from swarm_coordinator.core.jobs.routes import Route  # noqa: E402
from swarm_coordinator.core.jobs.work import Work  # noqa: E402
from swarm_coordinator.core.replicated.command import FailJob  # noqa: E402
from swarm_coordinator.ros import job_conversions as to  # noqa: E402


def through_the_wire(message: Any) -> Any:
    return deserialize_message(serialize_message(message), type(message))


NUMBERS = {
    'timeout_ms': 2**32, 'deadline_ms': 2**32, 'retries': 256, 'priority': 2**15,
    'memory_bytes': 2**64, 'cpu_milli': 2**32, 'file_bytes': 2**64, 'battery_permille': 2**16,
}


def sendable(what: JobSpec) -> bool:
    """Messages hold no zero bytes and no halves of characters."""
    return '\\x00' not in repr(what) and '\\ud' not in repr(what)


def unsigned(work: Work) -> Work:
    """Every number in the message of a kind is a uint32."""
    values = {one.name: getattr(work, one.name) for one in fields(work)}  # type: ignore[arg-type]
    kept = {name: value % 2**32 for name, value in values.items() if isinstance(value, int)}
    return replace(work, **kept)  # type: ignore[type-var]


@settings(max_examples=100, deadline=None)
@given(
    what=from_dataclass(JobSpec).filter(sendable).map(
        lambda spec: replace(
            spec,
            work=unsigned(spec.work),
            **{name: getattr(spec, name) % most for name, most in NUMBERS.items()},
            attempts_max=spec.attempts_max % 255 + 1,
            retry_delay_ms=spec.retry_delay_ms % 2**31 + 1,
            inputs=tuple(replace(ref, size_bytes=abs(ref.size_bytes)) for ref in spec.inputs),
        )
    )
)
def test_job_specs_survive_the_round_trip(what: JobSpec) -> None:
    assert to.spec_from_msg(through_the_wire(to.spec_to_msg(what))) == what


@pytest.mark.parametrize(
    ('message', 'expected'),
    [
        (msg.JobSpec(kind='shell'), "kind='shell': expected one of exec"),
        (msg.JobSpec(kind='exec'), 'expected the field exec with one item'),
        (msg.JobSpec(kind='exec', python=[msg.PythonWork()]), 'expected the field exec'),
        (
            msg.JobSpec(kind='exec', exec=[msg.ExecWork()], python=[msg.PythonWork()]),
            'nothing in python',
        ),
        (msg.JobSpec(kind='pipeline'), 'expected stages'),
    ],
)
def test_work_that_does_not_fit_its_kind_is_refused(message: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        to.spec_from_msg(message)


def test_stages_survive_the_round_trip() -> None:
    stage = Stage('b', spec(), ('a',), (Feed('a', 'o', 'in'),))
    message = msg.JobSpec(kind='pipeline')
    again = to.spec_from_msg(message, [through_the_wire(to.stage_to_msg(stage))])
    assert again.work == PipelineWork((stage,))


def test_zero_attempts_mean_the_default() -> None:
    assert to.spec_from_msg(msg.JobSpec(kind='exec', exec=[msg.ExecWork()])).attempts_max == 3


def test_questions_and_offers_survive_the_round_trip() -> None:
    ask = AskOffer(R2, 2**60, ('j1', 'j2'))
    heard = to.offer_from_msg(through_the_wire(to.question_to_msg(ask)), R1)
    assert heard == OfferAsked(R1, ask.request, ask.job_ids)
    offer = Offer(12, ('j1', 'j2'), (None, 7), ('', 'is stopped'))
    told = to.offer_from_msg(through_the_wire(to.offer_to_msg(AnswerOffer(R1, 9, offer))), R2)
    assert told == OfferHeard(R2, 9, offer)


@pytest.mark.parametrize(
    'message',
    [
        msg.JobOffer(job_ids=['j'] * (to.OFFER_JOBS_MAX + 1)),
        msg.JobOffer(is_answer=True, job_ids=['j1'], transfer_ms=[1, 2], refused=['']),
    ],
    ids=['too many jobs', 'lists of other lengths'],
)
def test_offer_that_cannot_be_is_a_value_error(message: Any) -> None:
    with pytest.raises(ValueError):
        to.offer_from_msg(message, R1)


def test_route_advice_leaves_out_what_cannot_be() -> None:
    good = msg.RouteCost(task='exec', robot_id='r1', success=0.5, work_ms=20.0, samples=3)
    wrong = [msg.RouteCost(success=2.0), msg.RouteCost(work_ms=-1.0), msg.RouteCost(
        success=float('nan'))]
    advice = to.route_advice_from_msg(msg.Advice(routes=[good, *wrong], valid_ms=1000))
    assert advice is not None and advice.routes == {('exec', 'r1', ''): Estimate(20, 500, 3)}
    assert to.route_advice_from_msg(msg.Advice(routes=wrong)) is None


def test_file_references_survive_the_round_trip() -> None:
    for one in (ref(), ref('ä/b', '0', 2**63 - 1)):
        assert to.ref_from_msg(through_the_wire(to.ref_to_msg(one))) == one
    assert to.refs_from_msg([to.ref_to_msg(ref())]) == (ref(),)


def test_job_is_shown_with_its_end_and_a_waiting_one_with_why_it_waits() -> None:
    log = log_with_robots()
    log.submit('j1', spec(inputs=(ref(),)))
    assert to.job_to_msg(log.job(), 'nobody can').reason == 'nobody can'
    shown = to.job_to_msg(log.job())
    assert (shown.robot_id, shown.attempt, shown.token) == ('', 0, 0)
    assert shown.exit_code == msg.JobStatus.NO_EXIT_CODE
    token = log.grant(R2)
    log.do(FailJob('j1', token, 42, 3, 'broke'))
    shown = through_the_wire(to.job_to_msg(log.job(), 'nobody can'))
    assert (shown.phase, shown.exit_code, shown.run_ms) == (msg.JobStatus.PHASE_FAILED, 3, 42)
    assert (shown.reason, shown.robot_id, shown.token) == ('broke', R2, token)
    assert to.spec_from_msg(shown.spec) == log.job().spec


def test_environment_values_with_the_names_of_secrets_are_not_shown() -> None:
    pairs = (('API_KEY', '4711'), ('db_password', 'x'), ('SECRET_', 'y'), ('LEVEL', '3'),
             ('EMPTY_TOKEN', ''))
    log = log_with_robots()
    log.submit('j1', replace(spec(), work=ExecWork(('xz',), pairs)))
    shown = {one.key: one.value for one in to.job_to_msg(log.job()).spec.exec[0].environment}
    assert shown == {'API_KEY': MASK, 'db_password': MASK, 'SECRET_': MASK, 'LEVEL': '3',
                     'EMPTY_TOKEN': ''}
    assert log.job().spec.work == ExecWork(('xz',), pairs), 'the job itself has them'


def test_outputs_are_shown_as_delivered_only_when_the_job_is_done() -> None:
    log = log_with_robots()
    log.submit('j1', spec(outputs=('o',)))
    token = log.grant()
    assert not to.job_to_msg(log.job()).outputs_delivered
    log.complete(token, outputs=(ref('o'),))
    assert to.job_to_msg(log.job()).outputs_delivered


def test_effects_that_cannot_be_are_a_value_error() -> None:
    with pytest.raises(ValueError, match='effects=9'):
        to.spec_from_msg(msg.JobSpec(kind='exec', effects=9))


def test_numbers_of_enums_are_those_of_the_messages() -> None:
    for phase in JobPhase:
        assert to.PHASE_TO_MSG[phase] == getattr(msg.JobStatus, f'PHASE_{phase.name}')
    assert set(to.PHASE_FROM_MSG.values()) == set(JobPhase)
    for effects in Effects:
        assert to.EFFECTS_TO_MSG[effects] == getattr(msg.JobSpec, f'EFFECTS_{effects.name}')


def test_route_is_shown_with_what_was_learnt_and_what_is_expected() -> None:
    stats = Route()
    for run_ms in (10, 20, 2**40):
        stats.note('done', run_ms)
    stats.note('failed', 0)
    route = RouteNow('exec:xz', R1, 'cpu0', stats, 0.75, 12, 2**50)
    shown = through_the_wire(to.route_to_msg(route))
    assert (shown.task, shown.robot_id, shown.compute_unit) == ('exec:xz', R1, 'cpu0')
    assert (shown.jobs_done, shown.jobs_failed, shown.jobs_lost, shown.success) == (3, 1, 0, 0.75)
    assert (shown.work_ms, shown.p95_ms, shown.cost_ms) == (12, 2**32 - 1, 2**32 - 1)
