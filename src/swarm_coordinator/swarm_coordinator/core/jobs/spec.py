# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is to be done, as it was asked for: owns the specification of a job, which never changes.

Refuses to know kinds (kinds/) and what becomes of a job (job.py).
"""

import re
from dataclasses import dataclass
from enum import Enum

from swarm_coordinator.core.jobs.work import Work, checked_file_names

ATTEMPTS_MAX_DEFAULT = 3
RETRY_DELAY_MS_DEFAULT = 1000
COMPUTE_KINDS = ('cpu', 'gpu', 'npu')
LABELS_MAX = 32
LABEL_CHARS_MAX = 128
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')
# What the fields of messages hold.
_RANGES = {
    'timeout_ms': 2**32 - 1,
    'deadline_ms': 2**32 - 1,
    'attempts_max': 255,
    'retries': 255,
    'retry_delay_ms': 2**32 - 1,
    'memory_bytes': 2**63 - 1,
    'cpu_milli': 2**32 - 1,
    'file_bytes': 2**63 - 1,
    'battery_permille': 1000,
}
SIZE_BYTES_MAX = 2**63 - 1  # of a file: what the log can hold


class Effects(Enum):
    """What running a job twice would do; decides whether a lost attempt is repeated."""

    NONE = 'none'
    IDEMPOTENT = 'idempotent'
    FENCED = 'fenced'
    ONCE = 'once'


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file by content. `sha256` is lower-case hex; `name` a relative path with '/'.

    Raises ValueError for another hash: it becomes the name of a file on the disk.
    """

    name: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not _SHA256.match(self.sha256) or not 0 <= self.size_bytes <= SIZE_BYTES_MAX:
            raise ValueError(
                f'file {self.name[:80]!r}: {self.size_bytes} bytes, sha256={self.sha256[:80]!r}: '
                'expected a size and 64 lower-case hexadecimal digits'
            )


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What is to be done; never changes. Fields as in swarm_msgs/msg/JobSpec; `work` is what the
    job's kind wants to know."""

    work: Work
    inputs: tuple[FileRef, ...] = ()
    outputs: tuple[str, ...] = ()
    timeout_ms: int = 0
    deadline_ms: int = 0
    attempts_max: int = ATTEMPTS_MAX_DEFAULT
    retries: int = 0
    retry_delay_ms: int = RETRY_DELAY_MS_DEFAULT
    effects: Effects = Effects.IDEMPOTENT
    priority: int = 0
    requires: tuple[str, ...] = ()
    memory_bytes: int = 0
    cpu_milli: int = 0
    file_bytes: int = 0
    battery_permille: int = 0
    compute_unit: str = ''
    labels: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.work.kind

    @property
    def task(self) -> str:
        return self.work.task()

    @property
    def files(self) -> tuple[FileRef, ...]:
        """All files that it reads, those of the stages of a pipeline too."""
        return (*self.inputs, *self.work.files())

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the capabilities that a robot must offer."""
        return (*self.work.required(), *self.requires)

    def check(self) -> None:
        """Raises ValueError that says what was expected."""
        self.check_numbers()
        checked_file_names(self.inputs, self.outputs)
        self.work.check(self.inputs, self.outputs)

    def check_numbers(self) -> None:
        """All but the files and the work. Raises ValueError."""
        for name, most in _RANGES.items():
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValueError(f'{name}={value}: expected 0 to {most}')
        if self.attempts_max < 1:
            raise ValueError('attempts_max=0: expected at least 1')
        if not -(2**15) <= self.priority < 2**15:
            raise ValueError(f'priority={self.priority}: expected -32768 to 32767')
        if len(self.labels) > LABELS_MAX or len(self.requires) > LABELS_MAX:
            raise ValueError(f'too many labels or requirements: at most {LABELS_MAX} of each')
        for text in (*self.labels, *self.requires, self.compute_unit):
            if len(text) > LABEL_CHARS_MAX:
                raise ValueError(f'{text[:40]!r}... is too long: at most {LABEL_CHARS_MAX}')
        if self.retries and self.effects is Effects.ONCE:
            raise ValueError('retries with effects=once: a job whose effect must happen once is '
                             'never tried again by itself')
