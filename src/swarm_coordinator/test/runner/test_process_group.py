# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How processes of a job are found by their marks, among all others."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runner_bench import WAIT_S, gone

from swarm_coordinator.runner import process_group
from swarm_coordinator.runner.process_group import end_marked, kill_marked, marked_processes

MARK = f'SWARM_STORAGE=/test/{os.getpid()}'
OTHER = f'SWARM_STORAGE=/test/{os.getpid()}0'
# Becomes another program 1500 times, which takes about a second.
CHANGING = 'test $1 = 0 && exec sleep 600; exec sh -c "$2" sh $(($1 - 1)) "$2"'


@contextmanager
def process(*command: str, marks: tuple[str, ...] = (MARK,)) -> Iterator[int]:
    environment = dict(mark.split('=', 1) for mark in marks)
    path = {'PATH': '/usr/bin:/bin'}
    with subprocess.Popen(command, env=path | environment, start_new_session=True) as started:
        try:
            yield started.pid
        finally:
            started.kill()


def test_process_is_found_only_by_all_of_its_marks() -> None:
    with process('sleep', '600', marks=(MARK, 'SWARM_TOKEN=12')) as pid:
        assert marked_processes((MARK,)) == [pid]
        assert marked_processes((MARK, 'SWARM_TOKEN=12')) == [pid]
        assert marked_processes((MARK, 'SWARM_TOKEN=1')) == []
        assert marked_processes((OTHER,)) == marked_processes((MARK[:-1],)) == []


def test_process_that_becomes_another_program_is_not_overlooked() -> None:
    looks, end_s = 0, time.monotonic() + WAIT_S
    while looks <= 20 and time.monotonic() < end_s:
        with process('sh', '-c', CHANGING, 'sh', '1500', CHANGING) as pid:
            while Path(f'/proc/{pid}/comm').read_text() != 'sleep\n':
                assert marked_processes((MARK,), pid - 1) == [pid]
                looks += 1
    assert looks > 20


def test_only_ids_handed_out_since_then_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, 'listdir', lambda _: ['5', '90', '95', '100', '3', 'self', 'bus'])
    assert process_group._pids(90, 100) == [95, 100]
    assert process_group._pids(90, 4) == [95, 100, 3], 'they began again from the lowest'
    assert process_group._pids(0, 100) == [5, 90, 95, 100, 3]


def test_own_id_is_not_among_those_handed_out_since() -> None:
    with process('sleep', '600') as pid:
        assert marked_processes((MARK,), pid - 1) == [pid]
        assert marked_processes((MARK,), pid) == []


def test_process_without_the_marks_is_not_killed() -> None:
    with process('sleep', '600') as pid:
        kill_marked(pid, (OTHER,))
        kill_marked(2**22 + 1, (MARK,))
        assert marked_processes((MARK,)) == [pid]
        kill_marked(pid, (MARK,))
        assert gone(pid)


def test_all_that_carry_a_mark_are_ended_also_what_they_start_meanwhile() -> None:
    script = 'trap "" TERM; for n in 1 2 3 4 5; do setsid sleep 600 & done; wait'
    with process('sh', '-c', script) as pid:
        found = end_marked((MARK,))
        assert pid in found and marked_processes((MARK,)) == []
        assert all(gone(each) for each in found)


def test_zombie_is_no_process_any_more() -> None:
    with process('sleep', '600') as pid:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert marked_processes((MARK,)) == []
