# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which devices get a driver here, and what their drivers and topics say of their health.

Joins the inventory to drivers/: everything runs on the executor's thread.
"""

from collections.abc import Callable, Mapping

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from swarm_msgs.msg import SensorHealth, SensorReport

from hw_discovery.config import Config
from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.device import DevicePhase, HardwareDevice
from hw_discovery.core.hardware import (
    DeviceFailed,
    DeviceRecovered,
    Driven,
    DriversChanged,
    Event,
    TellPlaces,
    is_drivable,
)
from hw_discovery.core.inventory import Snapshot
from hw_discovery.drivers.host import DriverHost
from hw_discovery.drivers.manager import Drivable
from hw_discovery.drivers.sensor_topics import SensorTopics
from hw_discovery.drivers.watch import Claim, Health, SensorState

_LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_STATES = {SensorState.UNKNOWN: SensorHealth.STATE_UNKNOWN,
           SensorState.FRESH: SensorHealth.STATE_FRESH,
           SensorState.STALE: SensorHealth.STATE_STALE,
           SensorState.FAULTY: SensorHealth.STATE_FAULTY}
_NO_PLACES = TellPlaces({}, {}, {}, (), ())


class DriverSide:
    """`post` takes events for the core; `armed_topics` those of actuators that run."""

    def __init__(
        self, node: Node, config: Config, catalogue: Catalogue, post: Callable[[Event], None],
        armed_topics: Callable[[tuple[str, ...]], None],
    ) -> None:
        self._node, self._config, self._catalogue = node, config, catalogue
        self._post, self._armed_topics = post, armed_topics
        self._snapshot, self._places = Snapshot(), _NO_PLACES
        self._told: dict[str, Driven] = {}
        self._faults: dict[str, str] = {}
        self._topic_faults: set[str] = set()
        self._host = DriverHost(
            node, config.robot_id, on_fault=self._on_fault, on_recovered=self._on_recovered,
            on_claims=lambda ids: self._on_claims()) if config.drivers else None
        self._report_out = node.create_publisher(
            SensorReport, 'hardware/sensor_health', _LATCHED)
        self._topics = SensorTopics(
            node, (f'{node.get_namespace().rstrip("/")}/',), self._on_health,
            self._on_topic_fault, self._on_topic_recovered)

    def update(self, snapshot: Snapshot, places: TellPlaces) -> None:
        """Take a new inventory or new places."""
        self._snapshot, self._places = snapshot, places
        if self._host is not None:
            self._host.update([item for item in map(self._drivable, snapshot.devices) if item])
            self._on_claims()
        self._topics.set_claims(self._claims(self._told))

    def set_emergency(self, is_on: bool) -> None:
        """Disarm every actuator and keep it so."""
        if self._host is not None:
            self._host.set_emergency(is_on)

    def close(self) -> None:
        """Stop all drivers. Never raises."""
        self._topics.close()
        if self._host is not None:
            self._host.close()

    # ---- drivers

    def _drivable(self, device: HardwareDevice) -> Drivable | None:
        entry = self._catalogue.by_id(device.catalogue_id)
        if entry is None or not entry.own_driver or not is_drivable(device):
            return None
        off = {device.device_id, entry.kind, entry.own_driver, entry.id}
        if off & set(self._config.drivers_off):
            return None
        place = self._places.places.get(device.device_id)
        return Drivable(device, entry.own_driver, place, self._parameters(device, entry))

    def _parameters(
        self, device: HardwareDevice, entry: DeviceEntry,
    ) -> Mapping[str, bool | int | float | str]:
        found: dict[str, bool | int | float | str] = {}
        baud = self._places.bauds.get(device.device_id, 0)
        if baud:
            found['baud'] = baud
        if entry.own_driver == 'imu' and entry.fact('chip'):
            found['chip'] = str(entry.fact('chip'))
        found.update(self._config.parameters_of(
            device.device_id, entry.kind, entry.own_driver))
        return found

    def _on_fault(self, device_id: str, reason: str) -> None:
        self._faults[device_id] = reason
        self._post(DeviceFailed(device_id, reason))

    def _on_recovered(self, device_id: str) -> None:
        self._faults.pop(device_id, None)
        self._post(DeviceRecovered(device_id))

    def _on_claims(self) -> None:
        if self._host is None:
            return
        drivers = self._host.drivers()
        driven = {driver.device.device_id: Driven(
            driver.name, tuple(sorted(driver.topics)), driver.frame_id) for driver in drivers}
        if driven == self._told:
            return
        self._told = driven
        self._post(DriversChanged(driven))
        self._armed_topics(tuple(sorted(
            topic for one in driven.values() for topic in one.topics
            if topic.endswith('/armed'))))
        self._topics.set_claims(self._claims(driven))

    # ---- health

    def _claims(self, driven: Mapping[str, Driven]) -> list[Claim]:
        """Return by what names the topics of each present device may be known on the graph."""
        found = []
        for device in self._snapshot.devices:
            types = tuple(sorted({c.ros_type for c in device.capabilities if c.ros_type}))
            if device.is_present and types:
                own = driven.get(device.device_id)
                names = (own.name,) if own is not None else ()
                found.append(Claim(device.device_id, names, types))
        return found

    def _on_health(self, health: tuple[Health, ...]) -> None:
        sensors = [_health_msg(one) for one in health]
        heard = {one.watched.device_id for one in health}
        sensors += [SensorHealth(
            device_id=device.device_id, state=SensorHealth.STATE_FAULTY,
            age_ms=SensorHealth.UNKNOWN_AGE, reason=device.fault or 'it is not there any more')
            for device in self._snapshot.devices
            if device.device_id not in heard and self._is_missed(device)]
        self._report_out.publish(SensorReport(
            stamp=self._node.get_clock().now().to_msg(), robot_id=self._config.robot_id,
            sensors=sensors))

    def _is_missed(self, device: HardwareDevice) -> bool:
        """A sensor that was there and is not, or that its driver cannot read."""
        gone = not device.is_present or device.phase is DevicePhase.FAULTY
        return gone and any(c.name.startswith('sensor:') for c in device.capabilities)

    def _on_topic_fault(self, device_id: str, reason: str) -> None:
        """A topic froze or fell silent; what its driver says of it counts more."""
        if device_id and device_id not in self._faults:
            self._topic_faults.add(device_id)
            self._post(DeviceFailed(device_id, reason))

    def _on_topic_recovered(self, device_id: str) -> None:
        if device_id in self._topic_faults:
            self._topic_faults.discard(device_id)
            if device_id not in self._faults:
                self._post(DeviceRecovered(device_id))


def _health_msg(health: Health) -> SensorHealth:
    age = SensorHealth.UNKNOWN_AGE if health.age_ns is None else min(
        health.age_ns // 1_000_000, SensorHealth.UNKNOWN_AGE - 1)
    return SensorHealth(
        device_id=health.watched.device_id, state=_STATES[health.state], age_ms=age,
        rate_hz=health.rate_hz, reason=health.reason)
