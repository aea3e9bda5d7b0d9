# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What one scan believes about one device, before it has an id. Knows nothing of earlier scans."""

from dataclasses import dataclass

from hw_discovery.core.device import (
    BusKind,
    Capability,
    DevicePhase,
    HardwareDevice,
    Observation,
    Verdict,
)


@dataclass(frozen=True)
class Finding:
    """A recognised device without its id.

    strong_id      id by what the device says of itself (serial number, MAC); '' = says nothing
    port_id        id by where it is attached
    nested_id      last part of the id when a device above it has one; '' = never nested
    attachment     differs between two attachments of one device; '' = cannot be told
    state          'bootloader'; '' = as usual
    state_of       entries of the catalogue that show themselves so in this state: the device that
                   was known as one of them at this port keeps its id
    """

    bus: BusKind
    sysfs_path: str
    name: str
    verdict: Verdict
    confidence: float
    port_id: str
    strong_id: str = ''
    nested_id: str = ''
    attachment: str = ''
    vendor_id: str = ''
    product_id: str = ''
    serial: str = ''
    driver: str = ''
    device_path: str = ''
    alternatives: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    evidence: tuple[Observation, ...] = ()
    kind: str = ''
    catalogue_id: str = ''
    state: str = ''
    state_of: tuple[str, ...] = ()

    def as_device(self, device_id: str, parent_id: str) -> HardwareDevice:
        """Return the device of a first attachment, not yet recognised by its lifecycle."""
        return HardwareDevice(
            device_id=device_id, parent_id=parent_id, phase=DevicePhase.APPEARED, generation=1,
            bus=self.bus, verdict=self.verdict, confidence=self.confidence, name=self.name,
            vendor_id=self.vendor_id, product_id=self.product_id, serial=self.serial,
            driver=self.driver, device_path=self.device_path, sysfs_path=self.sysfs_path,
            alternatives=self.alternatives, capabilities=self.capabilities,
            evidence=self.evidence, kind=self.kind, catalogue_id=self.catalogue_id,
            state=self.state)
