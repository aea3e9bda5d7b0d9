# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Facts about the computer: processor, memory, board. Reads small files, starts nothing."""

import platform
import re
from pathlib import Path

from hw_discovery.buses.sysfs import read_text
from hw_discovery.core.host import HostFacts

_CPUINFO_BYTES_MAX = 65_536          # some hundred bytes to 2 kB per processor; the first suffice
_CPU_MODEL = re.compile(r'^(?:model name|cpu model)\s*:\s*(.+)$', re.MULTILINE)
_ARM_PART = re.compile(r'^CPU (implementer|part)\s*:\s*(\S+)$', re.MULTILINE)
_RANGE = re.compile(r'(\d{1,5})(?:-(\d{1,5}))?')
_DMI_EMPTY = ('', 'To Be Filled By O.E.M.', 'Default string', 'System Product Name')


def host_facts(sysfs_root: Path, proc_root: Path) -> HostFacts:
    """Return what can be read; 0 and '' for the rest."""
    cpuinfo = _read(proc_root / 'cpuinfo', _CPUINFO_BYTES_MAX)
    return HostFacts(
        cpu_cores=_cores(sysfs_root, cpuinfo), cpu_model=_cpu_model(cpuinfo),
        memory_bytes=_memory_bytes(_read(proc_root / 'meminfo', 4096)),
        machine=platform.machine(), model=_board(sysfs_root, proc_root))


def _read(path: Path, bytes_max: int) -> str:
    try:
        with open(path, 'rb') as opened:
            return opened.read(bytes_max).decode('utf-8', 'replace')
    except OSError:
        return ''


def _cores(sysfs_root: Path, cpuinfo: str) -> int:
    online = read_text(sysfs_root / 'devices/system/cpu/online')
    ranges = [_RANGE.fullmatch(part) for part in online.split(',')] if online else []
    counts = [int(m.group(2) or m.group(1)) - int(m.group(1)) + 1 for m in ranges if m]
    return max(0, sum(counts)) or len(re.findall(r'^processor\s*:', cpuinfo, re.MULTILINE))


def _cpu_model(cpuinfo: str) -> str:
    named = _CPU_MODEL.search(cpuinfo)
    if named:
        return ' '.join(named.group(1).split())[:128]
    parts = dict(_ARM_PART.findall(cpuinfo))
    if 'implementer' in parts and 'part' in parts:
        return f'ARM implementer {parts["implementer"]} part {parts["part"]}'
    return ''


def _memory_bytes(meminfo: str) -> int:
    total = re.search(r'^MemTotal:\s+(\d{1,15}) kB$', meminfo, re.MULTILINE)
    return int(total.group(1)) * 1024 if total else 0


def _board(sysfs_root: Path, proc_root: Path) -> str:
    """Return the device tree's name of the board, or that of the firmware's tables."""
    for path in (sysfs_root / 'firmware/devicetree/base/model', proc_root / 'device-tree/model'):
        model = read_text(path)
        if model:
            return model
    dmi = sysfs_root / 'class/dmi/id'
    names = (read_text(dmi / 'sys_vendor'), read_text(dmi / 'product_name'))
    return ' '.join(name for name in names if name not in _DMI_EMPTY)
