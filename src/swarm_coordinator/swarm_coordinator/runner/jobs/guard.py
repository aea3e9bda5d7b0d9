# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A process that stands between a job's program and the robot: owns which exit code counts.

Nodes that live a moment beside others sometimes crash or hang when they are closed (about once in
70 starts, while DDS matched endpoints). What the program did until then is done, so its outcome is
told before, and closing decides nothing. The program itself is a child of this process.
"""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable

CLOSE_S = 1.0  # for an orderly goodbye; 0.15 s is usual
POLL_S = 0.005
PASSED_ON = (signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def begin_guarded() -> Callable[[int], None]:
    """Fork; only the child returns, with the function that tells its exit code.

    Call it before there are threads. Signals that end the job reach the child also where only the
    parent gets them.
    """
    told, tell = os.pipe()
    guard = os.getpid()
    # One that comes before the guard can pass it on waits until then.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    child = os.fork()
    if child:
        os.close(tell)
        os._exit(_guard(child, told, before))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.close(told)
    _die_with(guard)
    return lambda code: _tell(tell, code)


def _tell(descriptor: int, code: int) -> None:
    os.write(descriptor, bytes([code & 0xFF]))
    os.close(descriptor)


def _die_with(parent: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)


def _guard(child: int, told: int, mask: Iterable[int]) -> int:
    """The exit code that counts. `mask`: the signals that were blocked before."""
    for number in PASSED_ON:
        signal.signal(number, lambda number, _: _pass_on(child, number))
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    code = os.read(told, 1)
    if not code:  # it ended without a word
        return _as_exit_code(os.waitpid(child, 0)[1])
    end_s = time.monotonic() + CLOSE_S
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > end_s:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(POLL_S)
    return code[0]


def _pass_on(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def _as_exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
