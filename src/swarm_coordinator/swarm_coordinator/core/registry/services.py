# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services that robots offer to the swarm: owns the entries, their time, and how one is found.

An entry lives as long as its robot's life and, where it has a time to live, until that is over at
the log's stamp; registering again renews it. Refuses to know what a service does.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.registry.where import holds, parse_where
from swarm_coordinator.core.replicated.deadlines import Deadlines

if TYPE_CHECKING:
    from swarm_coordinator.core.replicated.state import ReplicatedState

MS = 1_000_000
# Chosen without field data: twice the ten thousand that memory is measured with.
SERVICES_MAX = 20_000
SERVICES_PER_ROBOT_MAX = 1_000
METADATA_MAX = 32
METADATA_VALUE_CHARS_MAX = 256
ADDRESS_CHARS_MAX = 256
SERVICE_TTL_MS_MIN, SERVICE_TTL_MS_MAX = 500, 24 * 3_600_000

# Explicit ranges: a class of Unicode differs between versions of Python, and then replicas do.
_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_./-]{0,63}\Z')
_TYPE = re.compile(r'[A-Za-z0-9_/]{0,128}\Z')
_KEY = re.compile(r'[A-Za-z_][A-Za-z0-9_./-]{0,63}\Z')
_TEXT = re.compile(r'[\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]*\Z')

# Metadata is packed into one string: ten thousand tuples of tuples would take five times as much.
# Neither character can be in a key or value.
_PAIR, _SIDE = '\x1e', '\x1f'

Pairs = tuple[tuple[str, str], ...]


def pack(metadata: Pairs) -> str:
    return _PAIR.join(f'{key}{_SIDE}{value}' for key, value in metadata)


def unpack(packed: str) -> Pairs:
    """Raises ValueError for what `pack` cannot have made."""
    pairs = [pair.split(_SIDE) for pair in packed.split(_PAIR)] if packed else []
    return tuple((key, value) for key, value in pairs)


@dataclass(slots=True)
class Service:
    """One entry. `log_index` is that of the entry of the log that last changed it (a renewal
    that says the same changes only `expires_ns`); `expires_ns` 0: as long as the robot lives."""

    name: str
    interface_type: str
    address: str
    robot_id: RobotId
    incarnation: int
    log_index: int
    expires_ns: int
    ttl_ms: int
    packed: str = ''

    @property
    def metadata(self) -> Pairs:
        return unpack(self.packed)

    def says(self) -> tuple[object, ...]:
        """What a renewal must repeat to be one."""
        return (
            self.interface_type,
            self.address,
            self.incarnation,
            self.ttl_ms,
            self.packed,
        )


