# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Calls of real services and actions in another process: their end, however it comes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_peers import peer
from job_programs import CALL, PATIENT_CALL, SIGTERM, document, run, start

pytest.importorskip('std_srvs', reason='missing: std_srvs')

TRIGGER = 'std_srvs/srv/Trigger'
DRIVE = 'swarm_msgs/action/RunJob'


@pytest.fixture(scope='module')
def server() -> Iterator[subprocess.Popen[str]]:
    with peer('serve') as process:
        yield process


def wish(name: str, kind: str, request: Any = None, **more: Any) -> bytes:
    text = '' if request is None else json.dumps(request)
    return document({'name': name, 'interface_type': kind, 'request': text}, **more)


def alone(what: bytes) -> bytes:
    """The same in another namespace, where no other server has these names."""
    return what.replace(b'"/r1"', b'"/r2"')


def drive(**goal: Any) -> bytes:
    return wish('drive', DRIVE, goal, job_id='r1-1-7')


@pytest.mark.usefixtures('server')
class TestWithAServer:
    def test_service_answers_below_the_namespace_and_by_its_full_name(
        self, tmp_path: Path
    ) -> None:
        for name in ('go', '/r1/go'):
            ended = run(CALL, tmp_path, wish(name, TRIGGER))
            assert ended.code == 0
            assert ended.result == {'success': True, 'message': 'went'}

    def test_goal_succeeds_and_its_feedback_is_progress(self, tmp_path: Path) -> None:
        ended = run(CALL, tmp_path, drive(idempotency_key='30'))
        assert ended.code == 0
        assert ended.fractions == sorted(ended.fractions) and len(ended.fractions) >= 2
        assert any('reason step' in line for line in ended.progress)

    def test_goal_has_the_same_id_for_one_attempt_and_another_for_the_next(
        self, tmp_path: Path
    ) -> None:
        ids = [
            run(CALL, tmp_path, drive(idempotency_key='1'), SWARM_TOKEN=token).result['reason']
            for token in ('5', '6')
        ]
        assert len(set(ids)) == 2
        # It still knows that goal, and does not take it twice.
        again = run(CALL, tmp_path, drive(idempotency_key='1'), SWARM_TOKEN='5')
        assert again.code == 1 and 'refused the goal' in again.sentence

    def test_ending_the_job_cancels_the_goal(
        self, tmp_path: Path, server: subprocess.Popen[str]
    ) -> None:
        program = start(
            PATIENT_CALL, tmp_path, drive(idempotency_key='2000'), SWARM_TOKEN='10'
        )
        program.saw('progress')
        ended = program.end(SIGTERM)
        assert (ended.code, ended.result) == (143, None)
        assert 'the goal is cancelled' in ended.sentence
        assert server.stdout is not None and server.stdout.readline().strip() == 'cancelled'

    def test_server_that_does_not_cancel_holds_the_job_two_seconds_at_most(
        self, tmp_path: Path
    ) -> None:
        wanted = drive(idempotency_key='600', output_dir='stubborn')
        program = start(CALL, tmp_path, wanted, SWARM_TOKEN='11')
        program.saw('progress')
        ended = program.end(SIGTERM)
        assert ended.code == 143 and 'did not agree to cancel' in ended.sentence

    def test_goal_that_is_refused_or_aborted_fails_with_what_the_server_said(
        self, tmp_path: Path
    ) -> None:
        refused = run(CALL, tmp_path, drive(output_dir='refuse'), SWARM_TOKEN='12')
        assert refused.code == 1 and '/r1/drive refused the goal' in refused.said
        aborted = run(CALL, tmp_path, drive(idempotency_key='abort'), SWARM_TOKEN='13')
        assert aborted.code == 1 and 'no path' in aborted.said

    def test_long_response_is_shortened_in_the_result_and_whole_in_the_output(
        self, tmp_path: Path
    ) -> None:
        goal = {'idempotency_key': '1', 'output_dir': 'long'}
        wanted = wish('drive', DRIVE, goal, outputs=['answer.json'])
        ended = run(CALL, tmp_path, wanted, SWARM_TOKEN='14')
        assert ended.code == 0
        assert ended.result['response_bytes'] > 20_000 and 'reason' not in ended.result['kept']
        assert ended.result['kept']['code'] == 0
        whole = json.loads((tmp_path / 'answer.json').read_bytes())
        assert whole['reason'] == 'x' * 20_000

    def test_ending_a_service_call_says_that_it_may_still_act(self, tmp_path: Path) -> None:
        program = start(CALL, tmp_path, wish('stuck', 'std_srvs/srv/SetBool', {'data': True}))
        program.saw('called')
        ended = program.end(SIGTERM)
        assert ended.code == 143 and 'may still act' in ended.sentence

    def test_service_that_nobody_offers_fails_and_says_which_there_are(
        self, tmp_path: Path
    ) -> None:
        ended = run(CALL, tmp_path, wish('gone', TRIGGER))
        assert ended.code == 1
        assert 'nobody offers the service /r1/gone within 10 s' in ended.sentence
        assert 'of this type there are: /r1/go' in ended.sentence

    @pytest.mark.parametrize(('request_', 'said'), [
        ({'speed': 1}, "no field 'speed': expected one of credential, spec, "),
        ({'output_dir': 5}, 'output_dir=5: expected a text'),
        ({'spec': {'priority': 40_000}}, 'spec.priority=40000: expected a whole number -32768'),
        ({'spec': {'inputs': [{'name': 'x', 'size': -1}]}}, 'spec.inputs[0]'),
    ])
    def test_request_that_does_not_fit_is_refused_by_the_name_of_the_field(
        self, tmp_path: Path, request_: Any, said: str
    ) -> None:
        ended = run(CALL, tmp_path, wish('drive', DRIVE, request_))
        assert ended.code == 2 and said in ended.sentence


