# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What announced itself on the network, as nodes for the scan. Nothing runs unless opened."""

import threading
from collections.abc import Callable, Sequence

from hw_discovery.buses.mdns import Announcement, MdnsListener
from hw_discovery.core.kernel_node import KernelNode


class AnnouncedDevices:
    """Open and close it on one thread; `nodes` may be called on any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nodes: dict[str, KernelNode] = {}
        self._listener: MdnsListener | None = None

    def open(
        self, services: Sequence[str], interfaces: Sequence[str], news: Callable[[str], None],
    ) -> str:
        """Listen; `news(path)` is called on the listener's thread. Return why not; '' = it does.
        """
        def appeared(announced: Announcement) -> None:
            node = _node(announced)
            with self._lock:
                self._nodes[node.sysfs_path] = node
            news(node.sysfs_path)

        def vanished(announced: Announcement) -> None:
            path = _node(announced).sysfs_path
            with self._lock:
                self._nodes.pop(path, None)
            news(path)

        try:
            self._listener = MdnsListener(services, interfaces, appeared, vanished)
        except ImportError:
            return 'announced devices are not seen: install python3-zeroconf or pip: zeroconf'
        except (OSError, ValueError) as error:
            return f'announced devices are not seen: {error}'
        return ''

    def close(self) -> None:
        """Leave the network, if it was opened."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def nodes(self) -> list[KernelNode]:
        """Return what is announced now."""
        with self._lock:
            return list(self._nodes.values())


def _node(announced: Announcement) -> KernelNode:
    name = announced.name.replace('/', '-') or 'unnamed'
    service = announced.service.removesuffix('.local.')
    return KernelNode(
        'mdns', f'/devices/announced/{service}/{name}', source='mdns', attributes={
            'service': service, 'host': announced.host, 'port': str(announced.port),
            'addresses': ','.join(announced.addresses),
            'properties': ', '.join(f'{key}={value}' for key, value in announced.properties)})
