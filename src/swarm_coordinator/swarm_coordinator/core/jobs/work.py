# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every kind of job has in common: owns what a kind must say of its work.

Each kind is a frozen dataclass in kinds/ whose fields are what that kind needs to know; what all
jobs have (files, limits, priority) is in spec.py. Refuses to know any kind.
"""

from typing import TYPE_CHECKING, ClassVar

from swarm_coordinator.core.files.names import checked_file_name

if TYPE_CHECKING:
    from swarm_coordinator.core.jobs.spec import FileRef

TEXT_BYTES_MAX = 64 * 1024  # of one text of a job: JSON arguments, a request


class Work:
    """Base of the kinds. A kind is a frozen dataclass with slots; its fields are plain values."""

    __slots__ = ()
    kind: ClassVar[str] = ''

    def check(self, inputs: 'tuple[FileRef, ...]', outputs: tuple[str, ...]) -> None:
        """Raises ValueError that says what was expected."""
        raise NotImplementedError

    def required(self) -> tuple[str, ...]:
        """Names of the capabilities that a robot must offer."""
        raise NotImplementedError

    def task(self) -> str:
        """What run times and failures are learnt for: 'exec:xz' and 'exec:cp' differ."""
        raise NotImplementedError

    def files(self) -> 'tuple[FileRef, ...]':
        """Input files beside those of the job itself."""
        return ()


def checked_text(name: str, text: str, bytes_max: int = TEXT_BYTES_MAX) -> str:
    """`text` if it is short enough and has no zero byte; raises ValueError."""
    if len(text.encode('utf-8', 'surrogatepass')) > bytes_max:
        raise ValueError(f'{name} is too long: at most {bytes_max} bytes')
    if '\0' in text:
        raise ValueError(f'{name} holds a zero byte')
    return text


def checked_file_names(
    inputs: 'tuple[FileRef, ...]', outputs: tuple[str, ...], files_max: int = 256
) -> None:
    """Raises ValueError for names that could leave the job's folder or come twice."""
    names = [ref.name for ref in inputs]
    if len(names) > files_max or len(outputs) > files_max:
        raise ValueError(f'too many files: at most {files_max} inputs and {files_max} outputs')
    for name in (*names, *outputs):
        checked_file_name(name)
    if len(set(names)) != len(names):
        raise ValueError('two inputs have the same name')
    if len(set(outputs)) != len(outputs):
        raise ValueError('two outputs have the same name')
