# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The end of a program, also where a library does not let go of it.

Fast DDS was seen to hang while its participant was deleted: twice, and not in 300 ends in a row.
Python's lock may be held then, so that no thread and no handler of signals runs. Owns a timer
of the C library that ends the process all the same, with the code that was meant. Linux only.
"""

from __future__ import annotations

import ctypes
import time

SIGEV_THREAD = 2  # the timer calls a function, in a thread of its own


class _Event(ctypes.Structure):
    """struct sigevent; `value` is what the function is called with."""

    _fields_ = (
        ('value', ctypes.c_void_p),
        ('signal', ctypes.c_int),
        ('notify', ctypes.c_int),
        ('function', ctypes.c_void_p),
        ('attributes', ctypes.c_void_p),
        ('room', ctypes.c_char * 64),
    )


class _Times(ctypes.Structure):
    """struct itimerspec: the period and the first time, in seconds and nanoseconds."""

    _fields_ = tuple((name, ctypes.c_long) for name in ('every_s', 'every_ns', 'at_s', 'at_ns'))


class Leaving:
    """While it is entered: in `within_s` the process has ended by itself, or it ends at once with
    `code`. What is still in Python's buffers then is lost: flush it before."""

    def __init__(self, code: int, within_s: float) -> None:
        self._code, self._within_s = code, within_s

    def __enter__(self) -> Leaving:
        library = ctypes.CDLL(None, use_errno=True)
        event, self._timer = _Event(), ctypes.c_void_p()
        event.notify, event.value = SIGEV_THREAD, self._code
        event.function = ctypes.cast(library._exit, ctypes.c_void_p).value
        made = library.timer_create(
            time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer)
        )
        self._library = library if made == 0 else None  # without a timer it ends as it used to
        self._set(self._within_s)
        return self

    def __exit__(self, *_: object) -> None:
        self._set(0.0)

    def _set(self, seconds: float) -> None:
        """0 = never."""
        if self._library is not None:
            whole = int(seconds)
            times = _Times(0, 0, whole, int((seconds - whole) * 1e9))
            self._library.timer_settime(self._timer, 0, ctypes.byref(times), None)
