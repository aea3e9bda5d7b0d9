# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot process holds no memory for what it does not use; each claim in a process of its own."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

rclpy = pytest.importorskip('rclpy')

from swarm_coordinator.local_swarm import Domain  # noqa: E402
from swarm_coordinator.ros.frugal import (  # noqa: E402
    OLD_PROFILES,
    PROFILES,
    frugal_dds,
)

START = """
import os, sys
from swarm_coordinator.ros.frugal import frugal_dds, without_generator
"""
NODE = """
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import String
rclpy.init()
node = Node('frugal', start_parameter_services=False)
def resident_kb():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1000
"""
ENDPOINTS = """
def deep(number):
    return node.create_subscription(String, f'topic{number}', print, QoSProfile(depth=1000))
kept = [deep(number) for number in range(10)]
before = resident_kb()
kept += [deep(number) for number in range(10, 60)]
print((resident_kb() - before) / 50)
"""
BURST = """
reader = node.create_subscription(String, 'burst', print, QoSProfile(depth=1000))
writer = node.create_publisher(String, 'burst', QoSProfile(depth=1000))
while not writer.get_subscription_count() or not node.count_publishers('burst'):
    pass
for number in range(1000):
    writer.publish(String(data=str(number)))
taken = []
with reader.handle:
    while len(taken) < 1000:
        got = reader.handle.take_message(String, False)
        if got is not None:
            taken.append(int(got[0].data))
print(taken == list(range(1000)))
"""
UNTIL_HEARD = """
sys.stdin.read()
"""
# Where a participant announces itself on a machine: DDSI-RTPS 9.6.2, its well-known ports.
PORT, PER_DOMAIN, UNICAST, PER_PARTICIPANT = 7400, 250, 10, 2
PARTICIPANT = 25
# What a participant offers beside its own endpoints; the bits of DDS-XTypes 7.6.3.3.4.
PID_BUILTIN_ENDPOINTS, TYPE_LOOKUP = 0x58, 0b1111 << 12
# What a coordinator alone must not bring. Messages bring numpy.
UNWANTED = (
    'asyncio', 'cryptography', 'hw_discovery', 'lark', 'em', 'multiprocessing', 'numpy.random',
    'swarm_coordinator.cli', 'swarm_coordinator.sim', 'swarm_learning', 'swarm_tower', 'tornado',
    'unittest',
)


def without_profiles(folder: Path, **environment: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if k not in (PROFILES, OLD_PROFILES)}
    return {**clean, 'ROS_LOG_DIR': str(folder), **environment}


def said(source: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, '-c', START + source], capture_output=True, text=True, timeout=120,
        env=without_profiles(folder, FASTDDS_BUILTIN_TRANSPORTS='UDPv4'), cwd=folder, check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def own_memory() -> bool:
    from rclpy.utilities import get_rmw_implementation_identifier

    return get_rmw_implementation_identifier().startswith('rmw_fastrtps')


def within(source: str) -> str:
    indented = ''.join(f'    {line}\n' for line in source.splitlines())
    return f'with frugal_dds():\n{indented}'


@pytest.mark.skipif(not own_memory(), reason='the memory of endpoints is that of Fast DDS')
def test_a_deep_reader_holds_little_before_it_has_heard_anything(tmp_path: Path) -> None:
    usual = float(said(NODE + ENDPOINTS, tmp_path))
    small = float(said(within(NODE) + ENDPOINTS, tmp_path))
    assert small < 50 < usual, (small, usual)  # 30 and 85 kB when this was written


def test_a_deep_reader_keeps_as_many_as_its_depth(tmp_path: Path) -> None:
    assert said(within(NODE) + BURST, tmp_path) == 'True'


def offered(source: str, folder: Path) -> int:
    """The built-in endpoints of a node, as it announces them to its machine."""
    with closing(Domain()) as domain, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        port = PORT + PER_DOMAIN * domain.number + UNICAST + PER_PARTICIPANT * PARTICIPANT
        ear.bind(('127.0.0.1', port))
        ear.settimeout(20)
        environment = without_profiles(folder, ROS_DOMAIN_ID=str(domain.number),
                                       ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
        with subprocess.Popen([sys.executable, '-c', START + source + UNTIL_HEARD],
                              env=environment, cwd=folder, stdin=subprocess.PIPE) as process:
            announced, _ = ear.recvfrom(65536)
        assert process.returncode == 0
    assert announced.startswith(b'RTPS')
    at = announced.index(struct.pack('<HH', PID_BUILTIN_ENDPOINTS, 4))
    return int(struct.unpack_from('<I', announced, at + 4)[0])


@pytest.mark.skipif(not own_memory(), reason='types are told by Fast DDS')
def test_newcomers_need_not_ask_for_types_before_they_find_what_is_offered(tmp_path: Path) -> None:
    if not offered(NODE, tmp_path) & TYPE_LOOKUP:
        pytest.skip('this Fast DDS tells no types')
    told = offered(within(NODE), tmp_path)
    assert told and not told & TYPE_LOOKUP


def test_a_program_that_is_started_later_is_told_of_no_profile() -> None:
    with frugal_dds():
        assert Path(os.environ[PROFILES]).read_text().startswith('<?xml')
        name = os.environ[PROFILES]
    assert PROFILES not in os.environ and not Path(name).exists()


@pytest.mark.parametrize('name', [PROFILES, OLD_PROFILES])
def test_profiles_of_the_user_are_heeded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, '/etc/swarm/dds.xml')
    before = dict(os.environ)
    with frugal_dds():
        assert dict(os.environ) == before
    assert dict(os.environ) == before


def test_a_robot_starts_where_no_file_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, 'Read-only file system')

    monkeypatch.setattr(tempfile, 'NamedTemporaryFile', refuse)
    with frugal_dds():
        assert PROFILES not in os.environ


def test_the_writer_of_messages_is_there_for_who_asks_afterwards(tmp_path: Path) -> None:
    source = """
without_generator()
import rosidl_generator_py
print('lark' in sys.modules)
import rosidl_generator_py.generate_py_impl as writer
print(callable(writer.generate_py), 'lark' in sys.modules)
"""
    pytest.importorskip('rosidl_generator_py.generate_py_impl')
    assert said(source, tmp_path).split() == ['False', 'True', 'True']


def test_a_release_whose_generator_needs_its_writer_is_left_as_it_is(tmp_path: Path) -> None:
    package = tmp_path / 'rosidl_generator_py'
    package.mkdir()
    (package / '__init__.py').write_text('from .generate_py_impl import generate_py\n')
    (package / 'generate_py_impl.py').write_text('generate_py = print\n')
    source = """
sys.path.insert(0, os.getcwd())
without_generator()
import rosidl_generator_py
print(rosidl_generator_py.__file__)
"""
    assert said(source, tmp_path) == str(package / '__init__.py')


def test_a_coordinator_alone_loads_nothing_of_other_parts_and_no_cryptography(
    tmp_path: Path,
) -> None:
    source = """
without_generator()
import swarm_coordinator.ros.robot, swarm_coordinator.ros.part
""" + within(NODE) + """
node.create_timer(1.0, print)
print(*[name for name in sys.modules])
"""
    loaded = set(said(source, tmp_path).split())
    assert not loaded & set(UNWANTED)
