# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hardware discovery in a virtual machine with real kernel drivers and the real udev.

    python scripts/hw_vm/run.py [name of a guest test file ...]

The guest's program (src/hw_discovery/test/vm/guest.py) tells each result as a line of JSON on a
virtio port, and asks there for devices to be plugged. Results: build/hw_vm/results.json; what
the guest printed: build/hw_vm/console.log. Exit code: 0 when nothing failed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from packages import BuildFailed, tool
from qmp import Qmp, QmpError

from build import WORK, Machine, build, say

BOOT_S = 120.0               # emulated: 15 to 25 s on two cores of 2024, more when they are busy
SILENCE_S = 180.0            # the longest a single test may take
ALL_S = 900.0
END_S = 15.0
MEMORY_MB = 1536
CONSOLE = WORK / 'console.log'


class GuestFailed(Exception):
    """The machine did not come up or fell silent."""


class Guest:
    """A QEMU of our own, ended by its id, and the line to the program in it."""

    def __init__(self, machine: Machine, sockets: Path) -> None:
        self._link_path, qmp_path = sockets / 'link', sockets / 'qmp'
        # TCG always: a /dev/kvm may exist that boots no stock kernel.
        command = [
            tool('qemu-system-x86_64'), '-machine', 'q35', '-accel', 'tcg,thread=multi',
            '-cpu', 'max', '-smp', '2', '-m', str(MEMORY_MB), '-nodefaults', '-display', 'none',
            '-no-reboot', '-snapshot', '-nic', 'none',
            '-kernel', str(machine.kernel), '-initrd', str(machine.initrd),
            '-append', 'console=ttyS0 quiet panic=-1 mitigations=off',
            '-serial', f'file:{CONSOLE}', '-device', 'virtio-rng-pci',
            '-device', 'virtio-serial-pci',
            '-chardev', f'socket,id=link,path={self._link_path},server=on,wait=off',
            '-device', 'virtserialport,chardev=link,name=hw.link',
            '-qmp', f'unix:{qmp_path},server=on,wait=off',
            '-device', 'qemu-xhci,id=usb',
            '-chardev', 'null,id=line0', '-chardev', 'null,id=line1']
        for disk in machine.disks:
            command += ['-drive', f'file={disk},format=raw,if=virtio']
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE)
        try:
            self._link = self._connected(self._link_path)
            self._qmp = Qmp(qmp_path)
        except BaseException:
            self.close()
            raise
        self._buffer = b''

    def _connected(self, path: Path) -> socket.socket:
        until = time.monotonic() + 10.0
        while True:
            found = socket.socket(socket.AF_UNIX)
            try:
                found.connect(str(path))
                return found
            except OSError:
                found.close()
                if self._process.poll() is not None or time.monotonic() > until:
                    raise GuestFailed(f'QEMU did not start: {self._last_words()}') from None
                time.sleep(0.05)

    def _last_words(self) -> str:
        if self._process.poll() is None or self._process.stderr is None:
            return 'no socket came'
        return self._process.stderr.read().decode(errors='replace').strip()

    def line(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next thing the guest says; None: it has ended."""
        until = time.monotonic() + timeout_s
        while b'\n' not in self._buffer:
            self._link.settimeout(max(0.01, until - time.monotonic()))
            try:
                data = self._link.recv(65536)
            except TimeoutError:
                raise GuestFailed(f'the guest said nothing for {timeout_s:g} s') from None
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b'\n')
        told: dict[str, Any] = json.loads(line)
        return told

    def answer(self, asked: dict[str, Any]) -> None:
        """Do what the guest asks for and tell it."""
        try:
            told = {'answer': self._qmp.asked(asked['ask'], asked.get('arguments', {}))}
        except QmpError as error:
            told = {'error': str(error)}
        self._link.sendall(json.dumps(told).encode() + b'\n')

    def close(self) -> None:
        """End QEMU, by asking first."""
        if self._process.poll() is None:
            try:
                self._process.wait(END_S if hasattr(self, '_buffer') else 0.1)
            except subprocess.TimeoutExpired:
                self._process.terminate()
                try:
                    self._process.wait(END_S)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
        for name in ('_link', '_qmp'):
            if hasattr(self, name):
                getattr(self, name).close()


def follow(guest: Guest) -> list[dict[str, Any]]:
    """Return the results; print each as it comes."""
    results: list[dict[str, Any]] = []
    begun = time.monotonic()
    wait_s = BOOT_S
    while time.monotonic() - begun < ALL_S:
        told = guest.line(wait_s)
        wait_s = SILENCE_S
        if told is None:
            raise GuestFailed('the guest ended before its program did')
        if 'ask' in told:
            guest.answer(told)
        elif 'ready' in told:
            say(f'booted in {time.monotonic() - begun:.1f} s: {told["ready"]}')
        elif 'result' in told:
            results.append(told)
            _show(told)
        elif 'over' in told:
            return results
    raise GuestFailed(f'not over after {ALL_S:g} s')


def _show(told: dict[str, Any]) -> None:
    figures = ', '.join(f'{key} {value}' for key, value in told.get('figures', {}).items())
    print(f'  {told["result"]:<7} {told["took_s"]:6.2f} s  {told["test"]}'
          + (f'  [{figures}]' if figures else ''), flush=True)
    if told['result'] != 'passed':
        print('      ' + str(told.get('why', '')).replace('\n', '\n      '), flush=True)


def main() -> int:
    """Build, boot, collect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('files', nargs='*', help='guest test files, without .py; default: all')
    arguments = parser.parse_args()
    begun = time.monotonic()
    sockets = Path(tempfile.mkdtemp(prefix='hw_vm.'))
    try:
        machine = build(arguments.files)
        say(f'machine made in {time.monotonic() - begun:.1f} s; booting ...')
        CONSOLE.unlink(missing_ok=True)
        guest = Guest(machine, sockets)
        try:
            results = follow(guest)
        finally:
            guest.close()
    except (BuildFailed, GuestFailed, QmpError) as error:
        print(f'hw_vm: {error}', file=sys.stderr)
        if isinstance(error, GuestFailed) and CONSOLE.exists():
            print(*CONSOLE.read_text(errors='replace').splitlines()[-30:], sep='\n  | ',
                  file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
    (WORK / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
    count = {kind: sum(one['result'] == kind for one in results)
             for kind in ('passed', 'failed', 'skipped')}
    say(f'took {time.monotonic() - begun:.1f} s')
    print(f'{count["passed"]} passed, {count["failed"]} failed, {count["skipped"]} skipped')
    return 1 if count['failed'] or not count['passed'] else 0


if __name__ == '__main__':
    sys.exit(main())
