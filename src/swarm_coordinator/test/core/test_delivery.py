# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Outputs come home once, and are put in place only for the accepted completion."""

from __future__ import annotations

import pytest
from coordinator_samples import R1, R2, R3, AppliedLog, log_with_robots, ref, spec

from swarm_coordinator.core.delivery import (
    RETRY_NS,
    DeliveredTag,
    Delivery,
    FetchOutputs,
    ForgetOutputs,
    PlaceOutputs,
    TellStored,
)
from swarm_coordinator.core.replicated.command import CancelJob, CompleteJob, DeliverOutputs
from swarm_coordinator.core.worker import Propose

OUT = (ref('out', 'b'),)


def held(output_dir: str = '/home/ada') -> tuple[AppliedLog, int]:
    log = log_with_robots()
    log.submit('j1', spec(outputs=('out',)), output_dir)
    return log, log.grant(R2)


def finish(log: AppliedLog, token: int, at: str) -> None:
    assert not log.do(CompleteJob('j1', token, 1, OUT, at)).refused  # type: ignore[arg-type]


def test_offered_outputs_are_fetched_told_and_placed_only_when_the_log_agrees() -> None:
    log, token = held()
    subject = Delivery(R1)
    assert subject.offered('j1', 1, token, OUT, R2) == [FetchOutputs('j1', token, OUT, R2)]
    assert subject.offered('j1', 1, token, OUT, R2) == [], 'they are on their way'
    assert subject.fetched('j1', token) == [TellStored('j1', 1, token, R2)]
    assert subject.offered('j1', 1, token, OUT, R2) == [TellStored('j1', 1, token, R2)]
    assert subject.job_changed(log.job(), 0) == [], 'not accepted yet'
    finish(log, token, R1)
    place = PlaceOutputs('j1', token, OUT, '/home/ada')
    assert subject.job_changed(log.job(), 0) == [place]
    assert subject.job_changed(log.job(), 0) == [], 'placed once'


def test_outputs_of_a_former_attempt_are_never_placed() -> None:
    log, token = held()
    subject = Delivery(R1)
    subject.offered('j1', 1, token, OUT, R2)
    later = (ref('out', 'c'),)
    assert subject.offered('j1', 2, token + 5, later, R3) == [
        ForgetOutputs('j1', token), FetchOutputs('j1', token + 5, later, R3)
    ]
    assert subject.fetched('j1', token) == []
    assert subject.offered('j1', 1, token, OUT, R2) == [], 'an older offer is ignored'
    assert subject.parcels['j1'].refs == later


def test_accepted_outputs_of_another_token_than_the_fetched_ones_are_fetched() -> None:
    log, token = held()
    subject = Delivery(R1)
    subject.offered('j1', 1, token - 1, (ref('out', 'c'),), R3)
    subject.fetched('j1', token - 1)
    finish(log, token, R2)
    assert subject.job_changed(log.job(), 0) == [FetchOutputs('j1', token, OUT, R2)]
    assert subject.fetched('j1', token) == [PlaceOutputs('j1', token, OUT, '/home/ada')]


def test_outputs_that_are_here_already_are_placed_without_a_fetch() -> None:
    log, token = held()
    finish(log, token, R1)
    assert Delivery(R1).job_changed(log.job(), 0) == [
        PlaceOutputs('j1', token, OUT, '/home/ada')
    ]


def test_jobs_of_others_are_not_our_business() -> None:
    log, token = held()
    finish(log, token, R2)
    assert Delivery(R3).job_changed(log.job(), 0) == []


def test_failed_fetch_is_tried_again_after_a_rest() -> None:
    subject = Delivery(R1)
    subject.offered('j1', 1, 5, OUT, R2)
    assert subject.tick(10 * RETRY_NS) == [], 'it is under way'
    subject.fetch_failed('j1', 5, 1000)
    assert subject.tick(1000 + RETRY_NS - 1) == []
    assert subject.tick(1000 + RETRY_NS) == [FetchOutputs('j1', 5, OUT, R2)]
    assert subject.tick(1000 + RETRY_NS) == []


@pytest.mark.parametrize('problem', ['', 'disk full'])
def test_placing_is_said_to_the_log_until_it_has_it(problem: str) -> None:
    log, token = held()
    subject = Delivery(R1)
    finish(log, token, R1)
    [place] = subject.job_changed(log.job(), 0)
    [told] = subject.placed('j1', token, problem)
    assert isinstance(told, Propose)
    assert told.command == DeliverOutputs('j1', token, problem)
    assert subject.placed('j1', token + 1, '') == []
    assert subject.settled(told.tag, timed_out=False) == []
    assert subject.settled(told.tag, timed_out=True) == [place]
    log.do(told.command)
    subject.job_changed(log.job(), 0)
    assert not subject.parcels
    assert subject.settled(DeliveredTag('j1'), timed_out=True) == []


def test_cancelled_job_lets_its_parcel_go() -> None:
    log, token = held()
    subject = Delivery(R1)
    subject.offered('j1', 1, token, OUT, R2)
    log.do(CancelJob('j1', 'x'))
    subject.job_changed(log.job(), 0)
    assert not subject.parcels and subject.fetched('j1', token) == []


def test_outputs_that_only_the_worker_has_come_home_even_without_a_folder_to_put_them_in() -> None:
    """The origin was lost when the job ended: nobody asked for a folder, but the outputs are its
    own all the same."""
    log, token = held(output_dir='')
    finish(log, token, R2)
    assert not log.job().delivered
    subject = Delivery(R1)
    assert subject.job_changed(log.job(), 0) == [FetchOutputs('j1', token, OUT, R2)]
    [told] = subject.fetched('j1', token)
    assert isinstance(told, Propose) and told.command == DeliverOutputs('j1', token, '')
    log.do(told.command)
    assert log.job().delivered and subject.job_changed(log.job(), 0) == []
    assert not subject.parcels


def test_offered_outputs_without_a_folder_are_not_said_to_be_delivered_before_the_log_agrees(
) -> None:
    subject = Delivery(R1)
    subject.offered('j1', 1, 5, OUT, R2)
    assert subject.fetched('j1', 5) == [TellStored('j1', 1, 5, R2)]


def test_fetch_of_the_outputs_of_a_cancelled_job_is_forgotten() -> None:
    log, token = held()
    subject = Delivery(R1)
    subject.offered('j1', 1, token, OUT, R2)
    log.do(CancelJob('j1', 'enough'))
    assert subject.job_changed(log.job(), 0) == [ForgetOutputs('j1', token)]
    assert subject.job_changed(log.job(), 0) == [] and not subject.parcels


def test_outputs_that_have_come_need_not_be_forgotten() -> None:
    log, token = held()
    subject = Delivery(R1)
    subject.offered('j1', 1, token, OUT, R2)
    subject.fetched('j1', token)
    log.do(CancelJob('j1', 'enough'))
    assert subject.job_changed(log.job(), 0) == []


def test_outputs_of_a_job_that_the_log_forgot_are_forgotten() -> None:
    subject = Delivery(R1)
    subject.offered('j1', 1, 5, OUT, R2)
    assert subject.only({'j1'}) == []
    assert subject.only(set()) == [ForgetOutputs('j1', 5)]
