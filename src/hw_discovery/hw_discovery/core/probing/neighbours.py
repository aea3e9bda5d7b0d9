# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the verdicts of one I2C bus say of each other.

Owns: chips with several addresses (both dies or none), second faces of one chip (the all-call
address of a PCA9685, the compass inside a 9-axis IMU). One place alone cannot tell these.
"""

from collections.abc import Sequence
from dataclasses import replace

from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.device import Observation, Verdict
from hw_discovery.core.probing.evidence import CONFIDENCE_MAX, UNKNOWN_ID
from hw_discovery.core.probing.i2c_plan import is_part_at
from hw_discovery.core.probing.operation import I2cPlace
from hw_discovery.core.probing.verdict import (
    ALTERNATIVE_FROM,
    IDENTIFIED_FROM,
    Alternative,
    PlaceState,
    ProbeVerdict,
    RuledOut,
)

# Addresses at which a chip answers besides its own: PCA9685 datasheet 7.3.3 (LED All Call).
SECOND_FACES = {'servo_pca9685': (0x70,)}
# Compasses inside IMU packages, seen at 0x0C while the IMU's bypass is on (ArduPilot 7029).
INNER = {'mag_ak8963': ('imu_mpu9250', 'imu_mpu9255', 'imu_icm20948')}


def settle_bus(verdicts: Sequence[ProbeVerdict],
               entries: Sequence[DeviceEntry]) -> tuple[ProbeVerdict, ...]:
    """Judge the verdicts of all addresses of one bus again, in the given order."""
    known = {entry.id: entry for entry in entries}
    settled = [_parted(one, verdicts, known) for one in verdicts]
    settled = [_grouped(one, settled, known) for one in settled]
    return tuple(_faced(one, settled) for one in settled)


def _address(verdict: ProbeVerdict) -> int:
    return verdict.place.address if isinstance(verdict.place, I2cPlace) else -1


def _supports(verdict: ProbeVerdict, entry_id: str) -> bool:
    """Tell whether a place shows a part of this chip: the likeliest or level with it."""
    if not verdict.bits or verdict.state is not PlaceState.PRESENT:
        return False
    shares = {item.entry_id: item.share for item in verdict.alternatives}
    return verdict.entry_id == entry_id or \
        shares.get(entry_id, 0.0) > shares.get(UNKNOWN_ID, 0.0)


def _other_addresses(entry: DeviceEntry, address: int) -> set[int]:
    assert entry.i2c is not None
    return {other for line in entry.i2c.identity if address not in line.addresses
            for other in line.addresses}


def _parted(verdict: ProbeVerdict, bus: Sequence[ProbeVerdict],
            known: dict[str, DeviceEntry]) -> ProbeVerdict:
    """Rule out chips whose other part was looked for everywhere and is not there."""
    named = [verdict.entry_id, *(item.entry_id for item in verdict.alternatives)]
    for entry_id in named:
        entry = known.get(entry_id)
        if entry is None or not is_part_at(entry, _address(verdict)):
            continue
        others = _other_addresses(entry, _address(verdict))
        asked = {_address(one): one for one in bus if _address(one) in others and one.state in (
            PlaceState.ABSENT, PlaceState.PRESENT)}
        if set(asked) >= others and not any(_supports(one, entry_id) for one in asked.values()):
            places = ', '.join(f'0x{address:02x}' for address in sorted(others))
            verdict = _without(verdict, entry_id,
                               f'its other part is at none of {places}', known)
        elif any(_supports(one, entry_id) for one in asked.values()) and \
                _supports(verdict, entry_id):
            verdict = _whole(verdict, entry)
    return verdict


def _whole(verdict: ProbeVerdict, entry: DeviceEntry) -> ProbeVerdict:
    """Name the chip of which both parts were seen; a chip that is like one part gives way."""
    seen = Observation(source='bus', location=str(verdict.place), seen='both parts answer',
                       says=f'as {entry.model}, which has two addresses')
    others = [item for item in verdict.alternatives if item.entry_id != entry.id]
    out = verdict.ruled_out
    if verdict.entry_id != entry.id:
        out = (*out, RuledOut(verdict.entry_id, seen.says))
    return replace(
        verdict, verdict=Verdict.IDENTIFIED, confidence=CONFIDENCE_MAX[entry.confidence],
        entry_id=entry.id, name=entry.title,
        alternatives=tuple(item for item in others if item.entry_id != verdict.entry_id
                           and item.share >= ALTERNATIVE_FROM),
        ruled_out=out, evidence=(*verdict.evidence, seen))


def _without(verdict: ProbeVerdict, entry_id: str, reason: str,
             known: dict[str, DeviceEntry]) -> ProbeVerdict:
    """Take one entry away and share its belief among the others."""
    shares = {item.entry_id: item.share for item in verdict.alternatives}
    top_share = max(0.0, 1.0 - sum(shares.values()))
    shares[verdict.entry_id] = top_share
    gone = shares.pop(entry_id, 0.0)
    rest = max(1.0 - gone, 1e-9)
    ranked = sorted((Alternative(key, share / rest) for key, share in shares.items()),
                    key=lambda item: (-item.share, item.entry_id))
    first = next((item for item in ranked if item.entry_id in known), None)
    out = (*verdict.ruled_out, RuledOut(entry_id, reason))
    others = tuple(item for item in ranked if item is not first)
    if first is None:
        return replace(verdict, verdict=Verdict.UNKNOWN, confidence=0.0, entry_id='', name='',
                       bits=0.0, is_part=False, alternatives=others, ruled_out=out)
    entry = known[first.entry_id]
    was_top = verdict.entry_id == entry_id
    part = is_part_at(entry, _address(verdict))
    enough = first.share >= IDENTIFIED_FROM and not part and _supports(verdict, entry.id)
    confidence = min(first.share, CONFIDENCE_MAX[entry.confidence])
    return replace(
        verdict, verdict=Verdict.IDENTIFIED if enough else Verdict.AMBIGUOUS,
        confidence=confidence if enough or not was_top else min(confidence, 0.5),
        entry_id=entry.id, name=entry.title, is_part=part,
        alternatives=others, ruled_out=out)


def _grouped(verdict: ProbeVerdict, bus: Sequence[ProbeVerdict],
             known: dict[str, DeviceEntry]) -> ProbeVerdict:
    """Let the first place of a chip with two addresses stand for it."""
    entry = known.get(verdict.entry_id)
    if entry is None or verdict.verdict is not Verdict.IDENTIFIED or \
            not is_part_at(entry, _address(verdict)):
        return verdict
    others = _other_addresses(entry, _address(verdict))
    first = min((one for one in bus if one.entry_id == entry.id
                 and (one is verdict or _address(one) in others)), key=_address)
    return verdict if first is verdict else replace(verdict, same_as=first.place)


def _faced(verdict: ProbeVerdict, bus: Sequence[ProbeVerdict]) -> ProbeVerdict:
    """Point from a second face to the chip it belongs to."""
    if _address(verdict) in SECOND_FACES.get(verdict.entry_id, ()):
        owners = [one for one in bus if one.entry_id == verdict.entry_id and one is not verdict
                  and one.verdict is Verdict.IDENTIFIED]
        says = 'the address at which every such chip answers too'
    else:
        owners = [one for one in bus if one.verdict is Verdict.IDENTIFIED
                  and one.entry_id in INNER.get(verdict.entry_id, ())]
        says = 'inside the same package, seen through its bypass'
    if not owners:
        return verdict
    owner = min(owners, key=_address)
    seen = Observation(source='bus', location=str(verdict.place),
                       seen=f'{owner.name} at 0x{_address(owner):02x}', says=says)
    return replace(verdict, same_as=owner.place, evidence=(*verdict.evidence, seen))