@dataclass
class ServiceBook:
    """Entries by robot and name, in the order in which the log brought them."""

    by_robot: dict[RobotId, dict[str, Service]] = field(default_factory=dict)
    count: int = 0
    _ends: Deadlines[tuple[str, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._ends = Deadlines(self._due)
        for service in self.all():
            self._watch(service)

    def all(self) -> Iterator[Service]:
        for services in self.by_robot.values():
            yield from services.values()

    def of(self, robot_id: RobotId) -> dict[str, Service]:
        return self.by_robot.get(robot_id, {})

    def put(self, service: Service) -> bool:
        """Enter or renew it; False if it only renews what is there."""
        services = self.by_robot.setdefault(service.robot_id, {})
        known = services.get(service.name)
        if known is not None and known.says() == service.says():
            known.expires_ns = max(known.expires_ns, service.expires_ns)
            return False
        if known is None:
            self.count += 1
        elif known.expires_ns:
            self._ends.gone()
        services[service.name] = service
        self._watch(service)
        return True

    def remove(self, service: Service) -> None:
        services = self.by_robot[service.robot_id]
        del services[service.name]
        if not services:
            del self.by_robot[service.robot_id]
        self.count -= 1
        if service.expires_ns:
            self._ends.gone()

    def extend_all(self, stamp_ns: int) -> None:
        """One full time more for everybody: renewals may have been lost with the old leader."""
        for service in self.all():
            if service.expires_ns:
                service.expires_ns = max(service.expires_ns, stamp_ns + service.ttl_ms * MS)

    def earliest_due_ns(self) -> int | None:
        return self._ends.earliest_ns()

    def pop_ended(self, stamp_ns: int) -> list[Service]:
        """Entries whose time is over, in the order in which it was. The caller removes them."""
        due = self._ends.pop_due(stamp_ns)
        return [self.by_robot[RobotId(robot_id)][name] for robot_id, name in due]

    def _watch(self, service: Service) -> None:
        if service.expires_ns:
            key = (service.robot_id, service.name)
            self._ends.add(service.expires_ns, service.log_index, key)

    def _due(self, index: int, key: tuple[str, str]) -> int | None:
        service = self.of(RobotId(key[0])).get(key[1])
        if service is None or service.log_index != index or not service.expires_ns:
            return None
        return service.expires_ns

    def check_invariants(self) -> None:
        timed = 0
        for robot_id, services in self.by_robot.items():
            assert services, robot_id
            for name, service in services.items():
                assert (service.robot_id, service.name) == (robot_id, name)
                assert bool(service.expires_ns) == bool(service.ttl_ms), service
                timed += bool(service.expires_ns)
        assert self.count == sum(map(len, self.by_robot.values())) <= SERVICES_MAX
        assert len(self._ends) >= timed


def refused_service(
    name: str, interface_type: str, address: str, metadata: Pairs, ttl_ms: int
) -> str:
    """'' for a valid entry, else what was expected."""
    if not _NAME.match(name):
        return (
            f'name={name[:80]!r}: expected 1 to 64 of A-Z a-z 0-9 _ . / -, a letter first'
        )
    if not _TYPE.match(interface_type):
        return (
            f'interface_type={interface_type[:80]!r}: expected a ROS type as '
            "'nav_msgs/srv/GetMap', or '' for what is no ROS interface"
        )
    if len(address) > ADDRESS_CHARS_MAX or not _TEXT.match(address):
        return f'address={address[:80]!r}: expected at most {ADDRESS_CHARS_MAX} characters'
    if ttl_ms and not SERVICE_TTL_MS_MIN <= ttl_ms <= SERVICE_TTL_MS_MAX:
        return (
            f'ttl_ms={ttl_ms}: expected 0 (as long as the robot lives) or '
            f'{SERVICE_TTL_MS_MIN} to {SERVICE_TTL_MS_MAX}'
        )
    return refused_metadata(metadata, METADATA_MAX)


def refused_metadata(metadata: Pairs, pairs_max: int) -> str:
    """'' for valid pairs, else what was expected."""
    if len(metadata) > pairs_max:
        return f'{len(metadata)} pairs of metadata: expected at most {pairs_max}'
    seen = set()
    for pair in metadata:
        if len(pair) != 2:
            return f'metadata: expected pairs of key and value, got {len(pair)} parts'
        key, value = pair
        if not _KEY.match(key):
            return (
                f'metadata key {key[:80]!r}: expected 1 to 64 of A-Z a-z 0-9 _ . / -, a letter '
                'or "_" first'
            )
        if len(value) > METADATA_VALUE_CHARS_MAX or not _TEXT.match(value):
            return (
                f'metadata {key}={value[:80]!r}: expected at most {METADATA_VALUE_CHARS_MAX} '
                'characters, none of them a control character'
            )
        if key in seen:
            return f'metadata key {key!r} is given twice'
        seen.add(key)
    return ''


def find(
    state: 'ReplicatedState',
    name: str = '',
    robot_id: str = '',
    capabilities: tuple[str, ...] = (),
    where: str = '',
    metadata: Pairs = (),
) -> tuple[Service, ...]:
    """The services that meet everything that is asked, ordered by name and robot.

    name, robot_id  '' = any
    capabilities    the robot must offer all of them
    where           conditions on the metadata, see where.py
    metadata        pairs that must all be there
    Raises MalformedWhere, which says at which position what was expected.
    """
    conditions = parse_where(where)
    wanted = set(metadata)
    found = []
    for service in _named(state.services, name, robot_id, _able(state, capabilities)):
        if conditions or wanted:
            pairs = service.metadata
            if not wanted.issubset(pairs) or not holds(conditions, dict(pairs)):
                continue
        found.append(service)
    return tuple(sorted(found, key=lambda one: (one.name, one.robot_id)))


def _able(
    state: 'ReplicatedState', capabilities: tuple[str, ...]
) -> Callable[[RobotId], bool]:
    def able(robot_id: RobotId) -> bool:
        member = state.members.get(robot_id)
        return member is not None and member.offers(capabilities)

    return able


def _named(
    book: ServiceBook, name: str, robot_id: str, able: Callable[[RobotId], bool]
) -> Iterator[Service]:
    for owner, services in book.by_robot.items():
        if (robot_id and owner != robot_id) or not able(owner):
            continue
        if not name:
            yield from services.values()
        elif (one := services.get(name)) is not None:
            yield one
