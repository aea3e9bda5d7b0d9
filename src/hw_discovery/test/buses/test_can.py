# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""CAN interfaces from netlink: messages built as the kernel builds them, and its own loop-back."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_discovery.buses import can
from hw_discovery.buses.can import CanLink, NetlinkUnreadable, can_link, parse_link
from hw_discovery.core.device import BusKind, Capability
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.recognition import recognise


def attribute(kind: int, data: bytes) -> bytes:
    packed = struct.pack('=HH', 4 + len(data), kind) + data
    return packed + bytes(-len(packed) % 4)


def message(
    name: str = 'can0', kind: bytes = b'can', flags: int = 1, mtu: int = 16,
    data: bytes = b'',
) -> bytes:
    info = attribute(1, kind + b'\0') + (attribute(2 | 0x8000, data) if data else b'')
    body = struct.pack('=BxHiII', 0, 280, 3, flags, 0)
    body += attribute(3, name.encode() + b'\0') + attribute(4, struct.pack('=I', mtu))
    body += attribute(18, info)
    return struct.pack('=IHHII', 16 + len(body), 16, 0, 1, 0) + body


CLASSIC = (attribute(1, struct.pack('=8I', 500_000, 875, 125, 6, 7, 2, 1, 8))
           + attribute(4, struct.pack('=I', 0)) + attribute(5, struct.pack('=II', 0, 0)))


def test_bitrate_state_and_mode_are_told() -> None:
    assert parse_link(message(data=CLASSIC)) == CanLink(
        'can0', 'can', True, False, 500_000, 0, 875, 'error-active')


def test_a_listening_fd_interface_has_two_bitrates() -> None:
    data = CLASSIC[:-8] + struct.pack('=II', 0, 0x22) + attribute(
        9, struct.pack('=8I', 2_000_000, 750, 0, 0, 0, 0, 0, 0))
    link = parse_link(message(data=data, mtu=72))
    assert (link.is_fd, link.data_bitrate_bps, link.is_listen_only) == (True, 2_000_000, True)


@pytest.mark.parametrize(('state', 'says'), [(3, 'bus-off'), (4, 'stopped'), (77, '')])
def test_a_bus_that_is_off_is_said_to_be(state: int, says: str) -> None:
    assert parse_link(message(data=attribute(4, struct.pack('=I', state)))).state == says


def test_a_virtual_interface_has_no_bitrate() -> None:
    assert parse_link(message('vcan0', b'vcan', flags=0)) == CanLink('vcan0', 'vcan')


@pytest.mark.parametrize(('answer', 'says'), [
    (b'', 'expected at least 32 bytes'),
    (struct.pack('=IHHIIi', 36, 2, 0, 1, 0, -19) + bytes(16), 'No such device'),
    (struct.pack('=IHHII', 32, 17, 0, 1, 0) + bytes(16), 'came: type 17'),
    (struct.pack('=IHHII', 99, 16, 0, 1, 0) + bytes(16), 'of 99 bytes'),
    (struct.pack('=IHHII', 36, 16, 0, 1, 0) + bytes(16) + struct.pack('=HH', 2, 3),
     'an attribute of 2 bytes'),
])
def test_what_is_no_answer_is_refused_with_what_was_expected(answer: bytes, says: str) -> None:
    with pytest.raises(NetlinkUnreadable) as raised:
        parse_link(answer)
    assert says in str(raised.value)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 200), st.binary(max_size=12))
def test_a_damaged_answer_is_refused_or_read_but_never_breaks_out(at: int, put: bytes) -> None:
    whole = message(data=CLASSIC)
    damaged = whole[:at] + put + whole[at + len(put):]
    try:
        assert isinstance(parse_link(damaged), CanLink)
    except NetlinkUnreadable as error:
        assert str(error)


def test_the_real_kernel_answers_about_its_loop_back() -> None:
    link = can_link('lo')
    assert (link.name, link.bitrate_bps, link.state) == ('lo', 0, '')


def test_an_interface_that_is_not_there_is_said() -> None:
    with pytest.raises(NetlinkUnreadable, match='there is no interface'):
        can_link('nosuch0')


def test_a_can_node_gets_its_facts_and_others_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(can, 'can_link', lambda name: parse_link(message(data=CLASSIC, mtu=72)))
    bus = KernelNode('net', '/devices/platform/spi/net/can0', attributes={'type': '280'})
    wired = KernelNode('net', '/devices/platform/eth/net/eth0', attributes={'type': '1'})
    found, other = can.with_can_facts([bus, wired])
    assert found.attributes == {
        'type': '280', 'can/kind': 'can', 'can/bitrate': '500000', 'can/fd': '1'}
    assert other is wired
    (finding,) = recognise([found])
    assert finding.bus is BusKind.CAN
    assert finding.capabilities == (
        Capability('link:can'), Capability('can:bitrate', 500_000.0, 'bit/s'),
        Capability('link:can_fd'))
    assert 'at 500000 bit/s' in finding.evidence[0].says


def test_a_can_node_of_which_netlink_says_nothing_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(name: str) -> Any:
        raise NetlinkUnreadable('no')

    monkeypatch.setattr(can, 'can_link', silent)
    bus = KernelNode('net', '/devices/platform/spi/net/can0', attributes={'type': '280'})
    assert can.with_can_facts([bus]) == [bus]
