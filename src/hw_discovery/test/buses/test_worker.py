# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The thread around the core: it wakes, scans, delivers, survives and ends."""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hw_discovery.buses.worker import DiscoveryWorker
from hw_discovery.core.device import BusKind
from hw_discovery.core.discovery import (
    AnswerRescan,
    Discovery,
    Effect,
    RescanAsked,
    TellChange,
    TellInventory,
    UeventSeen,
)
from hw_discovery.core.inventory import ChangeKind
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.scan import Scan

Start = Callable[..., DiscoveryWorker]
WAIT_S = 5.0


class PipeUevents:
    """Events through a pipe, in place of the kernel's socket."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        self.fails = False
        self.drains = 0

    def fileno(self) -> int:
        return self.read_end

    def emit(self) -> None:
        os.write(self.write_end, b'.')

    def drain(self) -> list[UeventSeen]:
        self.drains += 1
        if self.fails:
            raise OSError('socket gone')
        os.read(self.read_end, 64)
        return [UeventSeen('add', '/devices/x')]


class Host:
    """What a scan finds, and whether it fails or blocks."""

    def __init__(self) -> None:
        self.nodes: tuple[KernelNode, ...] = ()
        self.scans = 0
        self.asked_buses: frozenset[BusKind] = frozenset()
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()

    def scan(self, buses: frozenset[BusKind]) -> Scan:
        self.scans += 1
        self.asked_buses = buses
        self.gate.wait(WAIT_S)
        if self.fails:
            raise RuntimeError('driver bug')
        return Scan(self.nodes)


TTY = KernelNode('tty', '/devices/platform/uart/tty/ttyAMA0')


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def uevents() -> PipeUevents:
    return PipeUevents()


@pytest.fixture
def effects() -> 'queue.Queue[Effect]':
    return queue.Queue()


@pytest.fixture
def worker(
    host: Host, uevents: PipeUevents, effects: 'queue.Queue[Effect]',
) -> Iterator[DiscoveryWorker]:
    discovery = Discovery(20_000_000, 100_000_000, 4)
    made = DiscoveryWorker(discovery, host.scan, uevents, effects.put)
    made.start()
    assert isinstance(effects.get(timeout=WAIT_S), TellInventory)
    yield made
    host.gate.set()
    assert made.close(WAIT_S)
    discovery.check_invariants()


def test_an_event_leads_to_a_scan_and_a_change(
    worker: DiscoveryWorker, host: Host, uevents: PipeUevents, effects: 'queue.Queue[Effect]',
) -> None:
    host.nodes = (TTY,)
    uevents.emit()
    told = effects.get(timeout=WAIT_S)
    assert isinstance(told, TellChange)
    assert told.change.kind is ChangeKind.APPEARED
    assert isinstance(effects.get(timeout=WAIT_S), TellInventory)


def test_a_rescan_is_answered(worker: DiscoveryWorker, effects: 'queue.Queue[Effect]') -> None:
    worker.post(RescanAsked(7))
    answer = effects.get(timeout=WAIT_S)
    assert isinstance(answer, AnswerRescan)
    assert answer.ticket == 7


def test_the_buses_of_a_rescan_reach_the_scan(
    worker: DiscoveryWorker, host: Host, effects: 'queue.Queue[Effect]',
) -> None:
    worker.post(RescanAsked(7, frozenset({BusKind.I2C})))
    assert isinstance(effects.get(timeout=WAIT_S), AnswerRescan)
    assert host.asked_buses == {BusKind.I2C}


def test_a_scan_that_raises_is_told_and_the_next_one_works(
    worker: DiscoveryWorker, host: Host, effects: 'queue.Queue[Effect]',
) -> None:
    host.fails = True
    worker.post(RescanAsked(1))
    told = effects.get(timeout=WAIT_S)
    assert isinstance(told, TellInventory)
    assert 'driver bug' in told.snapshot.notices[0]
    assert isinstance(effects.get(timeout=WAIT_S), AnswerRescan)
    host.fails = False
    worker.post(RescanAsked(2))
    told = effects.get(timeout=WAIT_S)
    assert isinstance(told, TellInventory)
    assert told.snapshot.notices == ()


def test_a_broken_event_socket_is_told_and_does_not_spin(
    worker: DiscoveryWorker, uevents: PipeUevents, effects: 'queue.Queue[Effect]',
) -> None:
    uevents.fails = True
    uevents.emit()
    told = effects.get(timeout=WAIT_S)
    assert isinstance(told, TellInventory)
    assert 'no longer followed' in told.snapshot.notices[0]
    for ticket in range(3):
        worker.post(RescanAsked(ticket))
        assert isinstance(effects.get(timeout=WAIT_S), AnswerRescan)
    assert uevents.drains == 1, 'its descriptor stays readable and must not be waited for'


def test_an_idle_worker_uses_no_processor_time(worker: DiscoveryWorker, host: Host) -> None:
    before, scans = time.process_time(), host.scans
    threading.Event().wait(0.5)
    assert time.process_time() - before < 0.1
    assert host.scans == scans


def test_close_does_not_wait_for_ever_for_a_scan_that_blocks(
    worker: DiscoveryWorker, host: Host,
) -> None:
    host.gate.clear()
    worker.post(RescanAsked(1))
    while host.scans < 2:
        threading.Event().wait(0.01)
    assert worker.close(0.1) is False
    host.gate.set()
    assert worker.close(WAIT_S) is True
    worker.post(RescanAsked(2))       # after the end: ignored, no error
    assert worker.close(WAIT_S) is True
