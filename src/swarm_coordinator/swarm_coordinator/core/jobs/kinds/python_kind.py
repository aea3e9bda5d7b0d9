# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The job kind `python`: a function that the robot's own configuration names. Owns what a valid
one is. Its arguments and its value are JSON: nothing that is read can be code.
"""

import json
import re
from dataclasses import dataclass
from typing import ClassVar

from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.core.jobs.work import Work, checked_text

CALLABLE = re.compile(r'[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z', re.ASCII)


@dataclass(frozen=True, slots=True)
class PythonWork(Work):
    """`arguments`: JSON, a list of positional or an object of named ones; '' = none."""

    kind: ClassVar[str] = 'python'
    callable: str
    arguments: str = ''

    def check(self, inputs: tuple[FileRef, ...], outputs: tuple[str, ...]) -> None:
        if len(self.callable) > 200 or not CALLABLE.match(self.callable):
            raise ValueError(f"callable={self.callable[:80]!r}: expected 'module:function'")
        checked_text('arguments', self.arguments)
        if self.arguments:
            try:
                arguments = json.loads(self.arguments)
            except (ValueError, RecursionError) as error:
                raise ValueError(f'arguments are not JSON: {error}') from None
            if not isinstance(arguments, (list, dict)):
                raise ValueError('arguments: expected a JSON list or object')

    def required(self) -> tuple[str, ...]:
        return (f'python:{self.callable}',)

    def task(self) -> str:
        return f'python:{self.callable}'
