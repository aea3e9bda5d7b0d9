# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The programs of jobs as the runner of a robot starts them: its environment, limits and files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cage_bench import need
from job_peers import peer
from runner_bench import Bench

from swarm_coordinator.core.jobs.kinds.call_kind import CallWork
from swarm_coordinator.core.jobs.kinds.encode_kind import EncodeWork
from swarm_coordinator.core.jobs.kinds.record_kind import RecordWork
from swarm_coordinator.core.jobs.spec import JobSpec
from swarm_coordinator.ros.jobs.offers import encode_offers, probed_encoders
from swarm_coordinator.runner.cage import CagePolicy
from swarm_coordinator.runner.job_runner import RunnerSetup


@pytest.fixture(params=['none', 'bubblewrap'])
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param != 'none':
        need(request.param, tmp_path)
    cage = CagePolicy(request.param, hidden=(str(tmp_path),))
    made = Bench(tmp_path, setup=RunnerSetup(namespace='/r3', cage=cage))
    yield made
    made.close()


def test_recording_becomes_an_output_in_the_store(bench: Bench) -> None:
    mcap = pytest.importorskip('mcap.reader', reason='missing: mcap')
    with peer('talk', '/r3'):
        end = bench.run(JobSpec(RecordWork(('chat',), messages_max=5), outputs=('a.mcap',)))
    assert (end.exit_code, end.reason) == (0, '')
    assert json.loads(end.result)['messages'] == 5
    with open(bench.store.path(end.outputs[0].sha256), 'rb') as file:
        assert len(list(mcap.make_reader(file, validate_crcs=True).iter_messages())) == 5


def test_response_of_a_service_becomes_the_result(bench: Bench) -> None:
    pytest.importorskip('std_srvs', reason='missing: std_srvs')
    with peer('serve', '/r3'):
        end = bench.run(CallWork('go', 'std_srvs/srv/Trigger'))
    assert (end.exit_code, end.reason) == (0, '')
    assert json.loads(end.result) == {'success': True, 'message': 'went'}


def test_failure_is_told_in_one_sentence(bench: Bench) -> None:
    end = bench.run(CallWork('go', 'no_such/srv/Go'))
    assert end.exit_code == 1 and end.result == ''
    assert end.reason.endswith('no_such is not installed on this robot, or has no srv')


def test_media_file_is_encoded_by_what_the_robot_offers(bench: Bench, tmp_path: Path) -> None:
    if shutil.which('ffmpeg') is None:
        pytest.skip('missing: ffmpeg (apt-get install ffmpeg)')
    offered = {one.name for one in encode_offers(probed_encoders(str(tmp_path)))}
    assert 'encode:flac' in offered
    wave = _wave()
    source = tmp_path / 'a.wav'
    source.write_bytes(wave)
    given = bench.store.add_file(source, 'a.wav')
    end = bench.run(JobSpec(EncodeWork('flac'), inputs=(given,), outputs=('a.flac',)))
    assert (end.exit_code, end.reason) == (0, '')
    assert bench.store.path(end.outputs[0].sha256).read_bytes()[:4] == b'fLaC'


def _wave() -> bytes:
    """A tenth of a second of 8 kHz mono, 16 bit."""
    sound = b'\0\1' * 800
    head = b'RIFF' + (36 + len(sound)).to_bytes(4, 'little') + b'WAVEfmt '
    form = b''.join(
        number.to_bytes(size, 'little')
        for number, size in ((16, 4), (1, 2), (1, 2), (8000, 4), (16000, 4), (2, 2), (16, 2))
    )
    return head + form + b'data' + len(sound).to_bytes(4, 'little') + sound
