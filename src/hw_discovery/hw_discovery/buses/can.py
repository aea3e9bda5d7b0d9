# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""CAN interfaces as the kernel configures them: bitrate, state, mode. Opens no CAN socket.

sysfs has no bitrate, so route netlink is asked, with one request and a reader of its own: what
`ip -details link` shows is not meant for programs, and a library for all of netlink is more
than one request needs. Layouts: linux/netlink.h, rtnetlink.h, if_link.h, can/netlink.h.

Which nodes are on the bus is not asked here. DroneCAN would be: its nodes announce themselves
(uavcan.protocol.NodeStatus, data type 341, once a second), so a listener that only receives on
a raw socket could tell them. Its place is a performer of a CanListen operation beside this file.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hw_discovery.core.kernel_node import KernelNode

ARPHRD_CAN = '280'                       # linux/if_arp.h
ANSWER_BYTES_MAX = 65_536                # an answer about one interface has about 2 kB
ANSWER_S = 0.5                           # the kernel answers at once
_HEADER = struct.Struct('=IHHII')        # struct nlmsghdr: length type flags sequence port
_INTERFACE = struct.Struct('=BxHiII')    # struct ifinfomsg
_ATTRIBUTE = struct.Struct('=HH')        # struct nlattr: length type
_RTM_NEWLINK, _RTM_GETLINK, _NLMSG_ERROR = 16, 18, 2
_NLM_F_REQUEST = 1
_IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO = 3, 4, 18
_INFO_KIND, _INFO_DATA = 1, 2
_CAN_BITTIMING, _CAN_STATE, _CAN_CTRLMODE, _CAN_DATA_BITTIMING = 1, 4, 5, 9
_MTU_FD = 72                             # CANFD_MTU; a classic interface has 16
_LISTEN_ONLY, _LOOPBACK = 0x02, 0x01
_NLA_TYPE_MASK = 0x3FFF
_STATES = ('error-active', 'error-warning', 'error-passive', 'bus-off', 'stopped', 'sleeping')


@dataclass(frozen=True, slots=True)
class CanLink:
    """`bitrate_bps`: 0 = not set, or virtual. `state`: '' = the driver has none."""

    name: str
    kind: str = ''                       # 'can', 'vcan', 'vxcan', 'slcan'
    is_up: bool = False
    is_fd: bool = False
    bitrate_bps: int = 0
    data_bitrate_bps: int = 0
    sample_point_permille: int = 0
    state: str = ''
    is_listen_only: bool = False
    is_loopback: bool = False


class NetlinkUnreadable(Exception):
    """The kernel did not answer, or not in its own format."""


def can_link(name: str) -> CanLink:
    """Return what the kernel says of an interface, or raise NetlinkUnreadable."""
    try:
        index = socket.if_nametoindex(name)
    except (OSError, ValueError) as error:
        raise NetlinkUnreadable(f'there is no interface {name!r}') from error
    try:
        return parse_link(_asked(index))
    except OSError as error:
        raise NetlinkUnreadable(f'{name}: {error.strerror or error}') from error


def parse_link(answer: bytes) -> CanLink:
    """Return the interface of an RTM_NEWLINK message, or raise NetlinkUnreadable."""
    if len(answer) < _HEADER.size + _INTERFACE.size:
        raise NetlinkUnreadable(f'expected at least {_HEADER.size + _INTERFACE.size} bytes; '
                                f'came: {len(answer)}')
    length, kind, *_ = _HEADER.unpack_from(answer)
    if kind == _NLMSG_ERROR:
        number = -struct.unpack_from('=i', answer, _HEADER.size)[0]
        raise NetlinkUnreadable(os.strerror(number) if 0 < number < 4096 else 'refused')
    if kind != _RTM_NEWLINK or length > len(answer):
        raise NetlinkUnreadable(f'expected RTM_NEWLINK of {len(answer)} bytes; came: type {kind} '
                                f'of {length} bytes')
    _, _, _, flags, _ = _INTERFACE.unpack_from(answer, _HEADER.size)
    fields = dict(_attributes(answer[_HEADER.size + _INTERFACE.size:length]))
    link = CanLink(_text(fields.get(_IFLA_IFNAME, b'')), is_up=bool(flags & 1),
                   is_fd=_number(fields.get(_IFLA_MTU, b'')) == _MTU_FD)
    info = dict(_attributes(fields.get(_IFLA_LINKINFO, b'')))
    return _with_can_data(
        replace(link, kind=_text(info.get(_INFO_KIND, b''))),
        dict(_attributes(info.get(_INFO_DATA, b''))))


def with_can_facts(nodes: list[KernelNode]) -> list[KernelNode]:
    """Return the nodes with what netlink adds to CAN ones, as attributes 'can/...'.

    The state is not among them: it changes with the traffic.
    """
    return [_enriched(node) if node.subsystem == 'net' and node.attribute('type') == ARPHRD_CAN
            else node for node in nodes]


def _enriched(node: KernelNode) -> KernelNode:
    with contextlib.suppress(NetlinkUnreadable):
        link = can_link(node.sys_name)
        facts = {'can/kind': link.kind, 'can/bitrate': str(link.bitrate_bps or ''),
                 'can/data_bitrate': str(link.data_bitrate_bps or ''),
                 'can/fd': '1' if link.is_fd else ''}
        return replace(node, attributes={
            **node.attributes, **{name: text for name, text in facts.items() if text}})
    return node


def _with_can_data(link: CanLink, data: dict[int, bytes]) -> CanLink:
    if link.kind == 'vcan' or not data:
        return link
    bitrate, sample_point = _bit_timing(data.get(_CAN_BITTIMING, b''))
    state = _number(data[_CAN_STATE]) if _CAN_STATE in data else len(_STATES)
    mode = data.get(_CAN_CTRLMODE, b'')
    flags = struct.unpack_from('=II', mode)[1] if len(mode) >= 8 else 0
    return replace(
        link, bitrate_bps=bitrate, sample_point_permille=sample_point,
        data_bitrate_bps=_bit_timing(data.get(_CAN_DATA_BITTIMING, b''))[0],
        state=_STATES[state] if state < len(_STATES) else '',
        is_listen_only=bool(flags & _LISTEN_ONLY), is_loopback=bool(flags & _LOOPBACK))


def _bit_timing(field: bytes) -> tuple[int, int]:
    """Return bitrate and sample point, the first two of struct can_bittiming."""
    if len(field) < 8:
        return 0, 0
    bitrate, sample_point = struct.unpack_from('=II', field)
    return bitrate, sample_point


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= len(data) - at:
            raise NetlinkUnreadable(f'an attribute of {length} bytes where {len(data) - at} are')
        yield kind & _NLA_TYPE_MASK, data[at + _ATTRIBUTE.size:at + length]
        at += length + 3 & ~3


def _text(field: bytes) -> str:
    text = field.partition(b'\0')[0].decode('utf-8', 'replace')
    return ''.join(c for c in text if c.isprintable())[:32]


def _number(field: bytes) -> int:
    return int.from_bytes(field[:4], 'little' if struct.pack('=H', 1)[0] else 'big')


def _asked(index: int) -> bytes:
    request = _HEADER.pack(
        _HEADER.size + _INTERFACE.size, _RTM_GETLINK, _NLM_F_REQUEST, 1, 0,
    ) + _INTERFACE.pack(0, 0, index, 0, 0)
    with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as s:
        s.settimeout(ANSWER_S)
        s.bind((0, 0))
        s.sendto(request, (0, 0))
        return s.recv(ANSWER_BYTES_MAX)
