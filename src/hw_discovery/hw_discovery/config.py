# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Configuration of hardware discovery. Owns every default; knows no ROS and opens nothing."""

from dataclasses import dataclass, field

BUS_NAMES = (
    'usb', 'serial', 'video', 'i2c', 'spi', 'input', 'network', 'pci', 'iio', 'platform',
)

TEXT_CHARACTERS_MAX = 1024   # of one entry of a list


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
    debounce_ms: int = field(default=20, metadata={
        'help': 'quiet time in ms after the last kernel event before looking again; short, '
                'because a look takes some ms, and a device is to be told of within 100 ms. A '
                'composite USB device that sends its events over a few hundred ms is looked at '
                'more than once'})
    debounce_max_ms: int = field(default=200, metadata={
        'help': 'longest time in ms that a stream of events may put off looking; keeps a device '
                'that comes and goes all the time from hiding the others'})
    lost_devices_max: int = field(default=256, metadata={
        'help': 'how many vanished devices are remembered; the oldest are forgotten first, so '
                'that a flapping device cannot fill the memory'})
    rescan_answer_ms: int = field(default=2000, metadata={
        'help': 'time in ms after which the rescan service answers although the scan goes on; '
                'a scan takes some tens of ms, unless a driver blocks'})
    probe: bool = field(default=True, metadata={
        'help': 'ask ports and buses who is there, as far as the parameters below allow; never '
                'while the robot is armed or an emergency is active'})
    probe_serial: tuple[str, ...] = field(default=('/dev/ttyUSB*', '/dev/ttyACM*'), metadata={
        'help': 'shell patterns of serial ports that may be opened; not the UARTs of the board '
                'by default, since a console or a radio may be there'})
    probe_i2c: tuple[str, ...] = field(default=(), metadata={
        'help': "shell patterns of I2C adapters ('i2c-1', name or sysfs path) that may be asked "
                'besides those of the catalogue, which are made for robot parts'})
    probe_spi: tuple[str, ...] = field(default=(), metadata={
        'help': "shell patterns of declared chip selects that may be asked, e.g. "
                "'/dev/spidev0.*'; SPI has no presence signal, so none by default"})
    never_probe: tuple[str, ...] = field(default=(), metadata={
        'help': 'shell patterns of ports, adapters and places that are never asked'})
    serial_ports_to_ask: tuple[str, ...] = field(default=(), metadata={
        'help': 'shell patterns of serial ports behind which no servo, stepper or motor '
                'controller hangs that would take a question for a command; sensors there are '
                'then asked sooner'})
    serial_ports: tuple[str, ...] = field(default=(), metadata={
        'help': 'paths of serial ports that udev does not list, such as a pty or a link; they '
                'may be asked'})
    declared_devices: tuple[str, ...] = field(default=(), metadata={
        'help': "what is at a place, as '<port or place>=<entry or kind>[,...]', e.g. "
                "'/dev/ttyS4=gps' or 'i2c-1@0x50=eeprom_at24'; lets an operator decide where "
                'asking alone could do harm'})
    catalogue_files: tuple[str, ...] = field(default=(), metadata={
        'help': 'YAML files with further entries of the catalogue; format: docs/CATALOGUE.md'})
    drivers: bool = field(default=True, metadata={
        'help': 'publish identified devices as topics; actuators stay without power until armed'})
    drivers_off: tuple[str, ...] = field(default=(), metadata={
        'help': 'device ids, kinds or driver names that get no driver here'})
    driver_parameters: tuple[str, ...] = field(default=(), metadata={
        'help': "'<device id, kind or driver>:<parameter>=<value>', e.g. 'gps:silence_ms=2000'"})
    mdns_services: tuple[str, ...] = field(default=(), metadata={
        'help': "services that devices on the network announce, e.g. '_rplidar._tcp.local.'; "
                'what is announced is listed, and never asked. None by default'})
    mdns_interfaces: tuple[str, ...] = field(default=(), metadata={
        'help': 'addresses of the interfaces of this robot where announcements are listened '
                'for; needed with mdns_services'})
    memory_file: str = field(default='', metadata={
        'help': 'JSON file that keeps what was identified where, such as a file in the folder of '
                "the robot's storage; after a restart that is asked for first, and counts for "
                "nothing until it answers. '' = remembered until the end of the process"})
    record_transcript: str = field(default='', metadata={
        'help': 'file into which scans, events and answers of buses are written for a replay; '
                "serial numbers are masked. '' = none"})
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
        self.declared_places()
        self.parameters_of('', '', '')
        for path in (*self.serial_ports, *self.catalogue_files):
            if not path.startswith('/'):
                raise ValueError(
                    f'serial_ports, catalogue_files: expected absolute paths; given: {path!r}')
        if bool(self.mdns_services) != bool(self.mdns_interfaces):
            raise ValueError('mdns_services, mdns_interfaces: expected both or neither')
        if self.memory_file and not self.memory_file.startswith('/'):
            raise ValueError(
                f'memory_file: expected an absolute path; given: {self.memory_file!r}')
        for name in ('sysfs_root', 'proc_root'):
            if not str(getattr(self, name)).startswith('/'):
                raise ValueError(
                    f'{name}: expected an absolute path; given: {getattr(self, name)!r}')

    def declared_places(self) -> dict[str, tuple[str, ...]]:
        """Return what the operator says is at a place, by the place's name."""
        declared = {}
        for text in self.declared_devices:
            place, _, names = text.partition('=')
            if not place or not names or len(text) > TEXT_CHARACTERS_MAX:
                raise ValueError(
                    f"declared_devices: expected '<place>=<entry or kind>'; given: {text!r}")
            declared[place] = tuple(name.strip() for name in names.split(','))
        return declared

    def parameters_of(
        self, device_id: str, kind: str, driver: str,
    ) -> dict[str, bool | int | float | str]:
        """Return the parameters for a device's driver; what names the device itself wins."""
        found: dict[int, dict[str, bool | int | float | str]] = {0: {}, 1: {}, 2: {}}
        for text in self.driver_parameters:
            head, mark, value = text.partition('=')
            whose, _, name = head.rpartition(':')
            if not (whose and name and mark) or len(text) > TEXT_CHARACTERS_MAX:
                raise ValueError("driver_parameters: expected '<device, kind or driver>:"
                                 f"<parameter>=<value>'; given: {text!r}")
            for rank, wanted in enumerate((driver, kind, device_id)):
                if wanted and whose == wanted:
                    found[rank][name] = _scalar(value)
        return {**found[0], **found[1], **found[2]}

    @staticmethod
    def _require_range(name: str, value: int, lowest: int, highest: int) -> None:
        if not lowest <= value <= highest:
            raise ValueError(f'{name}: expected {lowest} to {highest}; given: {value}')


def _scalar(text: str) -> bool | int | float | str:
    """Return a value as YAML would read it, without its surprises: 'no' stays a word."""
    if text in ('true', 'false'):
        return text == 'true'
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
