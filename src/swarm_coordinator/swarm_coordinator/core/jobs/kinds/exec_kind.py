# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The job kind `exec`: one program with arguments, no shell. Owns what a valid one is.

Where it may run is decided by capability: a robot offers `exec:<program>` for each program that
its own configuration allows.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.core.jobs.work import Work, checked_text

ARGUMENTS_MAX = 256
ARGUMENT_BYTES_MAX = 32 * 1024
VARIABLES_MAX = 64
_VARIABLE = re.compile(r'[A-Za-z_][A-Za-z0-9_]{0,127}\Z')
# Set by the runner, or able to make an allowed program run another one.
_KEPT = ('SWARM_', 'LD_', 'PATH', 'HOME', 'TMPDIR', 'PYTHON', 'BASH_ENV', 'ENV', 'IFS')


@dataclass(frozen=True, slots=True)
class ExecWork(Work):
    """`stdin` names an input file; `folder` is the working folder below the job's own."""

    kind: ClassVar[str] = 'exec'
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    stdin: str = ''
    folder: str = ''

    def check(self, inputs: tuple[FileRef, ...], outputs: tuple[str, ...]) -> None:
        if not self.argv or not self.argv[0]:
            raise ValueError('argv is empty: expected a program and its arguments')
        if '/' in self.argv[0]:
            raise ValueError(
                f'argv[0]={self.argv[0]!r}: expected a program name from the allow-list, '
                'not a path'
            )
        if len(self.argv) > ARGUMENTS_MAX or sum(map(len, self.argv)) > ARGUMENT_BYTES_MAX:
            raise ValueError(
                f'argv is too long: at most {ARGUMENTS_MAX} arguments and '
                f'{ARGUMENT_BYTES_MAX} bytes'
            )
        if any('\0' in argument for argument in self.argv):
            raise ValueError('argv holds a zero byte')
        self._check_environment()
        if self.stdin and self.stdin not in {ref.name for ref in inputs}:
            raise ValueError(f'stdin={self.stdin[:80]!r}: expected the name of one of the inputs')
        if self.folder:
            checked_file_name(self.folder)

    def _check_environment(self) -> None:
        if len(self.environment) > VARIABLES_MAX:
            raise ValueError(f'environment: at most {VARIABLES_MAX} variables')
        for name, value in self.environment:
            if not _VARIABLE.match(name) or name.startswith(_KEPT):
                raise ValueError(
                    f'environment: {name[:80]!r} cannot be set: expected letters, digits and "_", '
                    f'and none of {", ".join(_KEPT)}...'
                )
            checked_text(f'environment: {name}', value, ARGUMENT_BYTES_MAX)

    def required(self) -> tuple[str, ...]:
        return (f'exec:{self.argv[0]}',)

    def task(self) -> str:
        return f'exec:{self.argv[0]}'
