# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who uses a serial port, as /proc and lock files show it. Opens no port.

Without root the files that processes of other users hold open cannot be seen. Then lock files,
the command lines of programs known to take ports, and the kernel's own lock remain.
"""

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from hw_discovery.buses.sysfs import printable

# Programs that take serial ports by themselves. Their first 15 characters are in comm.
PORT_TAKERS = (
    'gpsd', 'ModemManager', 'brltty', 'klippy', 'mavproxy.py', 'mavlink-routerd', 'chronyd',
    'ntpd', 'pppd', 'minicom', 'screen', 'picocom')
LOCK_DIRECTORIES = (Path('/run/lock'), Path('/var/lock'))
# ModemManager asks a new port for modems for about this long (measured by others: 10 s).
MODEM_MANAGER_ASKS_MS = 12_000
_FILE_BYTES_MAX = 4096
_PROCESSES_MAX = 32_768  # the kernel's usual pid_max
_OPEN_FILES_MAX = 65_536  # looked at in one process


@dataclass(frozen=True, slots=True)
class PortOwner:
    """how: 'open', 'lock file' or 'command line'."""

    name: str
    pid: int
    how: str

    def __str__(self) -> str:
        return f'{self.name} (pid {self.pid}, {self.how})'


@dataclass(frozen=True, slots=True)
class PortUse:
    """owners: who has it. unseen: how many processes could not be looked into."""

    owners: tuple[PortOwner, ...] = ()
    unseen: int = 0


class PortOwners:
    """Looks into a /proc and directories of lock files, which are the real ones but for tests."""

    def __init__(
        self, proc: Path = Path('/proc'), lock_directories: tuple[Path, ...] = LOCK_DIRECTORIES,
    ) -> None:
        self._proc = proc
        self._lock_directories = lock_directories

    def use_of(self, device: str) -> PortUse:
        """Return who uses a port now. device: e.g. /dev/ttyUSB0, or a link to it."""
        real = os.path.realpath(device)
        number = _device_number(real)
        owners: dict[int, PortOwner] = {}
        unseen = 0
        for pid in self._pids():
            is_open = self._holds(pid, real, number)
            unseen += is_open is None
            if is_open:
                owners[pid] = PortOwner(self._name(pid), pid, 'open')
            elif is_open is None and self._was_told(pid, (device, real)):
                owners[pid] = PortOwner(self._name(pid), pid, 'command line')
        for pid in self._lockers(os.path.basename(real)):
            owners.setdefault(pid, PortOwner(self._name(pid), pid, 'lock file'))
        return PortUse(tuple(owners[pid] for pid in sorted(owners)), unseen)

    def settling_ms(self, device: str) -> int:
        """Return how long a new port is best left alone for ModemManager; 0: it does not run."""
        name = os.path.basename(os.path.realpath(device))
        if not name.startswith(('ttyACM', 'ttyUSB')):
            return 0
        runs = any(self._comm(pid) == 'ModemManager' for pid in self._pids())
        return MODEM_MANAGER_ASKS_MS if runs else 0

    def _pids(self) -> list[int]:
        try:
            names = os.listdir(self._proc)
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isdigit())[:_PROCESSES_MAX]

    def _holds(self, pid: int, real: str, number: int | None) -> bool | None:
        """Return whether a process has the port open; None: it cannot be seen."""
        directory = self._proc / str(pid) / 'fd'
        try:
            names = os.listdir(directory)[:_OPEN_FILES_MAX]
        except PermissionError:
            return None
        except OSError:
            return False             # it ended meanwhile
        return any(_is_port(f'{directory}/{name}', real, number) for name in names)

    def _was_told(self, pid: int, devices: tuple[str, str]) -> bool:
        if self._comm(pid) not in {name[:15] for name in PORT_TAKERS}:
            return False
        return any(argument in devices for argument in self._arguments(pid))

    def _lockers(self, name: str) -> list[int]:
        """Return the living processes named by UUCP lock files of a port."""
        pids = []
        for directory in self._lock_directories:
            content = _read(directory / f'LCK..{name}')
            # HDB form: the number in ASCII; the old form: four bytes.
            digits = content.strip(b' \n\0')
            pid = int(digits[:10]) if digits[:10].isdigit() else (
                int.from_bytes(content, 'little') if len(content) == 4 else 0)
            if pid and (self._proc / str(pid)).is_dir():
                pids.append(pid)
        return pids

    def _comm(self, pid: int) -> str:
        return printable(_read(self._proc / str(pid) / 'comm').decode('utf-8', 'replace'))

    def _arguments(self, pid: int) -> list[str]:
        line = _read(self._proc / str(pid) / 'cmdline')
        return [part.decode('utf-8', 'replace') for part in line.split(b'\0') if part]

    def _name(self, pid: int) -> str:
        """Return the program; of an interpreter also the file that it runs."""
        name, arguments = self._comm(pid) or 'a process', self._arguments(pid)
        scripts = [a for a in arguments[1:4] if a.endswith('.py') and not a.startswith('-')]
        is_interpreter = name.startswith(('python', 'bash', 'sh', 'node', 'perl'))
        return f'{name} {printable(os.path.basename(scripts[0]))}' if (
            is_interpreter and scripts) else name


def _is_port(link: str, real: str, number: int | None) -> bool:
    with contextlib.suppress(OSError):       # it was closed meanwhile
        target = os.readlink(link)
        if target == real:
            return True
        # In a container the same port has another path; other files need not be looked at.
        if number is not None and target.startswith('/dev/'):
            return _device_number(link) == number
    return False


def _device_number(path: str) -> int | None:
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_rdev if stat.S_ISCHR(found.st_mode) else None
    return None


def _read(path: Path) -> bytes:
    try:
        with open(path, 'rb', buffering=0) as opened:
            return opened.read(_FILE_BYTES_MAX) or b''
    except OSError:
        return b''
