# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the measurements beside peers make of their samples, without running any peer."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from bench import commit, failover, peers, run, wire
from bench._contestants import Failover, first_put
from bench._stages import STAGES, Note, Notes, stages
from bench.peers import Missing, available, etcd, pysyncobj
from bench.peers._etcd_load import is_whole


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setattr(peers, 'MISSING_SAID', set())


def test_missing_peers_are_named_with_the_command_that_installs_them(
    nothing_installed: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = available(etcd.check, lambda: pysyncobj.check(tmp_path / 'python'))
    said = capsys.readouterr().err
    assert found == [False, False]
    assert 'apt-get install etcd-server' in said
    assert 'pip install pysyncobj==0.3.14' in said


def test_missing_peer_is_said_once(
    nothing_installed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    available(etcd.check)
    available(etcd.check)
    assert capsys.readouterr().err.count('etcd-server') == 1


def test_environment_without_the_peer_counts_as_missing(tmp_path: Path) -> None:
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\nexit 1\n')
    python.chmod(0o755)
    with pytest.raises(Missing, match='PySyncObj'):
        pysyncobj.check(python)


def test_measurement_that_needs_a_missing_program_ends_with_its_command_and_exit_1(
    nothing_installed: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(['wire', '--quick'], tmp_path) == 1
    assert 'apt-get install nftables' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(('name', 'runs'), [('wire', '3'), ('failover', '-1')])
def test_runs_that_cannot_be_are_refused_with_exit_2(
    name: str, runs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main([name, '--runs', runs], tmp_path) == 2
    assert 'expected' in capsys.readouterr().err


def test_etcd_gets_the_profile_and_syncs_as_it_does_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd, 'check', lambda: 'etcd')
    cluster = etcd.Etcd(tmp_path, 3, 100, 1000)
    cluster.ports = {name: (1, 2) for name in cluster.names}
    arguments = cluster.arguments('n2')
    assert arguments[arguments.index('--heartbeat-interval') + 1] == '100'
    assert arguments[arguments.index('--election-timeout') + 1] == '1000'
    assert '--unsafe-no-fsync' not in arguments


def test_value_is_put_as_the_gateway_wants_it() -> None:
    body = json.loads(etcd.put_body('key', 'value'))
    assert base64.b64decode(body['value']) == b'value'


@pytest.mark.parametrize(
    ('answer', 'whole'),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Le', False),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{}', False),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', True),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n', False),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n', True),
    ],
)
def test_answer_that_comes_in_pieces_is_waited_for(answer: bytes, whole: bool) -> None:
    assert is_whole(answer) is whole


def test_answer_that_is_an_error_is_no_committed_write() -> None:
    with pytest.raises(OSError, match='503'):
        is_whole(b'HTTP/1.1 503 Service Unavailable\r\n\r\n')


def test_failover_ends_with_the_first_write_that_is_committed_at_any_survivor() -> None:
    asked: list[str] = []

    async def put(name: str) -> bool:
        asked.append(name)
        if name == 'a':
            await asyncio.Event().wait()  # sent on to the dead leader: never answered
        return len(asked) >= 4

    asyncio.run(first_put(put, ['a', 'b']))
    assert asked == ['a', 'b', 'a', 'b']


def failovers(*committed_ms: float) -> list[Failover]:
    return [Failover(one, one + 10) for one in committed_ms]


def test_failover_is_held_against_the_median_of_each_peer_and_the_limit_of_the_tail() -> None:
    samples = {'ours': failovers(5, 6, 7), 'etcd': failovers(8, 9, 4), 'other': failovers(1)}
    rows = failover.rows_of('label', samples, p99_ms=6.5)
    medians = {one.peer_name: one for one in rows if one.what == 'label: median'}
    assert medians['etcd'].met is True and medians['etcd'].peer == 8
    assert medians['other'].met is False
    limits = [one for one in rows if one.what == 'label: p99' and one.target]
    assert [(one.ours, one.met) for one in limits] == [(7, False)]


