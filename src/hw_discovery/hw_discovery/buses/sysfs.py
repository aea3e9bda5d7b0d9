# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads sysfs with limits on everything. Knows the layout of /sys, not what a device is."""

import os
from collections.abc import Sequence
from pathlib import Path

from hw_discovery.buses.bus import BusUnreadable
from hw_discovery.core.kernel_node import KernelNode

# A sysfs file is at most one page. The rest are far above what a robot has and keep a
# broken driver, or a file system that only looks like sysfs, from filling the memory.
FILE_BYTES_MAX = 4096
TEXT_CHARS_MAX = 256
NODES_MAX = 2048
PROPERTIES_MAX = 128


def read_text(path: Path) -> str:
    """Return the printable start of a small file; '' if it cannot be read."""
    try:
        with open(path, 'rb', buffering=0) as opened:
            content = opened.read(FILE_BYTES_MAX) or b''
    except OSError:
        return ''
    return printable(content.decode('utf-8', 'replace'))


def printable(text: str) -> str:
    """Return text that is safe in a log and a message: one line, of limited length."""
    kept = ''.join(c if c.isprintable() else ' ' for c in text.strip('\0\n\t '))
    return kept[:TEXT_CHARS_MAX].strip()


class SysfsTree:
    """sysfs below a root directory, which is /sys but for tests."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))

    @property
    def is_mounted(self) -> bool:
        """Without /sys/devices every subsystem would look empty."""
        return (self._root / 'devices').is_dir()

    def nodes(self, subsystem: str, attributes: Sequence[str]) -> list[KernelNode]:
        """Return the nodes of a subsystem; none if the kernel does not know it."""
        found = []
        for path in self._listed(subsystem):
            node = self.node(subsystem, path, attributes)
            if node is not None:
                found.append(node)
        return found

    def node(
        self, subsystem: str, path: Path, attributes: Sequence[str],
    ) -> KernelNode | None:
        """Return one node; None if it vanished meanwhile or lies outside of /sys/devices."""
        real = os.path.realpath(path)
        if not real.startswith(f'{self._root}/devices/'):
            return None
        here = Path(real)
        properties = self._properties(here)
        return KernelNode(
            subsystem=subsystem, sysfs_path=real[len(str(self._root)):],
            device_path=_device_path(properties), driver=link_name(here / 'driver'),
            properties=properties, attributes=self.attributes(here, attributes))

    def attributes(self, path: Path, names: Sequence[str]) -> dict[str, str]:
        """Return the attributes that can be read and are not empty."""
        read = ((name, read_text(path / name)) for name in names)
        return {name: text for name, text in read if text}

    def _listed(self, subsystem: str) -> list[Path]:
        for directory in (self._root / 'bus' / subsystem / 'devices',
                          self._root / 'class' / subsystem):
            try:
                names = sorted(os.listdir(directory))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise BusUnreadable(subsystem, error.strerror or str(error)) from error
            if len(names) > NODES_MAX:
                raise BusUnreadable(subsystem, f'{len(names)} entries, more than {NODES_MAX}')
            return [directory / name for name in names]
        return []

    def _properties(self, path: Path) -> dict[str, str]:
        """Return the uevent file's lines KEY=value; they are cut to a number and a length."""
        try:
            with open(path / 'uevent', 'rb', buffering=0) as opened:
                content = opened.read(FILE_BYTES_MAX) or b''
        except OSError:
            return {}
        lines = content.decode('utf-8', 'replace').splitlines()[:PROPERTIES_MAX]
        pairs = (line.partition('=') for line in lines)
        return {key: printable(value) for key, separator, value in pairs if separator}


def _device_path(properties: dict[str, str]) -> str:
    name = properties.get('DEVNAME', '')
    return name if name.startswith('/dev/') or not name else f'/dev/{name}'


def link_name(path: Path) -> str:
    """Return the last part of where a link points, e.g. a driver's name; '' if there is none."""
    try:
        return os.path.basename(os.readlink(path))
    except OSError:
        return ''
