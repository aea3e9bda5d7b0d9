# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""USB devices that are one product: functions behind one hub.

Pure; the catalogue's entries come in. The hub, which holds the others, is shown as the product and
gives what the product gives; its functions say whose they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hw_discovery.core.catalogue.entry import DeviceEntry, UsbId, UsbProof
from hw_discovery.core.device import BusKind, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.offers import offers_of
from hw_discovery.core.recognition.usb import port_path

# Two functions of one product on one hub prove more than one of them. Chosen without data.
CONFIDENCE_GROUP = 0.95


@dataclass(frozen=True, slots=True)
class CompositeGroup:
    """One product that shows as several USB devices.

    `port`: controller and port chain of the hub they share. `members`: sysfs paths, ordered.
    """

    entry_id: str
    port: str
    members: tuple[str, ...]


def joined(findings: Sequence[Finding], entries: Iterable[DeviceEntry]) -> list[Finding]:
    """Return the findings with each hub of a product as that product."""
    known = {entry.id: entry for entry in entries}
    found = {finding.sysfs_path: finding for finding in findings if finding.bus is BusKind.USB}
    hubs = {port_path(path): path for path in found}
    changed: dict[str, Finding] = {}
    for group in groups(findings, known.values()):
        entry, hub = known[group.entry_id], hubs.get(group.port)
        if hub is None:
            continue
        offered = offers_of(entry)
        names = {offer.name for offer in offered}
        for path in group.members:
            own = tuple(c for c in found[path].capabilities if c.name not in names)
            changed[path] = replace(found[path], capabilities=own)
        parts = ', '.join(f'{found[p].vendor_id}:{found[p].product_id}' for p in group.members)
        seen = Observation('usb', hub, parts, f'functions of one {entry.title} on one hub')
        above = changed.get(hub, found[hub])
        changed[hub] = replace(
            above, name=entry.title, kind=entry.kind, catalogue_id=entry.id,
            verdict=Verdict.IDENTIFIED, confidence=CONFIDENCE_GROUP, alternatives=(),
            capabilities=above.capabilities + offered, evidence=(*above.evidence, seen))
    return [changed.get(f.sysfs_path, f) if f.bus is BusKind.USB else f for f in findings]


def groups(
    findings: Sequence[Finding], entries: Iterable[DeviceEntry],
) -> tuple[CompositeGroup, ...]:
    """Return products of which at least two functions hang on one hub, or one on the other.

    A USB 3 hub is two hubs to the kernel, with numbers of ports that need not agree: what is
    split over both is not put together by this.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        if entry.usb is None or entry.usb.proof is not UsbProof.COMPOSITE:
            continue
        own = [f for f in findings if f.bus is BusKind.USB and _has_id(f, entry.usb.ids)]
        own_ports = {port_path(f.sysfs_path) for f in own}
        for finding in own:
            above = _port_above(finding)
            port = port_path(finding.sysfs_path)
            # The hub itself can be one of the functions (Azure Kinect, Kinect for Windows).
            hub = above if above else ''
            is_hub = any(_port_above(other) == port for other in own)
            if is_hub and above not in own_ports:
                hub = port
            if hub:
                found.setdefault((entry.id, hub), []).append(finding.sysfs_path)
    return tuple(CompositeGroup(entry_id, port, tuple(sorted(members)))
                 for (entry_id, port), members in sorted(found.items()) if len(members) > 1)


def _port_above(finding: Finding) -> str:
    """Return the hub that a device hangs on; '' for a port of the computer itself."""
    port = port_path(finding.sysfs_path)
    return port.rpartition('.')[0] if '.' in port.rpartition('-')[2] else ''


def _has_id(finding: Finding, ids: Iterable[UsbId]) -> bool:
    return any(_is_id(i, finding.vendor_id, finding.product_id) for i in ids)


def _is_id(usb_id: UsbId, vendor: str, product: str) -> bool:
    return usb_id.vendor == vendor and usb_id.product in ('*', product)
