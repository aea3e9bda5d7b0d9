# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the settings of a memory with their limits; refuses to know where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from .profile import CHANNELS


@dataclass(frozen=True)
class MemoryConfig:
    """Settings of one robot's memory. Sizes count the objects around the packed bytes too."""

    ring_events_max: int = field(
        default=512,
        metadata={'help': 'raw events kept; at 0.1 Hz 85 min are exact to the event'},
    )
    ring_bytes_max: int = field(
        default=36 * 1024,
        metadata={'help': 'bytes of raw events; one with 12 figures takes 130, one with 3 takes '
                          '80'},
    )
    blocks_per_level: int = field(
        default=96,
        metadata={'help': 'blocks of one length that stay before two become one; the block at '
                          'the edge of a window is its age / 96 to age / 48 wide while there is '
                          'room, and of the own life quarters of it are known'},
    )
    own_bytes_max: int = field(
        default=192 * 1024,
        metadata={'help': "bytes of the own life's blocks; with the ring, the profile and the "
                          'best exemplars a robot stays below 256 KiB. When full, windows get '
                          'coarser, those first that cost the least resolution for their age'},
    )
    heard_bytes_max: int = field(
        default=3 * 1024 * 1024,
        metadata={'help': "bytes of other robots' blocks; 16 robots in full and some more. When "
                          'full, the robot that takes most loses its oldest block'},
    )
    robots_max: int = field(
        default=64,
        metadata={'help': 'robots remembered; a swarm of the size that the coordinator is '
                          'tested with, so that a peer that invents names fills no memory'},
    )
    lives_max: int = field(
        default=4,
        metadata={'help': 'lives remembered of one robot; a wiped one begins a new one'},
    )
    save_events: int = field(
        default=256,
        metadata={'help': 'events noted before the open block is saved; half the ring, so that '
                          'a crash loses less than the ring held'},
    )
    coarsen_per_tick: int = field(
        default=1,
        metadata={'help': 'windows merged in one tick; one takes 2 to 5 ms with 12 figures, and '
                          'one comes due in 10 min'},
    )
    clock_back_ns_max: int = field(
        default=600 * 1_000_000_000,
        metadata={'help': 'how far the clock may be set back, in ns, before a new life begins; '
                          'less than that counts as no time gone by'},
    )
    gossip_period_ns: int = field(
        default=30 * 1_000_000_000,
        metadata={'help': 'shortest time between two parcels in ns; a block lasts 10 min, so '
                          '30 s is no delay that anybody sees'},
    )
    have_period_ns: int = field(
        default=600 * 1_000_000_000,
        metadata={'help': 'time in ns between two lists of what is here; one a base block'},
    )
    owner_silent_ns: int = field(
        default=1800 * 1_000_000_000,
        metadata={'help': 'silence in ns after which others pass on the blocks of a robot; '
                          'three missed lists'},
    )
    parcel_bytes_max: int = field(
        default=48 * 1024,
        metadata={'help': 'bytes of one parcel on the wire; one a period is 1.6 kB/s at worst, '
                          'while a newcomer is told the past'},
    )
    profile_channels: tuple[str, ...] = field(
        default=CHANNELS,
        metadata={'help': 'figures of which the usual value by hour of the week is kept'},
    )
    stored_first: bool = field(
        default=True,
        metadata={'help': 'send a block only after it is on the disk, so that a power cut never '
                          'makes two blocks of one window; False where there is no disk'},
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.type == 'int' and (not isinstance(value, int) or value <= 0):
                raise ValueError(f'{each.name}: expected a number above 0, got {value!r}')
        if self.save_events > self.ring_events_max:
            raise ValueError(f'save_events: expected at most ring_events_max '
                             f'({self.ring_events_max}), got {self.save_events}')
        if self.blocks_per_level < 2:
            raise ValueError(f'blocks_per_level: expected at least 2, got {self.blocks_per_level}')
