# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""From verdicts of the planner to findings of the inventory. Adds no judgement of its own.

What is behind a port, at an address or on a chip select is a device of its own below it. Its id
is its own serial number where it said one, else the id above with the entry's.
"""

from collections.abc import Sequence

from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.device import BusKind, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.offers import offers_of
from hw_discovery.core.probing.evidence import UNKNOWN_ID
from hw_discovery.core.probing.operation import I2cPlace, Place, SerialPlace
from hw_discovery.core.probing.verdict import PlaceState, ProbeVerdict

ALTERNATIVES_MAX = 12        # more tell people nothing; `explain` has all
EVIDENCE_MAX = 24
SERIAL_CHARACTERS_MAX = 64


def findings_of(verdicts: Sequence[ProbeVerdict], catalogue: Catalogue) -> tuple[Finding, ...]:
    """Return what is there, one for each device: second faces of a chip are left out."""
    return tuple(_finding(one, catalogue) for one in verdicts if is_something(one))


def is_something(verdict: ProbeVerdict) -> bool:
    """Tell whether somebody is at the place by their own words, not by a shared id alone."""
    if verdict.same_as is not None:
        return False
    if verdict.verdict is Verdict.IDENTIFIED:
        return True
    # An I2C chip that acknowledges is there, whoever it is; an open port proves nothing.
    if isinstance(verdict.place, I2cPlace):
        return verdict.state is PlaceState.PRESENT
    return verdict.verdict is Verdict.AMBIGUOUS and verdict.bits > 0


def below(place: Place) -> str:
    """Return the last part of the path of what is found at a place."""
    if isinstance(place, I2cPlace):
        return f'probed-0x{place.address:02x}'
    return 'probed'


def unit_serial(verdict: ProbeVerdict) -> str:
    """Return the serial number that the device itself said; '' = none."""
    said = verdict.unit_serial[:SERIAL_CHARACTERS_MAX]
    return said if said.strip('0fF-: ') and said.isprintable() else ''


def _finding(verdict: ProbeVerdict, catalogue: Catalogue) -> Finding:
    place = verdict.place
    certain = verdict.verdict is Verdict.IDENTIFIED
    entry = catalogue.by_id(verdict.entry_id) if certain else None
    serial = unit_serial(verdict) if entry else ''
    nested = entry.id if entry else 'unknown'
    if isinstance(place, I2cPlace):
        nested = f'0x{place.address:02x}'        # two chips of a kind share no address
    return Finding(
        bus=_bus(place), sysfs_path=f'{place.path or _node(place)}/{below(place)}',
        name=verdict.name if certain else _unsure_name(verdict),
        verdict=Verdict.IDENTIFIED if entry else _unsure(verdict),
        confidence=verdict.confidence, port_id=f'probed:{place.path}/{nested}',
        strong_id=f'{entry.id}:{serial}' if entry and serial else '', nested_id=nested,
        serial=serial, device_path=_node(place),
        alternatives=() if entry else _alternatives(verdict),
        capabilities=offers_of(entry) if entry else (),
        evidence=_evidence(verdict), kind=entry.kind if entry else '',
        catalogue_id=entry.id if entry else '')


def _unsure(verdict: ProbeVerdict) -> Verdict:
    return Verdict.AMBIGUOUS if _alternatives(verdict) else Verdict.UNKNOWN


def _unsure_name(verdict: ProbeVerdict) -> str:
    place = verdict.place
    where = f' at 0x{place.address:02x}' if isinstance(place, I2cPlace) else ''
    return f'likely {verdict.name}{where}' if verdict.name else f'something unknown{where}'


def _alternatives(verdict: ProbeVerdict) -> tuple[str, ...]:
    named = [verdict.entry_id, *(item.entry_id for item in verdict.alternatives)]
    kept = [name for name in dict.fromkeys(named) if name]
    if kept in ([], [UNKNOWN_ID]):
        return ()
    return tuple(kept[:ALTERNATIVES_MAX])


def _evidence(verdict: ProbeVerdict) -> tuple[Observation, ...]:
    return tuple(verdict.evidence[:EVIDENCE_MAX])


def _bus(place: Place) -> BusKind:
    if isinstance(place, I2cPlace):
        return BusKind.I2C
    return BusKind.SERIAL if isinstance(place, SerialPlace) else BusKind.SPI


def _node(place: Place) -> str:
    if isinstance(place, SerialPlace):
        return place.device
    if isinstance(place, I2cPlace):
        return f'/dev/i2c-{place.bus}'
    return f'/dev/spidev{place.bus}.{place.chip_select}'
