# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The outcome of a job's program counts, however its process ends after it was told."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

TOLD = """
import os, signal, sys, time
from swarm_coordinator.runner.jobs.guard import begin_guarded
tell = begin_guarded()
print('here', flush=True)
"""


def start(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-c', TOLD + script], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(('script', 'code'), [
    ('tell(0)', 0),
    ('tell(143)', 143),
    ('tell(0); os.kill(os.getpid(), signal.SIGSEGV)', 0),
    ('tell(2); time.sleep(60)', 2),
    ('os.kill(os.getpid(), signal.SIGSEGV)', 128 + signal.SIGSEGV),
    ('sys.exit(3)', 3),
    ('raise ValueError', 1),
])
def test_exit_code_is_what_was_told_or_else_how_it_ended(script: str, code: int) -> None:
    with start(script) as process:
        assert process.wait(20) == code


def test_signal_to_the_guard_reaches_the_program() -> None:
    wait = 'signal.signal(signal.SIGTERM, lambda *_: (tell(143), os._exit(0)))\n'
    with start(wait + "print('ready', flush=True)\ntime.sleep(60)") as process:
        assert process.stdout is not None
        assert [process.stdout.readline().strip() for _ in range(2)] == ['here', 'ready']
        process.terminate()
        assert process.wait(20) == 143


SLOW_GUARD = """
import os, signal
from swarm_coordinator.runner.jobs import guard
sent, send = os.pipe()
original = guard._guard
def slow(*given):
    os.read(sent, 1)
    return original(*given)
guard._guard = slow
tell = guard.begin_guarded()
signal.signal(signal.SIGTERM, lambda *_: (tell(143), os._exit(0)))
os.kill(os.getppid(), signal.SIGTERM)
os.write(send, b'.')
signal.pause()
"""


def test_signal_that_comes_before_the_guard_listens_reaches_the_program() -> None:
    with subprocess.Popen([sys.executable, '-c', SLOW_GUARD]) as process:
        assert process.wait(20) == 143


def test_program_does_not_outlive_its_guard() -> None:
    with start('time.sleep(60)') as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        assert process.stdout.read() == ''  # its end is closed when the program is gone