@pytest.mark.slow
def test_server_that_dies_fails_the_jobs_that_wait_for_it(tmp_path: Path) -> None:
    with peer('serve', '/r2'):
        programs = [
            start(CALL, tmp_path, alone(what)) for what in (
                wish('stuck', 'std_srvs/srv/SetBool', {'data': True}),
                drive(idempotency_key='2000'),
            )
        ]
        programs[0].saw('called')
        programs[1].saw('progress')
    for program in programs:  # killed: DDS notices after a lease of 20 s
        ended = program.end()
        assert ended.code == 1 and 'went away' in ended.sentence


@pytest.mark.slow
def test_server_that_was_restarted_does_not_hold_the_job_for_ever(tmp_path: Path) -> None:
    with peer('serve', '/r2'):
        program = start(CALL, tmp_path, alone(drive(idempotency_key='2000')))
        program.saw('progress')
    with peer('serve', '/r2'):
        ended = program.end()
    assert ended.code == 1
    assert 'does not know the goal any more' in ended.sentence or 'went away' in ended.sentence


@pytest.mark.parametrize(('kind', 'said'), [
    ('no_such/srv/Trigger', 'no_such is not installed'),
    ('std_srvs/srv/Nothing', 'it has: Empty, SetBool, Trigger'),
    ('std_srvs/action/Trigger', 'has no action'),
    ('json/srv/Trigger', 'json is not installed on this robot, or has no srv'),
])
def test_type_that_cannot_be_used_is_named(tmp_path: Path, kind: str, said: str) -> None:
    ended = run(CALL, tmp_path, wish('go', kind))
    assert ended.code == 1 and said in ended.sentence


def test_job_that_is_ended_while_python_starts_leaves_no_traceback(tmp_path: Path) -> None:
    program = start(CALL, tmp_path, wish('gone', TRIGGER))
    program.saw('waiting')
    ended = program.end(SIGTERM)
    assert (ended.code, ended.sentence) == (143, 'ended as asked')
