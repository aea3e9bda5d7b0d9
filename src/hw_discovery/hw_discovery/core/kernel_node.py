# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the kernel lists, as plain values. Knows paths and names, not what they mean."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class KernelNode:
    """One entry of sysfs.

    sysfs_path starts with '/devices/' and has no mount point in it; `properties` are the uevent
    file's and, where a udev database exists, the database's; `attributes` are file contents.
    """

    subsystem: str
    sysfs_path: str
    device_path: str = ''
    driver: str = ''
    properties: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    source: str = 'sysfs'

    @property
    def sys_name(self) -> str:
        """Last part of the path, e.g. 'ttyUSB0'."""
        return self.sysfs_path.rsplit('/', 1)[-1]

    @property
    def parent_path(self) -> str:
        """Path of the directory above, which need not be a node."""
        return self.sysfs_path.rpartition('/')[0]

    @property
    def is_virtual(self) -> bool:
        """Made by software: loop-back, bridges, consoles."""
        return self.sysfs_path.startswith('/devices/virtual/')

    def attribute(self, name: str) -> str:
        """Content of an attribute; '' if it was not there or could not be read."""
        return self.attributes.get(name, '')

    def property(self, name: str) -> str:
        """Value of a property; '' if there is none."""
        return self.properties.get(name, '')


def ancestor_paths(sysfs_path: str) -> Iterator[str]:
    """Paths above this one, nearest first, without '/devices' itself."""
    path = sysfs_path.rpartition('/')[0]
    while path.count('/') >= 2:
        yield path
        path = path.rpartition('/')[0]


class NodeTree:
    """Nodes of one scan, to be asked for relatives. Order never depends on the listing."""

    def __init__(self, nodes: Iterable[KernelNode]) -> None:
        self._nodes = sorted(nodes, key=lambda node: (node.sysfs_path, node.subsystem))
        self._by_key = {(node.subsystem, node.sysfs_path): node for node in self._nodes}
        self._below: dict[tuple[str, str], list[KernelNode]] = {}
        for node in self._nodes:
            for path in ancestor_paths(node.sysfs_path):
                self._below.setdefault((node.subsystem, path), []).append(node)

    def of(self, subsystem: str) -> list[KernelNode]:
        """All nodes of a subsystem, by path."""
        return [node for node in self._nodes if node.subsystem == subsystem]

    def below(self, path: str, subsystem: str) -> list[KernelNode]:
        """Nodes of a subsystem anywhere under a path."""
        return self._below.get((subsystem, path), [])

    def nearest_above(self, node: KernelNode, subsystem: str, devtype: str) -> KernelNode | None:
        """Closest ancestor of this subsystem and DEVTYPE ('' = any)."""
        for path in ancestor_paths(node.sysfs_path):
            found = self._by_key.get((subsystem, path))
            if found is not None and devtype in ('', found.property('DEVTYPE')):
                return found
        return None
