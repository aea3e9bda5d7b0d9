# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""USB devices that the catalogue knows by id and strings alone, before anything is asked.

Owns how much an id is believed, and bootloaders: they are the same device in another state.
What has a serial port is left to the planner, which judges the same evidence together with
what the device says. Capabilities that a node below shows already are not offered twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.catalogue.entry import DeviceEntry, UsbProof
from hw_discovery.core.device import BusKind, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import ancestor_paths
from hw_discovery.core.offers import offers_of
from hw_discovery.core.probing.operation import SerialPlace
from hw_discovery.core.probing.usb_evidence import usb_evidence
from hw_discovery.core.usb_composite import joined

# An id alone, of one product or one vendor's family; and an id that says nothing without the
# strings. Chosen without data; a clone can copy both.
CONFIDENCE = {
    UsbProof.UNIQUE: 0.95, UsbProof.VENDOR_UNIQUE: 0.9, UsbProof.FAMILY: 0.9,
    UsbProof.COMPOSITE: 0.9, UsbProof.STRING_REQUIRED: 0.9}
BITS_MIN = 20.0


def named(findings: Sequence[Finding], catalogue: Catalogue) -> list[Finding]:
    """Return the findings with what the catalogue knows of the USB devices among them."""
    ports = [f.sysfs_path for f in findings if f.bus is BusKind.SERIAL]
    found = [_named(f, findings, ports, catalogue) if f.bus is BusKind.USB else f
             for f in findings]
    found = joined(found, catalogue.entries)
    owners = {f.sysfs_path: f for f in found if f.bus is BusKind.USB}
    return [_as_camera(f, owners, catalogue) if f.bus is BusKind.VIDEO else f for f in found]


def _as_camera(
    finding: Finding, owners: Mapping[str, Finding], catalogue: Catalogue,
) -> Finding:
    """Return a video node of a USB camera as what the catalogue knows of such cameras."""
    owner = next((owners[path] for path in ancestor_paths(finding.sysfs_path)
                  if path in owners), None)
    is_camera = any(c.name == 'sensor:camera' for c in finding.capabilities)
    if owner is None or not is_camera or owner.kind not in ('', 'camera'):
        return finding                # the node of a depth camera is not a camera of its own
    entry = catalogue.by_id(owner.catalogue_id) or next(
        iter(catalogue.of_usb_class('0e')), None)
    if entry is None or entry.kind != 'camera':
        return finding
    return replace(finding, kind=entry.kind, catalogue_id=entry.id)


def _named(
    finding: Finding, findings: Sequence[Finding], ports: Sequence[str], catalogue: Catalogue,
) -> Finding:
    entries = catalogue.of_usb(finding.vendor_id, finding.product_id)
    if not entries:
        return finding
    sleeping = tuple(e.id for e in entries if _is_bootloader(e, finding))
    if sleeping and len(sleeping) == len(entries):
        return _in_bootloader(finding, sleeping, entries[0])
    below = f'{finding.sysfs_path}/'
    if any(path.startswith(below) for path in ports):
        return finding
    return _judged(finding, entries, [f for f in findings if f.sysfs_path.startswith(below)])


def _is_bootloader(entry: DeviceEntry, finding: Finding) -> bool:
    return entry.usb is not None and any(
        (one.vendor, one.product) == (finding.vendor_id, finding.product_id)
        for one in entry.usb.bootloader_ids)


def _in_bootloader(
    finding: Finding, sleeping: tuple[str, ...], first: DeviceEntry,
) -> Finding:
    seen = Observation('usb', finding.sysfs_path, f'{finding.vendor_id}:{finding.product_id}',
                       f'the bootloader of {", ".join(sleeping[:6])}')
    return replace(
        finding, state='bootloader', state_of=sleeping, evidence=(*finding.evidence, seen),
        kind=first.kind if len(sleeping) == 1 else '', capabilities=())


def _judged(
    finding: Finding, entries: Sequence[DeviceEntry], below: Sequence[Finding],
) -> Finding:
    found = []
    for entry in entries:
        proof = entry.usb.proof if entry.usb is not None else UsbProof.WEAK
        evidence = usb_evidence(entry, _place(finding))
        if proof in CONFIDENCE and sum(item.bits for item in evidence) >= BITS_MIN:
            found.append((entry, evidence, CONFIDENCE[proof]))
    if len(found) != 1:
        return finding
    entry, evidence, confidence = found[0]
    shown = {c.name for f in below for c in f.capabilities}
    offered = tuple(c for c in offers_of(entry) if c.name not in shown)
    own = tuple(c for c in finding.capabilities if c.name not in {o.name for o in offered})
    return replace(
        finding, name=entry.title, kind=entry.kind, catalogue_id=entry.id,
        verdict=Verdict.IDENTIFIED, confidence=confidence, alternatives=(),
        capabilities=own + offered,
        evidence=finding.evidence + tuple(item.observation for item in evidence))


def _place(finding: Finding) -> SerialPlace:
    """Return the USB facts in the shape in which evidence is weighed."""
    said = {seen.location.rpartition('/')[2]: seen.seen for seen in finding.evidence}
    return SerialPlace(
        finding.device_path, finding.sysfs_path, finding.vendor_id, finding.product_id,
        said.get('manufacturer', ''), said.get('product', ''), finding.serial)
