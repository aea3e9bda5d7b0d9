# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which I2C adapters and SPI chip selects there are, who owns an address, what may be asked.

Reads sysfs, opens no bus. The rules are data: a table here that always holds, and what the
catalogue and an operator add.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from hw_discovery.buses.sysfs import SysfsTree, link_name, read_text
from hw_discovery.core.kernel_node import KernelNode, ancestor_paths

_ADAPTER = re.compile(r'i2c-(\d{1,5})$')
_CLIENT = re.compile(r'(\d{1,5})-00([0-7][0-9a-f])$')
_SPIDEV = re.compile(r'spidev(\d{1,5})\.(\d{1,3})$')
PATTERN_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class I2cAdapter:
    """`path`: in sysfs, from '/devices'. `pci_class`: of the PCI device above, '' = none."""

    bus: int
    name: str
    path: str
    pci_class: str = ''

    @property
    def sys_name(self) -> str:
        """Return the kernel's name, e.g. 'i2c-1'."""
        return f'i2c-{self.bus}'


@dataclass(frozen=True, slots=True)
class SpiChipSelect:
    """One declared chip select. `driver`: '' or 'spidev' = free for programs."""

    bus: int
    chip_select: int
    path: str
    driver: str = ''

    @property
    def sys_name(self) -> str:
        """Return the kernel's name, e.g. 'spidev0.1'."""
        return f'spidev{self.bus}.{self.chip_select}'


@dataclass(frozen=True, slots=True)
class DeniedAdapters:
    """Adapters that are never asked: `pattern` is searched in the name, ignoring case."""

    pattern: re.Pattern[str]
    why: str


def denied_by(pattern: str, why: str) -> DeniedAdapters:
    """Return a rule, or raise ValueError that says what was expected."""
    if not 0 < len(pattern) <= PATTERN_CHARS_MAX:
        raise ValueError(f'expected a pattern of 1 to {PATTERN_CHARS_MAX} characters')
    try:
        return DeniedAdapters(re.compile(pattern, re.IGNORECASE), why)
    except re.error as error:
        raise ValueError(f'expected a regular expression; given: {pattern!r} ({error})') from None


_SPD = 'it holds SPD memories, clock chips and voltage regulators of a computer'
_EDID = 'it belongs to a display or graphics processor'
# Names as Linux drivers give them: drivers/i2c/busses/i2c-{i801,piix4,nforce2,amd756,viapro,
# sis*,ali*}.c all begin with 'SMBus', but so does i2c-stub, which is for tests; bridges on USB
# do not ('CP2112 SMBus Bridge on hidraw0'). The rest: drivers/gpu/drm, and the adapters that
# arch/arm/boot/dts/broadcom/bcm2{711,835,712}*.dtsi wire to HDMI. A configuration can add to
# these, not take away.
ALWAYS_DENIED = (
    denied_by(r'^SMBus (?!stub)|i801|piix4|nforce|amd756|amd8111|viapro|\bali15|\bsis\d', _SPD),
    denied_by(r'\b(dp|ddc|edid|hdmi|dvi|vga|lvds|aux|gmbus|dpmst)|dp-?aux', _EDID),
    denied_by(r'i915|nvidia|nouveau|nvkm|amdgpu|radeon|gpu|\bdrm\b|mga i2c', _EDID),
    denied_by(r'fef0[49]500\.i2c|i2c@7e805000|7d5082[08]0\.i2c', _EDID),
)
# PCI class codes: https://pci-ids.ucw.cz/read/PD
_PCI_DENIED = {'0x03': _EDID, '0x0c05': _SPD}


@dataclass(frozen=True, slots=True)
class AdapterRules:
    """`allow`: an operator's shell patterns for the kernel's name ('i2c-1'), the adapter's name or
    its path in sysfs. `allow_names`: the catalogue's, searched in the adapter's name. Without
    either no adapter is allowed. `denied` is asked first."""

    allow: tuple[str, ...] = ()
    denied: tuple[DeniedAdapters, ...] = ()
    allow_names: tuple[re.Pattern[str], ...] = ()

    def refusal(self, adapter: I2cAdapter) -> str:
        """Return why the adapter must not be asked; '' = it may."""
        for rule in ALWAYS_DENIED + self.denied:
            if rule.pattern.search(adapter.name):
                return f'{adapter.sys_name} ({adapter.name}) is never asked: {rule.why}'
        for prefix, why in _PCI_DENIED.items():
            if adapter.pci_class.lower().startswith(prefix):
                return f'{adapter.sys_name} (PCI class {adapter.pci_class}) is never asked: {why}'
        is_named = any(pattern.search(adapter.name) for pattern in self.allow_names)
        if not is_named and not matches_any(
                (adapter.sys_name, adapter.name, adapter.path), self.allow):
            return (f'{adapter.sys_name} ({adapter.name}) is not on the list of adapters that may '
                    f'be asked: {", ".join(self.allow) or "the list is empty"}')
        return ''


