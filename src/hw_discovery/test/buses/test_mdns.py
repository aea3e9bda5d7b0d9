# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Announcements on the loop-back interface; nothing leaves this computer."""

import queue
import socket

import pytest

from hw_discovery.buses.announced import AnnouncedDevices
from hw_discovery.buses.mdns import Announcement, MdnsListener
from hw_discovery.core.device import BusKind, Verdict
from hw_discovery.core.recognition import recognise

LOOP_BACK = '127.0.0.1'
SERVICE = '_swarmtest._udp.local.'
WAIT_S = 15.0


def ignore(announcement: Announcement) -> None:
    """Take no notice."""


@pytest.mark.parametrize('services', [
    [], ['rplidar'], ['_x._icmp.local.'], ['_x._tcp.example.'], [SERVICE] * 33])
def test_what_is_no_service_is_refused(services: list[str]) -> None:
    with pytest.raises(ValueError, match='expected'):
        MdnsListener(services, [LOOP_BACK], ignore, ignore)


def test_no_interface_is_chosen_for_the_operator() -> None:
    with pytest.raises(ValueError, match='at least one interface'):
        MdnsListener([SERVICE], [], ignore, ignore)


def test_a_device_is_told_when_it_announces_itself_and_when_it_leaves() -> None:
    zeroconf = pytest.importorskip('zeroconf')
    seen: queue.Queue[tuple[str, Announcement]] = queue.Queue()
    try:
        device = zeroconf.Zeroconf(interfaces=[LOOP_BACK])
    except OSError as error:
        pytest.skip(f'no multicast on the loop-back interface here: {error}')
    listener = MdnsListener(
        [SERVICE], [LOOP_BACK], lambda a: seen.put(('appeared', a)),
        lambda a: seen.put(('vanished', a)))
    try:
        device.register_service(zeroconf.ServiceInfo(
            SERVICE, f'lidar 7.{SERVICE}', addresses=[socket.inet_aton(LOOP_BACK)], port=2368,
            properties={'model': 'X\n1'}, server='lidar7.local.'))
        expected = Announcement(
            SERVICE, 'lidar 7', 'lidar7.local.', (LOOP_BACK,), 2368, (('model', 'X 1'),))
        assert seen.get(timeout=WAIT_S) == ('appeared', expected)
        device.unregister_all_services()
        assert seen.get(timeout=WAIT_S) == ('vanished', expected)
    finally:
        listener.close()
        device.close()


def test_an_announced_device_is_a_finding_that_identifies_nobody_until_it_leaves() -> None:
    zeroconf = pytest.importorskip('zeroconf')
    try:
        device = zeroconf.Zeroconf(interfaces=[LOOP_BACK])
    except OSError as error:
        pytest.skip(f'no multicast on the loop-back interface here: {error}')
    news: queue.Queue[str] = queue.Queue()
    announced = AnnouncedDevices()
    try:
        assert announced.open([SERVICE], [LOOP_BACK], news.put) == ''
        device.register_service(zeroconf.ServiceInfo(
            SERVICE, f'lidar/8.{SERVICE}', addresses=[socket.inet_aton(LOOP_BACK)], port=2368,
            server='lidar8.local.'))
        path = news.get(timeout=WAIT_S)
        (found,) = recognise(announced.nodes())
        assert (found.sysfs_path, found.bus) == (path, BusKind.NETWORK)
        assert found.verdict is Verdict.UNKNOWN and 'lidar-8' in found.name
        assert 'lidar8.local. 127.0.0.1 port 2368' in found.evidence[0].seen
        device.unregister_all_services()
        assert news.get(timeout=WAIT_S) == path
        assert announced.nodes() == []
    finally:
        announced.close()
        device.close()


def test_a_service_that_is_none_is_a_notice() -> None:
    assert 'expected' in AnnouncedDevices().open(['rplidar'], [LOOP_BACK], lambda path: None)
