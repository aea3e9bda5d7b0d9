# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Devices on the network that announce themselves by multicast DNS. Off unless asked for.

It listens and asks for named services only, on named interfaces; nothing is scanned and no
device is connected to. zeroconf (python3-zeroconf) does it: multicast DNS has conflicts, caches
and truncation that are not worth writing anew, and avahi is not on every robot.
"""

import contextlib
import queue
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hw_discovery.buses.sysfs import printable

SERVICES_MAX = 32
ANNOUNCED_MAX = 256          # a network of offices announces hundreds; robots announce a few
PROPERTIES_MAX = 32
RESOLVE_MS = 3000            # RFC 6762 5.2: a second question follows after one second
_SERVICE = re.compile(r'_[A-Za-z0-9-]{1,15}\._(tcp|udp)\.local\.$')      # RFC 6763 7


@dataclass(frozen=True, slots=True)
class Announcement:
    """`service`: e.g. '_rplidar._tcp.local.'. Everything here is what a stranger claims."""

    service: str
    name: str
    host: str = ''
    addresses: tuple[str, ...] = ()
    port: int = 0
    properties: tuple[tuple[str, str], ...] = ()


class MdnsListener:
    """Tells of announcements, from a thread of its own, until it is closed."""

    def __init__(
        self, services: Sequence[str], interfaces: Sequence[str],
        appeared: Callable[[Announcement], None], vanished: Callable[[Announcement], None],
    ) -> None:
        """Begin. Raises ValueError for names that are none, ImportError without zeroconf,
        OSError where there is no such interface. interfaces: addresses of this host."""
        _check(services, interfaces)
        # Here and not above: this is an option.
        import zeroconf  # type: ignore[import-untyped,import-not-found,unused-ignore]
        self._added, self._removed = (
            zeroconf.ServiceStateChange.Added, zeroconf.ServiceStateChange.Removed)
        self._appeared, self._vanished = appeared, vanished
        self._is_closing = False
        self._known: dict[str, Announcement] = {}
        self._inbox: queue.Queue[tuple[Any, str, str] | None] = queue.Queue(4 * ANNOUNCED_MAX)
        self._zeroconf: Any = zeroconf.Zeroconf(interfaces=list(interfaces))
        self._thread = threading.Thread(target=self._run, name='mdns', daemon=True)
        self._thread.start()
        self._browser: Any = zeroconf.ServiceBrowser(
            self._zeroconf, list(services), handlers=[self._on_change])

    def close(self) -> None:
        """Leave the network."""
        self._browser.cancel()
        self._is_closing = True
        with contextlib.suppress(queue.Full):        # full: the thread does not wait for it
            self._inbox.put_nowait(None)
        self._thread.join(RESOLVE_MS / 1000 + 1)
        self._zeroconf.close()

    def _on_change(self, zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        # Called on the library's thread, which must not wait. What does not fit is dropped: it
        # is announced again.
        if not self._inbox.full():
            self._inbox.put_nowait((state_change, service_type, name))

    def _run(self) -> None:
        while (change := self._inbox.get()) is not None and not self._is_closing:
            state, service, name = change
            if state is self._added and len(self._known) < ANNOUNCED_MAX:
                self._known[name] = self._resolved(service, name)
                self._appeared(self._known[name])
            elif state is self._removed and name in self._known:
                self._vanished(self._known.pop(name))

    def _resolved(self, service: str, name: str) -> Announcement:
        told = self._zeroconf.get_service_info(service, name, timeout=RESOLVE_MS)
        shown = printable(name.removesuffix(f'.{service}'))
        if told is None:
            return Announcement(service, shown)
        return Announcement(
            service, shown, printable(told.server or ''), tuple(sorted(told.parsed_addresses())),
            int(told.port or 0), _properties(told.properties))


def _check(services: Sequence[str], interfaces: Sequence[str]) -> None:
    if not 1 <= len(services) <= SERVICES_MAX or not interfaces:
        raise ValueError(f'expected 1 to {SERVICES_MAX} services and at least one interface')
    for service in services:
        if not _SERVICE.match(service):
            raise ValueError(
                f"expected a service such as '_rplidar._tcp.local.'; given: {service!r}")


def _properties(told: dict[bytes, bytes | None]) -> tuple[tuple[str, str], ...]:
    texts = [(printable(key.decode('utf-8', 'replace')),
              printable((value or b'').decode('utf-8', 'replace')))
             for key, value in list(told.items())[:PROPERTIES_MAX]]
    return tuple(sorted(texts))