def test_failover_without_peers_still_has_its_limit() -> None:
    rows = failover.rows_of('label', {'ours': failovers(5, 6, 7)}, p99_ms=1000)
    assert [one.met for one in rows if one.target] == [True]
    assert any('all survivors agree' in one.what and one.ours == 16 for one in rows)


COMMANDS = {f'{one} 1': [2.0, 3.0] for one in ('inside', 'service', 'service of a follower')}
RATES = {f'{one} {n}': [100.0] for one in ('inside', 'service') for n in commit.CLIENTS}


def test_latency_is_held_against_two_fsyncs_of_the_same_run() -> None:
    rows = commit._latency_rows({**COMMANDS, 'fsync': [0.5], 'etcd 1': [1.0]})
    inside = next(one for one in rows if one.what == 'one command, inside: p50')
    assert inside.target == 2 * 0.5 + commit.LIMIT_MS
    assert inside.ratio == 2.5


def test_rate_is_held_against_a_quarter_of_the_peers_and_lost_requests_are_shown() -> None:
    lost = {f'lost {clients}': [0.0] for clients in commit.CLIENTS} | {'lost 32': [22.0]}
    rates = {**RATES, **lost, **{f'etcd {clients}': [500.0] for clients in commit.CLIENTS}}
    rows = commit._rate_rows(rates)
    assert {one.target for one in rows if one.peer} == {125.0}
    assert [one.ours for one in rows if 'lost' in one.what] == [22.0]


def test_without_etcd_nothing_is_promised_of_the_rate() -> None:
    lost = {f'lost {clients}': [0.0] for clients in commit.CLIENTS}
    assert all(one.met is None and one.peer is None for one in commit._rate_rows(RATES | lost))


def counted(robots: int, rate: float) -> dict[str, object]:
    each = {f'r{number}': rate for number in range(robots)}
    return {'sent': each, 'heard': each, 'discovery': 30.0, 'user': 60.0, 'cpu_ms': each,
            'messages': each, 'beacon_bytes': 232}


@pytest.mark.parametrize(('rate', 'met'), [(10.0, True), (20.0, False)])
def test_beacons_that_grow_with_the_swarm_miss_the_target(rate: float, met: bool) -> None:
    rows = wire.rows_of(5, counted(5, rate), 3, counted(3, 10.0))
    assert rows[0].what.startswith('5 robots: messages') and rows[0].met is met


COMMIT = [
    ('r1', 0, 'Load._post', 1, ''),
    ('r1', 2, 'Coordinator.handle', 1, 'Request(ClearOverride)'),
    ('r1', 4, 'LogStore.save', 2, 'NoneType'),
    ('r1', 6, 'Transport.send_raft', 1, 'Append'),
    ('r2', 8, 'Transport._on_raft', 1, 'Append<r1'),
    ('r2', 9, 'LogStore.save', 3, 'NoneType'),
    ('r2', 12, 'Transport.send_raft', 1, 'AppendReply'),
    ('r1', 14, 'Transport._on_raft', 1, 'AppendReply<r2'),
    ('r1', 16, 'Load._answered', 1, 'Answer(1)'),
]


def notes(lines: list[tuple[str, int, str, int, str]]) -> dict[str, Notes]:
    """Times in milliseconds."""
    return {
        robot: Notes([Note(at * 10**6, what, took * 10**6, about)
                      for one, at, what, took, about in lines if one == robot])
        for robot in ('r1', 'r2')
    }


def test_stages_of_a_commit_add_up_to_the_whole() -> None:
    (found,) = stages('r1', notes(COMMIT))
    assert found == (2, 1, 3, 1, 1, 1, 3, 1, 1, 2)
    assert len(found) == len(STAGES) and sum(found) == 16


@pytest.mark.parametrize('missing', range(1, len(COMMIT)))
def test_command_with_a_missing_note_is_left_out(missing: int) -> None:
    assert stages('r1', notes(COMMIT[:missing] + COMMIT[missing + 1:])) == []


def test_line_that_was_cut_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / 'trace'
    file.write_text('[1, "LogStore.save", 2, ""]\n[3, "LogStore.sa')
    assert Notes.read(file).all('LogStore.save') == [Note(1, 'LogStore.save', 2, '')]
