# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Configuration of hardware discovery. Owns every default; knows no ROS and opens nothing."""

from dataclasses import dataclass, field

BUS_NAMES = (
    'usb', 'serial', 'video', 'i2c', 'spi', 'input', 'network', 'pci', 'platform',
)


@dataclass(frozen=True)
class Config:
    """Every field has a unit where it has one, and a reason for its default."""

    robot_id: str = field(default='', metadata={
        'help': 'name of this robot; it is copied into every message'})
    swarm_id: str = field(default='swarm', metadata={
        'help': 'name of the swarm; discovery itself does not use it'})
    buses: tuple[str, ...] = field(default=BUS_NAMES, metadata={
        'help': f'what to look at, of: {", ".join(BUS_NAMES)}. All by default, because looking '
                'is passive: no bus is written to or read from'})
    follow_hotplug: bool = field(default=True, metadata={
        'help': "follow the kernel's events; without it only the rescan service looks again"})
    debounce_ms: int = field(default=300, metadata={
        'help': 'quiet time in ms after the last kernel event before looking again; a composite '
                'USB device sends its events over a few hundred ms (chosen without more data)'})
    debounce_max_ms: int = field(default=2000, metadata={
        'help': 'longest time in ms that a stream of events may put off looking; keeps a device '
                'that comes and goes all the time from hiding the others'})
    lost_devices_max: int = field(default=256, metadata={
        'help': 'how many vanished devices are remembered; the oldest are forgotten first, so '
                'that a flapping device cannot fill the memory'})
    rescan_answer_ms: int = field(default=2000, metadata={
        'help': 'time in ms after which the rescan service answers although the scan goes on; '
                'a scan takes some tens of ms, unless a driver blocks'})
    sysfs_root: str = field(default='/sys', metadata={
        'help': 'where sysfs is mounted; another root than /sys is read without udev'})
    proc_root: str = field(default='/proc', metadata={
        'help': 'where procfs is mounted'})

    def __post_init__(self) -> None:
        """Refuse values that cannot work, and say what would."""
        unknown = [name for name in self.buses if name not in BUS_NAMES]
        if unknown:
            raise ValueError(
                f'buses: expected names of {", ".join(BUS_NAMES)}; given: {", ".join(unknown)}')
        self._require_range('debounce_ms', self.debounce_ms, 1, 60_000)
        self._require_range('debounce_max_ms', self.debounce_max_ms, self.debounce_ms, 600_000)
        self._require_range('lost_devices_max', self.lost_devices_max, 0, 10_000)
        self._require_range('rescan_answer_ms', self.rescan_answer_ms, 1, 60_000)
        for name in ('sysfs_root', 'proc_root'):
            if not str(getattr(self, name)).startswith('/'):
                raise ValueError(
                    f'{name}: expected an absolute path; given: {getattr(self, name)!r}')

    @staticmethod
    def _require_range(name: str, value: int, lowest: int, highest: int) -> None:
        if not lowest <= value <= highest:
            raise ValueError(f'{name}: expected {lowest} to {highest}; given: {value}')
