# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where a warm worker sees the folders of its calls, one at a time and no other.

In a cage of its own a worker sees, in place of the folders of all jobs, a room that is empty
between calls. For the time of a call the folder of the job is in it, under its name: what is a
rename outside is, inside, a folder that comes and goes.
"""

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from swarm_coordinator.runner.cage import Cage, Needs, give, take_back
from swarm_coordinator.runner.job_files import remove_folder
from swarm_coordinator.runner.job_run import JobRun

# A worker is there before the job whose unit it serves.
UNITS = ('compute:gpu', 'compute:npu')


class Room:
    """Raises OSError."""

    def __init__(self, cage: Cage, number: int) -> None:
        self._cage = cage
        self._before: Path | None = None  # where the folder of the present call was
        self._path = cage.root.with_name(f'{cage.root.name}-{number}')
        needs = Needs('python', Path('/'), Path('/'), UNITS, True, owned=False)
        if not cage.walled:
            self.cell = cage.enter(needs)
            return
        remove_folder(self._path)
        self._path.mkdir(mode=0o711)
        os.chmod(self._path, 0o711)  # entered by its worker, changed by nobody
        try:
            self.cell = cage.enter(replace(needs, folder=self._path, seen_as=cage.root))
        except OSError:
            remove_folder(self._path)
            raise

    def take_in(self, run: JobRun) -> None:
        """Raises OSError."""
        if self.cell.person is not None:
            give(run.folder, self.cell.person)
        if self.cell.kept:
            inside = self._path / run.folder.name
            os.rename(run.folder, inside)
            self._before, run.folder = run.folder, inside

    def let_out(self, run: JobRun) -> None:
        """What cannot be moved back was moved away by the call: it has no outputs then."""
        inside, before, self._before = run.folder, self._before, None
        if before is not None:
            run.folder = before
            with contextlib.suppress(OSError):
                os.rename(inside, before)
        if self.cell.person is not None:
            take_back(run.folder)

    def close(self) -> None:
        """Nothing of the worker runs any more."""
        self._cage.leave(self.cell)
        if self.cell.kept:
            remove_folder(self._path)
