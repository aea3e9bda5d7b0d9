# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The job kind `exec`: one program with arguments, no shell. Owns what a valid one is.

Where it may run is decided by capability: a robot offers `exec:<program>` for each program that
its own configuration allows.
"""

from collections.abc import Callable
from dataclasses import dataclass

from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.jobs.job import JobSpec

ARGUMENTS_MAX = 256
ARGUMENT_BYTES_MAX = 32 * 1024
FILES_MAX = 256


@dataclass(frozen=True)
class JobKind:
    """name; check(spec) raises ValueError; required(spec) names the capabilities it needs."""

    name: str
    check: Callable[[JobSpec], None]
    required: Callable[[JobSpec], tuple[str, ...]]


def _check(spec: JobSpec) -> None:
    if not spec.argv or not spec.argv[0]:
        raise ValueError('argv is empty: expected a program and its arguments')
    if '/' in spec.argv[0]:
        raise ValueError(
            f'argv[0]={spec.argv[0]!r}: expected a program name from the allow-list, not a path'
        )
    if len(spec.argv) > ARGUMENTS_MAX or sum(map(len, spec.argv)) > ARGUMENT_BYTES_MAX:
        raise ValueError(
            f'argv is too long: at most {ARGUMENTS_MAX} arguments and {ARGUMENT_BYTES_MAX} bytes'
        )
    if any('\0' in argument for argument in spec.argv):
        raise ValueError('argv holds a zero byte')
    names = [ref.name for ref in spec.inputs]
    if len(names) > FILES_MAX or len(spec.outputs) > FILES_MAX:
        raise ValueError(f'too many files: at most {FILES_MAX} inputs and {FILES_MAX} outputs')
    for name in (*names, *spec.outputs):
        checked_file_name(name)
    if len(set(names)) != len(names):
        raise ValueError('two inputs have the same name')


def _required(spec: JobSpec) -> tuple[str, ...]:
    return (f'exec:{spec.argv[0]}', *spec.requires)


EXEC = JobKind('exec', _check, _required)
