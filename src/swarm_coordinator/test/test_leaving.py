# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A program ends with its code, also where a library holds Python's lock for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

HANGS = """
import ctypes
from swarm_coordinator.leaving import Leaving
print('answered', flush=True)
with Leaving({code}, 0.05):
    ctypes.PyDLL(None).sleep(600)  # with the lock held
"""
ENDS = """
import time
from swarm_coordinator.leaving import Leaving
with Leaving(3, 1.0):
    pass
time.sleep(1.5)  # longer than the timer that was taken back
raise SystemExit(4)
"""


def ended(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize('code', [0, 2, 130])
def test_program_that_hangs_ends_with_the_code_that_was_meant(code: int) -> None:
    told = ended(HANGS.format(code=code))
    assert (told.returncode, told.stdout, told.stderr) == (code, 'answered\n', '')


def test_program_that_does_not_hang_is_left_alone() -> None:
    assert ended(ENDS).returncode == 4
