# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A swarm of robot processes on this machine: for demonstrations, system tests and measurements.

Owns starting, ending and killing the processes it started, their folders and their ROS domain.
Traffic stays on loopback. Knows nothing of what the robots say.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

# Above 101 the ports of a domain may be taken by outgoing connections (Linux port ranges).
DOMAINS = range(20, 100)
STOP_S = 15.0


def robot_names(count: int) -> tuple[str, ...]:
    return tuple(f'r{number}' for number in range(1, count + 1))


def voters_of(names: Sequence[str]) -> tuple[str, ...]:
    """The largest odd number of them, at most seven."""
    return tuple(names[: min(7, len(names) - (len(names) + 1) % 2)])


def end_as_at_ctrl_c() -> None:
    """SIGTERM and a terminal that closes end this process by KeyboardInterrupt, so that it ends
    the robots that it started. Not a terminal that was to be ignored (nohup)."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


class Domain:
    """A ROS domain that no other swarm of this kind on this machine uses, until closed."""

    def __init__(self) -> None:
        for number in DOMAINS:
            path = Path(tempfile.gettempdir()) / f'swarm-domain-{number}.lock'
            with contextlib.suppress(OSError):
                handle = open(path, 'w')  # noqa: SIM115 (held open: closing it gives it back)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    handle.close()
                    continue
                self.number, self._handle = number, handle
                return
        raise RuntimeError(f'every ROS domain from {DOMAINS[0]} to {DOMAINS[-1]} is in use')

    def close(self) -> None:
        self._handle.close()


def parameter_arguments(parameters: Mapping[str, Any]) -> list[str]:
    """ROS arguments for parameters; a list becomes a YAML list of strings."""
    arguments = []
    for name, value in parameters.items():
        if isinstance(value, (list, tuple)):
            value = '[' + ', '.join(f'"{item}"' for item in value) + ']'
        elif isinstance(value, bool):
            value = str(value).lower()
        arguments += ['-p', f'{name}:={value}']
    return ['--ros-args', *arguments] if arguments else []


@dataclass
class LocalSwarm:
    """`names` are robots; `parameters` go to each, `own` to single ones. A context manager."""

    folder: Path
    names: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    swarm_id: str = 'local'
    domain: Domain = field(default_factory=Domain)
    processes: dict[str, 'subprocess.Popen[bytes]'] = field(default_factory=dict)
    _logs: list[IO[bytes]] = field(default_factory=list)

    def __enter__(self) -> 'LocalSwarm':
        self.folder.mkdir(parents=True, exist_ok=True)
        # Read by the DDS of this process too, when it comes to life as a watcher; and whose keys
        # its requests are signed with.
        os.environ.update(self.dds_environment())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_all()
        for log in self._logs:
            log.close()
        self.domain.close()

    def dds_environment(self) -> dict[str, str]:
        return {
            'SWARM_KEYS_DIR': str(
                self.parameters.get('keys_dir')
                or self.keys_dir(str(self.parameters.get('swarm_id') or self.swarm_id))
            ),
            'ROS_DOMAIN_ID': str(self.domain.number),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            # Killed processes leave shared memory behind that can make later ones deaf; UDP
            # leaves nothing. (rmw_fastrtps heeds it beyond LOCALHOST only, where it chooses for
            # itself.)
            'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4',
        }

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.dds_environment(),
            'ROS_LOG_DIR': str(self.folder / 'ros_log'),
            'PYTHONUNBUFFERED': '1',
        }

    def arguments(self, name: str) -> list[str]:
        parameters: dict[str, Any] = {
            'robot_id': name,
            'swarm_id': self.swarm_id,
            'voters': voters_of(self.names),
            'storage_dir': str(self.storage(name)),
            **self.parameters,
            **self.own.get(name, {}),
        }
        swarm_id = parameters['swarm_id'] or self.swarm_id
        parameters.setdefault('keys_dir', str(self.keys_dir(swarm_id)))
        wanted = {key: value for key, value in parameters.items() if value is not None}
        return [sys.executable, '-m', 'swarm_coordinator.ros.robot', *parameter_arguments(wanted)]

    def keys_dir(self, swarm_id: str) -> Path:
        return self.folder / 'keys' / swarm_id

    def storage(self, name: str) -> Path:
        return self.folder / name

    def log_path(self, name: str) -> Path:
        return self.folder / f'{name}.log'

    def last_line(self, name: str) -> str:
        """The last thing that a robot said; '' if it said nothing."""
        lines = self.log_path(name).read_text(errors='replace').splitlines()
        return next((line for line in reversed(lines) if line.strip()), '')

    def start(self, name: str) -> None:
        """Start a robot; its output is appended to its log file."""
        log = open(self.log_path(name), 'ab')  # noqa: SIM115 (closed with the swarm)
        self._logs.append(log)
        self.processes[name] = subprocess.Popen(
            self.arguments(name),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
        )

    def start_all(self) -> None:
        for name in self.names:
            self.start(name)

    def signal(self, name: str, number: int) -> None:
        self.processes[name].send_signal(number)

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until the process is gone."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """Ask it to end; returns its exit code. Killed if it does not end in time."""
        self._ask_to_end(name)
        return self._await_end(name)

    def stop_all(self) -> dict[str, int]:
        """End every process; returns the exit codes."""
        for name in self.processes:
            self._ask_to_end(name)
        return {name: self._await_end(name) for name in list(self.processes)}

    def _ask_to_end(self, name: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.signal(name, signal.SIGTERM)
            self.signal(name, signal.SIGCONT)  # a stopped process could not obey

    def _await_end(self, name: str) -> int:
        process = self.processes.pop(name)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
