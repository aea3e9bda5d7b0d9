# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the USB identity of a port says before a byte is read.

Owns: the weights of ids and strings. An id that many products share supports, but never
identifies: it is no evidence of the device's own.
"""

from hw_discovery.core.catalogue.entry import DeviceEntry, UsbProof, UsbSignature
from hw_discovery.core.device import Observation
from hw_discovery.core.probing.evidence import CONTRADICTION_BITS, Evidence
from hw_discovery.core.probing.operation import SerialPlace

# A USB id is a registered number of 32 bits; what is left says how much of it the product owns.
# Steps chosen without data; above 20 alone identifies on a serial port, 1 never does.
ID_BITS = {
    UsbProof.UNIQUE: 30.0, UsbProof.VENDOR_UNIQUE: 24.0, UsbProof.FAMILY: 24.0,
    UsbProof.COMPOSITE: 24.0, UsbProof.BOARD_ONLY: 12.0, UsbProof.STRING_REQUIRED: 0.0,
    UsbProof.CLASS: 1.0, UsbProof.WEAK: 1.0, UsbProof.GENERIC_SHARED: 1.0,
    UsbProof.SHARED_BOOT_ID: 1.0, UsbProof.BRIDGE_SHARED: 1.0}
DIRECT_FROM_BITS = 10.0
STRING_BITS = 24.0  # a maker's own string
NO_STRING_BITS = -2.0  # a string is required and none was given
OTHER_STRING_BITS = -1.0  # the id alone proves enough; firmware changes strings


def has_usb_id(entry: DeviceEntry, place: SerialPlace) -> bool:
    """Tell whether the port's USB id is one of the entry's."""
    return entry.usb is not None and any(
        one.vendor == place.vendor_id.lower()
        and one.product in ('*', place.product_id.lower()) for one in entry.usb.ids)


def usb_evidence(entry: DeviceEntry, place: SerialPlace) -> list[Evidence]:
    """Weigh the port's id and strings for one entry."""
    if entry.usb is None or not has_usb_id(entry, place):
        return []
    bits = ID_BITS[entry.usb.proof]
    where = place.path or place.device
    found = [Evidence(entry.id, 'usb id', bits, Observation(
        source='usb', location=where, seen=f'id {place.vendor_id}:{place.product_id}',
        says=f'proof of {entry.model}: {entry.usb.proof.value}'),
        direct=bits >= DIRECT_FROM_BITS)]
    strings = _string_bits(entry.usb, place)
    if strings:
        found.append(Evidence(entry.id, 'usb strings', strings, Observation(
            source='usb', location=where,
            seen=f'strings {place.manufacturer!r}, {place.product!r}',
            says=f'{"as" if strings > 0 else "not as"} {entry.model} calls itself'),
            direct=strings > 0))
    return found


def _string_bits(usb: UsbSignature, place: SerialPlace) -> float:
    asked = [(pattern, text) for pattern, text in (
        (usb.manufacturer, place.manufacturer), (usb.product, place.product))
        if pattern is not None]
    if not asked:
        return 0.0
    if all(text and pattern.search(text) for pattern, text in asked):
        return STRING_BITS
    if usb.proof is not UsbProof.STRING_REQUIRED:
        return OTHER_STRING_BITS if any(text for _, text in asked) else 0.0
    return CONTRADICTION_BITS if any(text for _, text in asked) else NO_STRING_BITS
