# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Threads that ask: one operation at a time on a lane, stopped at once, none left behind."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hw_discovery.buses.declared_ports import DeclaredPorts
from hw_discovery.buses.prober_worker import STOPPED, ProberWorker
from hw_discovery.core.probing.operation import (
    I2cBareRead,
    I2cPlace,
    Outcome,
    SerialListen,
    SerialPlace,
)

LISTEN = SerialListen(SerialPlace('/dev/x'), 9600, '8N1', 60_000)
READ = I2cBareRead(I2cPlace(1, 0x68))
A, B = ('serial', '/dev/x'), ('i2c', '1')
WAIT_S = 10.0


class Bench:
    def __init__(self) -> None:
        self.heard: list[tuple[Any, Outcome]] = []
        self.news = threading.Condition()
        self.entered = threading.Event()
        self.recorded: list[Outcome] = []
        self.worker = ProberWorker(self, self, self.take, self.recorded.append, idle_s=0.05)

    def perform(self, operation: Any, stop: threading.Event | None = None) -> Outcome:
        """Listen until stopped; a bus raises."""
        self.entered.set()
        if stop is None:
            raise OSError('the library failed')
        stop.wait(WAIT_S)
        return Outcome(operation, error='failed', detail=STOPPED)

    def take(self, lane: Any, outcome: Outcome) -> None:
        with self.news:
            self.heard.append((lane, outcome))
            self.news.notify_all()

    def wait(self, count: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.heard) >= count, WAIT_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    assert made.worker.close()


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith('probe ')]


def test_what_runs_is_stopped_long_before_its_end(bench: Bench) -> None:
    bench.worker.perform(A, LISTEN)
    assert bench.entered.wait(WAIT_S)
    began_s = time.monotonic()
    bench.worker.stop((A,))
    bench.wait(1)
    assert time.monotonic() - began_s < WAIT_S / 2
    assert not bench.recorded, 'what was stopped says nothing of the device'


def test_a_stop_does_not_reach_the_next_operation(bench: Bench) -> None:
    bench.worker.stop((A,))
    bench.worker.perform(A, LISTEN)
    assert bench.entered.wait(WAIT_S)
    assert not bench.heard
    bench.worker.stop((A, B))
    bench.wait(1)


def test_a_library_that_raises_is_an_outcome(bench: Bench) -> None:
    bench.worker.perform(B, READ)
    bench.wait(1)
    assert bench.heard[0][1].error == 'failed' and 'library' in bench.heard[0][1].detail
    assert bench.recorded == [bench.heard[0][1]]


def test_an_idle_lane_leaves_no_thread(bench: Bench) -> None:
    bench.worker.perform(B, READ)
    bench.wait(1)
    end = time.monotonic() + WAIT_S
    while threads() and time.monotonic() < end:
        time.sleep(0.01)
    assert not threads()
    bench.worker.perform(B, READ)
    bench.wait(2)


def test_closing_ends_what_runs_and_starts_nothing_more(bench: Bench) -> None:
    bench.worker.perform(A, LISTEN)
    assert bench.entered.wait(WAIT_S)
    assert bench.worker.close()
    bench.worker.perform(A, LISTEN)
    assert not bench.heard and not threads()


def test_a_declared_port_that_is_replaced_is_another_attachment(tmp_path: Path) -> None:
    port = tmp_path / 'port'
    ports = DeclaredPorts([str(port)])
    assert not ports.nodes() and not ports.changed()
    port.symlink_to('/dev/null')
    assert ports.changed() == [str(port)] and not ports.changed()
    (first,) = ports.nodes()
    assert first.device_path == str(port) and first.subsystem == 'tty'
    port.unlink()
    port.symlink_to('/dev/zero')
    assert ports.changed() == [str(port)]
    (second,) = ports.nodes()
    assert second.sysfs_path == first.sysfs_path
    assert second.attribute('attachment') != first.attribute('attachment')
