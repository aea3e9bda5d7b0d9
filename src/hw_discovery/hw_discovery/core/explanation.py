# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A device as text: how it was identified, how to launch what drives it.

Owns the words for `swarmctl hardware explain`. Adds no judgement of its own.
"""

from collections.abc import Iterable, Sequence

from hw_discovery.core.catalogue.entry import DeviceEntry, RosDriver
from hw_discovery.core.device import BusKind, DevicePhase, HardwareDevice, Verdict
from hw_discovery.core.places import PlaceSeen
from hw_discovery.core.probing.consent import place_key
from hw_discovery.core.probing.explain import explain as explain_verdict
from hw_discovery.core.probing.operation import I2cPlace, Place
from hw_discovery.core.probing.verdict import PlaceState, ProbeVerdict

LINES_MAX = 200
PLACES_TOLD_MAX = 16         # of an adapter with a hundred addresses only those that say something


def find(devices: Sequence[HardwareDevice], text: str) -> HardwareDevice | str:
    """Return the device that is meant by an id, a device path or a part of an id; else why not."""
    if not text:
        return 'expected a device_id, a device path or a part of an id'
    for fits in (
        [d for d in devices if d.device_id == text],
        # The innermost of a chain that shares a port: what hangs on it is what is meant.
        sorted((d for d in devices if d.device_path == text and d.is_present),
               key=lambda d: -d.sysfs_path.count('/'))[:1],
        [d for d in devices if text in d.device_id or text.lower() in d.name.lower()],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            names = ', '.join(sorted(d.device_id for d in fits)[:6])
            return f'{text!r} fits {len(fits)} devices: {names}'
    return f'no device is called {text!r}; `swarmctl hardware list` shows all'


def lines_of(
    device: HardwareDevice, verdicts: Sequence[ProbeVerdict], places: Sequence[PlaceSeen],
) -> tuple[str, ...]:
    """Return the explanation; verdicts and places are those that concern the device."""
    lines = [*_headline(device), *_seen(device)]
    told = [one for one in verdicts if _is_worth(one)]
    for verdict in told[:PLACES_TOLD_MAX]:
        lines += ['', *explain_verdict(verdict)]
    if len(told) > PLACES_TOLD_MAX:
        lines.append(f'and {len(told) - PLACES_TOLD_MAX} more places')
    refused: dict[str, list[str]] = {}
    for seen in places:
        if seen.refusal:
            refused.setdefault(seen.refusal, []).append(place_key(seen.place))
    for reason, keys in sorted(refused.items()):
        more = f' and {len(keys) - 1} more' if len(keys) > 1 else ''
        lines.append(f'not asked: {keys[0]}{more}: {reason}')
    return tuple(lines[:LINES_MAX])


def obstacles(verdicts: Iterable[ProbeVerdict]) -> tuple[str, ...]:
    """Return one sentence for each place that could not be asked, and what to do about it."""
    stopped = (PlaceState.DENIED, PlaceState.BUSY)
    told = dict.fromkeys(f'{place_key(one.place)}: {one.detail}' for one in verdicts
                         if one.state in stopped and one.detail)
    return tuple(told)[:PLACES_TOLD_MAX]


def _headline(device: HardwareDevice) -> list[str]:
    lines = [f'{device.device_id}: {device.name}',
             f'{device.verdict.value}, confidence {device.confidence:.2f}, {device.phase.value}, '
             f'attachment {device.generation}']
    if device.phase is DevicePhase.LOST:
        lines.append('it is not there now; what follows was true when it was')
    if device.claimed_by:
        lines.append(f'held by {device.claimed_by}')
    if device.fault:
        lines.append(f'fault: {device.fault}')
    if device.state:
        lines.append(f'it is in its {device.state}')
    if device.topics:
        lines.append(f'topics: {", ".join(device.topics)}')
    return lines


def _seen(device: HardwareDevice) -> list[str]:
    lines = [f'  {seen.source} {seen.location}: {seen.seen}: {seen.says}'
             for seen in device.evidence]
    if device.verdict is Verdict.AMBIGUOUS:
        lines.append(f'not excluded: {", ".join(device.alternatives)}')
    return (['seen:', *lines] if lines else [])


def _is_worth(verdict: ProbeVerdict) -> bool:
    """An address where nobody answered is not worth a line, unless something was refused."""
    if isinstance(verdict.place, I2cPlace):
        return verdict.state not in (PlaceState.ABSENT, PlaceState.NOT_ASKED)
    return True


def launch_fragment(
    entry: DeviceEntry, device: HardwareDevice, place: Place | None, baud: int, frame_id: str,
) -> str:
    """Return a launch file for the first ROS package that the entry names; '' = it names none."""
    if not entry.drivers:
        return ''
    driver = entry.drivers[0]
    filled = {
        'device_path': device.device_path, 'frame_id': frame_id,
        'baud': str(baud or _usual_baud(entry)),
        'address': f'0x{place.address:02x}' if isinstance(place, I2cPlace) else '',
        'bus': str(place.bus) if isinstance(place, I2cPlace) else ''}
    lines = ['<launch>',
             f'  <node pkg="{_xml(driver.package)}" exec="{_xml(driver.executable)}" '
             f'name="{_xml(entry.kind)}">']
    lines += [f'    <param name="{_xml(name)}" value="{_xml(_filled(value, filled))}"/>'
              for name, value in driver.parameters]
    return '\n'.join([*lines, '  </node>', '</launch>', *_topics(driver)])


def _topics(driver: RosDriver) -> list[str]:
    return [f'<!-- {_xml(name)}: {_xml(kind)} -->' for name, kind in driver.topics]


def _usual_baud(entry: DeviceEntry) -> int:
    return entry.serial.bauds[0] if entry.serial is not None and entry.serial.bauds else 0


def _filled(value: str, facts: dict[str, str]) -> str:
    for name, fact in facts.items():
        value = value.replace('{' + name + '}', fact)
    return value


def _xml(text: str) -> str:
    return (text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
            .replace('"', '&quot;').replace('--', '- -'))


def needs_stanza(device: HardwareDevice) -> bool:
    """Tell whether the catalogue does not know the device; buses and the host are no devices."""
    return not device.catalogue_id and device.bus is not BusKind.PLATFORM
