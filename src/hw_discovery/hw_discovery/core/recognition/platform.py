# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The computer's own processor and memory as devices, so that needs can be matched to them."""

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.host import HostFacts

CPU_PATH = '/devices/system/cpu'


def recognise(host: HostFacts) -> list[Finding]:
    """Return what the host facts establish; an unknown figure establishes nothing."""
    found = []
    if host.cpu_cores:
        found.append(_finding(
            'cpu', host.cpu_model or 'CPU',
            Capability('compute:cpu', float(host.cpu_cores), 'count'), CPU_PATH,
            Observation('sysfs', f'{CPU_PATH}/online', str(host.cpu_cores),
                        'logical processors that are online')))
    if host.memory_bytes:
        found.append(_finding(
            'memory', 'main memory',
            Capability('memory:ram', float(host.memory_bytes), 'B'), '/devices/system/memory',
            Observation('procfs', 'meminfo:MemTotal', str(host.memory_bytes),
                        'bytes of memory the kernel manages')))
    return found


def _finding(
    key: str, name: str, capability: Capability, path: str, seen: Observation,
) -> Finding:
    return Finding(
        bus=BusKind.PLATFORM, sysfs_path=path, name=name, verdict=Verdict.IDENTIFIED,
        confidence=1.0, port_id=f'platform:{key}', capabilities=(capability,), evidence=(seen,))
