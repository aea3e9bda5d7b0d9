# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of jobs as the robot does: one process, JSON on stdin, two descriptors."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORD = 'swarm_coordinator.ros.jobs.record'
CALL = 'swarm_coordinator.ros.jobs.call'
ENCODE = 'swarm_coordinator.runner.jobs.encode'
END_S = 60.0
# CALL with more time for a goal to be cancelled. ROS may not be imported before serve() forks.
PATIENT_CALL = """
import sys
from swarm_coordinator.ros.jobs import call
from swarm_coordinator.runner.jobs.assignment import serve
def program(*given):
    from swarm_coordinator.ros.jobs import caller
    caller.CANCEL_S = 30.0
    return call.program(*given)
sys.exit(serve(program, guarded=True))
"""


@dataclass
class Ended:
    """`result`: what came as JSON, None where nothing came; `progress`: the lines.

    `sentence`: the last line of stderr; before it may come what Fast DDS complains of.
    """

    code: int
    said: str
    result: Any
    progress: list[str]

    @property
    def sentence(self) -> str:
        return self.said.strip().rpartition('\n')[2]

    @property
    def fractions(self) -> list[float]:
        return [float(one.split()[1]) for one in self.progress if one.startswith('progress ')]


@dataclass
class Program:
    """A running one. `saw(text)` waits for a line of progress that holds the text."""

    process: subprocess.Popen[bytes]
    lines: list[str] = field(default_factory=list)
    result: bytes = b''
    said: bytes = b''
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _readers: list[threading.Thread] = field(default_factory=list)

    def read(self, what: Callable[[], None]) -> None:
        thread = threading.Thread(target=what, daemon=True)
        thread.start()
        self._readers.append(thread)

    def read_progress(self, descriptor: int) -> None:
        with open(descriptor, encoding='utf-8') as lines:
            for line in lines:
                assert len(line) <= 4096
                with self._changed:
                    self.lines.append(line.strip())
                    self._changed.notify_all()

    def read_result(self, descriptor: int) -> None:
        with open(descriptor, 'rb') as file:
            self.result = file.read()

    def read_said(self) -> None:
        assert self.process.stderr is not None
        self.said = self.process.stderr.read()

    def saw(self, text: str) -> None:
        with self._changed:
            found = self._changed.wait_for(
                lambda: any(text in line for line in self.lines), END_S
            )
        assert found, (text, self.lines)

    def end(self, number: int = 0) -> Ended:
        """Wait for its end, after a signal if one is given."""
        if number:
            os.kill(self.process.pid, number)
        code = self.process.wait(END_S)
        for reader in self._readers:
            reader.join(END_S)
        result = json.loads(self.result) if self.result else None
        return Ended(code, self.said.decode(), result, self.lines)


def document(work: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({'work': work, 'namespace': '/r1', **more}).encode()


def start(
    module: str, folder: Path, stdin: bytes, file_bytes: int = 0, **environment: str
) -> Program:
    """`module`: its name, or lines of Python."""
    progress, progress_end = os.pipe()
    result, result_end = os.pipe()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    process = subprocess.Popen(
        [sys.executable, '-c' if '\n' in module else '-m', module],
        cwd=folder,
        env={
            **os.environ, **environment,
            'SWARM_PROGRESS_FD': str(progress_end), 'SWARM_RESULT_FD': str(result_end),
        },
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(progress_end, result_end),
        preexec_fn=limit if file_bytes else None,
    )
    os.close(progress_end)
    os.close(result_end)
    program = Program(process)
    program.read(lambda: program.read_progress(progress))
    program.read(lambda: program.read_result(result))
    program.read(program.read_said)
    assert process.stdin is not None
    try:
        process.stdin.write(stdin)
        process.stdin.close()
    except BrokenPipeError:
        pass
    return program


def run(module: str, folder: Path, stdin: bytes, **environment: str) -> Ended:
    return start(module, folder, stdin, **environment).end()


SIGTERM = signal.SIGTERM
