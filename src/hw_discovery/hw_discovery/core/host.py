# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Facts about the computer itself, and the processors jobs can be sent to."""

from dataclasses import dataclass
from enum import Enum


class ComputeKind(Enum):
    """Kind of processor."""

    UNKNOWN = 'unknown'
    CPU = 'cpu'
    GPU = 'gpu'
    NPU = 'npu'


@dataclass(frozen=True)
class ComputeUnit:
    """A processor. cores and memory_bytes: 0 = unknown; device_id: '' = none listed."""

    unit_id: str
    kind: ComputeKind
    model: str = ''
    cores: int = 0
    memory_bytes: int = 0
    device_id: str = ''


@dataclass(frozen=True)
class HostFacts:
    """What the host says of itself. 0 and '' = unknown."""

    cpu_cores: int = 0
    cpu_model: str = ''
    memory_bytes: int = 0
    machine: str = ''
    model: str = ''

    def cpu_units(self, device_id: str = '') -> tuple[ComputeUnit, ...]:
        """Return the CPU as a compute unit, or nothing if not even a core was seen."""
        if self.cpu_cores == 0:
            return ()
        return (ComputeUnit(
            'cpu0', ComputeKind.CPU, self.cpu_model, self.cpu_cores, self.memory_bytes,
            device_id),)
