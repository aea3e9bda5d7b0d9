# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What jobs printed: what is kept of it, how it is read, and what a bad disk does to it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_coordinator.runner import job_logs
from swarm_coordinator.runner.job_logs import BLOCK_BYTES, JobLogs, LogRead, LogWriter

LOG = logging.getLogger('test')
HEAD = SEGMENT = 1000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_logs, 'HEAD_BYTES', HEAD)
    monkeypatch.setattr(job_logs, 'SEGMENT_BYTES', SEGMENT)
    monkeypatch.setattr(job_logs, 'RETRY_BYTES', 100)


def logs_in(folder: Path, quota_bytes: int = 10**6) -> JobLogs:
    return JobLogs(folder / 'logs', quota_bytes, LOG)


def everything(logs: JobLogs, job_id: str, stream: str = 'stdout', step: int = 300) -> bytes:
    """As a reader goes on: from where the data before ended."""
    at, data = 0, b''
    while (read := logs.read(job_id, 1, stream, at, step)).data:
        data += read.data
        at = read.offset + len(read.data)
    return data


def numbered(count: int) -> bytes:
    return b''.join(b'%06d\n' % number for number in range(count))


def test_both_streams_are_kept_apart_and_can_be_read_while_the_job_runs(tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    out, err = logs.open('j', 1)
    assert logs.read('j', 1, 'stdout', 0, 100) == LogRead(b'', 0, False, 0, 0, True)
    out.write(b'abc')
    err.write(b'no')
    out.write(b'def')
    assert logs.read('j', 1, 'stdout', 2, 3) == LogRead(b'cde', 6, False, 2, 0, True)
    assert logs.read('j', 1, 'stderr', 0, 100) == LogRead(b'no', 2, False, 0, 0, True)
    logs.ended((out, err))
    assert logs.read('j', 1, 'stdout', 6, 100) == LogRead(b'', 6, True, 6, 0, True)
    assert logs.read('j', 1, 'stdout', -2, 100) == LogRead(b'ef', 6, True, 4, 0, True)
    assert logs.read('j', 1, 'stdout', -99, 100).data == b'abcdef'


def test_attempt_that_is_not_known_here_is_not_found(tmp_path: Path) -> None:
    assert logs_in(tmp_path).read('j', 1, 'stdout', 0, 9) == LogRead(b'', 0, True, 0, 0, False)


def test_job_that_prints_nothing_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    logs.ended(logs.open('j', 1))
    assert not any((tmp_path / 'logs').iterdir()) and logs.kept() == []


def test_head_and_tail_of_a_long_output_are_kept(tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    writers = logs.open('j', 1)
    data = numbered(5000)
    for at in range(0, len(data), 333):
        writers[0].write(data[at : at + 333])
    logs.ended(writers)
    kept = everything(logs, 'j')
    assert logs.kept()[0].disk_bytes == len(kept) + 3 * 2 * BLOCK_BYTES
    assert kept.startswith(data[:HEAD]) and data.endswith(kept[HEAD:])
    assert SEGMENT <= len(kept) - HEAD <= 2 * SEGMENT
    read = logs.read('j', 1, 'stdout', 0, 10)
    assert (read.size, read.dropped) == (len(data), len(data) - len(kept))
    assert logs.read('j', 1, 'stdout', HEAD + 1, 10).offset == len(data) - len(kept) + HEAD
    assert logs.read('j', 1, 'stdout', -10, 99).data == data[-10:]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 3500), max_size=12))
