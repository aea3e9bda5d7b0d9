# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who may have a device: what is refused before the swarm is asked, and the lease's name."""

import hashlib
import re

from hw_discovery.core.capability import OWN_DRIVER
from hw_discovery.core.device import DevicePhase, HardwareDevice

TTL_MS_MIN, TTL_MS_MAX = 1_000, 3_600_000    # a renewal takes some ms; an hour is a shift
CLAIMANT = re.compile(r'[A-Za-z0-9][A-Za-z0-9_./-]{0,63}$')
_LEASE_CHARACTERS_MAX = 128                  # of the swarm, core/leases/lease.py


def refusal(
    device: HardwareDevice, claimant: str, generation: int, ttl_ms: int,
) -> str:
    """Return why a device is not given to a claimant; '' = nothing here speaks against it.

    A driver of this robot gives way: it ends when a client takes the device.
    """
    if not CLAIMANT.match(claimant):
        return 'claimant: expected 1 to 64 of A-Z a-z 0-9 _ . / -, a letter or digit first'
    if not TTL_MS_MIN <= ttl_ms <= TTL_MS_MAX:
        return f'ttl_ms: expected {TTL_MS_MIN} to {TTL_MS_MAX}; given: {ttl_ms}'
    if not device.is_present:
        return f'{device.device_id} is lost'
    if generation not in (0, device.generation):
        return (f'{device.device_id} was attached anew: it is attachment {device.generation}, '
                f'not {generation}')
    holder = device.claimed_by
    if holder and holder != claimant and not holder.startswith(OWN_DRIVER):
        return f'{device.device_id} is held by {holder}'
    if device.phase not in (DevicePhase.IDENTIFIED, DevicePhase.CLAIMED):
        why = f': {device.fault}' if device.fault else ''
        return f'{device.device_id} is {device.phase.value}, not identified{why}'
    return ''


def consequence(device: HardwareDevice) -> str:
    """Return what a client's claim of the device stops; '' = nothing."""
    if not device.claimed_by.startswith(OWN_DRIVER):
        return ''
    driver = device.claimed_by.removeprefix(OWN_DRIVER)
    topics = f' ({", ".join(device.topics[:3])})' if device.topics else ''
    return f'the driver {driver} stops{topics}; it starts again after release or expiry'


def lease_name(robot_id: str, device_id: str) -> str:
    """Return `device:<robot_id>/<device_id>` in the letters that leases have.

    Where a letter had to go, a digest keeps two devices apart.
    """
    plain = f'device:{robot_id}/{device_id}'
    kept = re.sub(r'[^A-Za-z0-9_./:-]', '_', plain)
    if kept == plain and len(plain) <= _LEASE_CHARACTERS_MAX:
        return plain
    digest = hashlib.sha256(plain.encode('utf-8', 'replace')).hexdigest()[:8]
    return f'{kept[:_LEASE_CHARACTERS_MAX - 9]}.{digest}'