def matches_any(names: Iterable[str], patterns: tuple[str, ...]) -> bool:
    """Tell whether a name fits a shell pattern; case counts."""
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


class HostAdapters:
    """Asks sysfs anew each time: USB adapters come and go."""

    def __init__(self, sysfs_root: Path = Path('/sys')) -> None:
        self._root = sysfs_root
        self._tree = SysfsTree(sysfs_root)

    def i2c(self) -> tuple[I2cAdapter, ...]:
        """Return all adapters by number, or raise BusUnreadable."""
        found = [self._adapter(n) for n in self._tree.nodes('i2c-dev', ('name',))]
        return tuple(sorted((a for a in found if a), key=lambda a: a.bus))

    def i2c_adapter(self, bus: int) -> I2cAdapter | None:
        """Return one adapter; None if there is none."""
        node = self._tree.node(
            'i2c-dev', self._root / 'class/i2c-dev' / f'i2c-{bus}', ('name',))
        return self._adapter(node) if node else None

    def i2c_owner(self, adapter: I2cAdapter, address: int) -> str:
        """Return the kernel driver that owns an address, '' = none; see also EBUSY."""
        above = self._root / adapter.path.lstrip('/')
        return link_name(above / f'{adapter.bus}-{address:04x}' / 'driver')

    def i2c_owners(self, bus: int) -> dict[int, str]:
        """Return the drivers of all owned addresses of an adapter."""
        owned = {}
        for node in self._tree.nodes('i2c', ()):
            found = _CLIENT.match(node.sys_name)
            if found and int(found.group(1)) == bus and node.driver:
                owned[int(found.group(2), 16)] = node.driver
        return owned

    def spi(self) -> tuple[SpiChipSelect, ...]:
        """Return the chip selects that programs can open, or raise BusUnreadable."""
        found = [_chip_select(n, self._spi_driver(n)) for n in self._tree.nodes('spidev', ())]
        return tuple(sorted((c for c in found if c), key=lambda c: (c.bus, c.chip_select)))

    def spi_chip_select(self, bus: int, chip_select: int) -> SpiChipSelect | None:
        """Return a declared chip select, also one that a driver took; None if there is none."""
        link = self._root / 'class/spidev' / f'spidev{bus}.{chip_select}'
        node = self._tree.node('spidev', link, ())
        if node is not None:
            return _chip_select(node, self._spi_driver(node))
        declared = self._tree.node(
            'spi', self._root / 'bus/spi/devices' / f'spi{bus}.{chip_select}', ())
        if declared is None:
            return None
        return SpiChipSelect(bus, chip_select, declared.sysfs_path, declared.driver)

    def _adapter(self, node: KernelNode | None) -> I2cAdapter | None:
        found = _ADAPTER.match(node.sys_name) if node else None
        if node is None or found is None:
            return None
        path = node.sysfs_path.partition('/i2c-dev/')[0]
        name = node.attribute('name') or read_text(self._root / path.lstrip('/') / 'name')
        return I2cAdapter(int(found.group(1)), name, path, self._pci_class(path))

    def _pci_class(self, path: str) -> str:
        for above in ancestor_paths(path):
            text = read_text(self._root / above.lstrip('/') / 'class')
            if text.startswith('0x'):
                return text
        return ''

    def _spi_driver(self, node: KernelNode) -> str:
        device = self._tree.node('spi', self._root / node.sysfs_path.partition(
            '/spidev/')[0].lstrip('/'), ())
        return device.driver if device else ''


def _chip_select(node: KernelNode, driver: str) -> SpiChipSelect | None:
    found = _SPIDEV.match(node.sys_name)
    if found is None:
        return None
    return SpiChipSelect(
        int(found.group(1)), int(found.group(2)), node.sysfs_path.partition('/spidev/')[0], driver)