def test_what_is_kept_is_where_it_was_printed(sizes: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        logs = logs_in(Path(folder))
        writers = logs.open('j', 1)
        data = numbered(sum(sizes) // 7 + 1)
        at = 0
        for size in sizes:
            writers[0].write(data[at : at + size])
            at += size
        logs.ended(writers)
        for offset in (0, 1, HEAD - 1, HEAD, HEAD + 1, at // 2, at - 1):
            read = logs.read('j', 1, 'stdout', offset, 200)
            assert read.size == at
            assert read.data == data[: at][read.offset : read.offset + len(read.data)]
            assert read.data or offset >= at or offset < 0
        assert logs.read('j', 1, 'stdout', 0, 1).dropped == at - len(everything(logs, 'j'))


def test_log_of_a_former_life_can_be_read_and_counts(tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    writers = logs.open('j', 2)
    writers[1].write(b'before the power cut')
    later = logs_in(tmp_path)
    assert later.read('j', 2, 'stderr', 7, 99) == LogRead(b'the power cut', 20, True, 7, 0, True)
    [kept] = later.kept()
    assert kept[:2] == ('j', 2) and kept.disk_bytes == 20 + 2 * BLOCK_BYTES and kept.ended
    logs.ended(writers)


def test_logs_of_the_oldest_ended_jobs_are_forgotten_first(tmp_path: Path) -> None:
    logs = logs_in(tmp_path, 20 * BLOCK_BYTES)
    live = logs.open('live', 1)
    live[0].write(b'x')
    for number in range(30):
        writers = logs.open(f'j{number}', 1)
        writers[0].write(b'x' * 500)
        logs.ended(writers)
    kept = [one.job_id for one in logs.kept()]
    assert kept[0] == 'live' and kept[-1] == 'j29' and 3 <= len(kept) <= 10
    assert sorted(os.listdir(tmp_path / 'logs')) == sorted(f'{name}-1' for name in kept)
    assert everything(logs, 'live') == b'x' and everything(logs, 'j0') == b''
    logs.ended(live)


def test_running_jobs_together_stay_within_the_quota(tmp_path: Path) -> None:
    quota_bytes = 20 * BLOCK_BYTES
    logs = logs_in(tmp_path, quota_bytes)
    all_writers = [logs.open(f'j{number}', 1) for number in range(40)]
    for _ in range(5):
        for out, _ in all_writers:
            out.write(b'x' * 900)
    assert quota_bytes // 2 < sum(one.disk_bytes for one in logs.kept()) <= quota_bytes
    for writers in all_writers:
        logs.ended(writers)
    read = logs.read('j39', 1, 'stdout', 0, 9)
    assert (read.data, read.size, read.dropped) == (b'', 4500, 4500), 'there was no room'


def test_output_that_cannot_be_kept_is_dropped_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logs = logs_in(tmp_path)
    writers = logs.open('j', 1)
    (tmp_path / 'logs' / 'j-1').write_text('a file where the folder should be')
    for _ in range(50):
        writers[0].write(b'0123456789')
    assert caplog.text.count('the output of j-1 is not kept') == 1
    (tmp_path / 'logs' / 'j-1').unlink()
    for _ in range(50):
        writers[0].write(b'0123456789')
    logs.ended(writers)
    read = logs.read('j', 1, 'stdout', 0, 1000)
    assert read.size == 1000 and 0 < read.offset <= 600 and read.dropped == read.offset
    assert writers[0].tail.endswith(b'0123456789'), 'the last words are known all the same'


def test_damage_below_the_folder_is_borne(tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    writers = logs.open('j', 1)
    writers[0].write(b'good')
    logs.ended(writers)
    folder = tmp_path / 'logs' / 'j-1'
    (folder / 'stdout.x').write_text('?')
    (folder / 'stdout.99999999999999999999999').mkdir()
    (folder / 'stdout.7').symlink_to('/etc/passwd')
    (tmp_path / 'logs' / 'not a job').mkdir()
    (tmp_path / 'logs' / 'file').write_text('?')
    assert everything(logs_in(tmp_path), 'j') == b'good'
    assert logs_in(tmp_path).kept()


@pytest.mark.parametrize('job_id', ['', '..', '../x', 'a/b', 'a\0', '.hidden'])
def test_id_that_could_leave_the_folder_is_refused(tmp_path: Path, job_id: str) -> None:
    with pytest.raises(ValueError, match='expected the id of a job'):
        logs_in(tmp_path).read(job_id, 1, 'stdout', 0, 9)


def test_other_streams_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='expected one of stdout, stderr'):
        logs_in(tmp_path).read('j', 1, 'stdin', 0, 9)


def test_last_words_are_short(tmp_path: Path) -> None:
    writer: LogWriter = logs_in(tmp_path).open('j', 1)[1]
    for _ in range(100):
        writer.write(b'abcdefghij' * 10)
    writer.write(b'!')
    assert len(writer.tail) == writer.tail_bytes and writer.tail.endswith(b'j!')
