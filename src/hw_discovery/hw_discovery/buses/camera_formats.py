# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What each video node gives, asked once for each attachment, as an attribute of its node.

The attribute `v4l2` is e.g. 'capture;width=160..1920;height=120..1080;rate=5..30;format=MJPG,YUYV'
and so is recorded and replayed with the scan. Nothing is streamed and nothing is set.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from hw_discovery.buses.v4l2 import V4l2Kind, V4l2Node, VideoUnreadable, offers, query_node
from hw_discovery.core.kernel_node import KernelNode

FORMATS_MAX = 16             # a node has some; the attribute stays short
NODES_MAX = 64


class CameraFormats:
    """Remembers what a node said until another device has its path."""

    def __init__(self, query: Callable[[Path], V4l2Node] = query_node) -> None:
        self._query = query
        self._said: dict[tuple[str, str], str] = {}

    def add_to(self, nodes: Iterable[KernelNode]) -> list[KernelNode]:
        """Return the nodes, those of cameras with what they give."""
        found: list[KernelNode] = []
        said: dict[tuple[str, str], str] = {}
        for node in nodes:
            if node.subsystem == 'video4linux' and node.device_path and len(said) < NODES_MAX:
                key = node.sysfs_path, _attachment(node.device_path)
                said[key] = self._said.get(key) or self._asked(node.device_path)
                node = replace(node, attributes={**node.attributes, 'v4l2': said[key]})
            found.append(node)
        self._said = said
        return found

    def _asked(self, device: str) -> str:
        try:
            return text_of(self._query(Path(device)))
        except VideoUnreadable as error:
            return f'{error.error};{error.reason}'[:200]


def text_of(node: V4l2Node) -> str:
    """Return what a node says of itself in one line."""
    parts = ['capture' if node.kind is V4l2Kind.CAPTURE else 'other']
    names = {'image_width': 'width', 'image_height': 'height', 'frame_rate': 'rate'}
    parts += [f'{names[one.name]}={one.minimum:g}..{one.maximum:g}' for one in offers(node)
              if one.name in names and one.minimum is not None and one.maximum is not None]
    formats = list(dict.fromkeys(f.pixel_format.strip() for f in node.formats))[:FORMATS_MAX]
    plain = [name for name in formats if name.isalnum()]
    return ';'.join([*parts, f'format={",".join(plain)}'] if plain else parts)


def _attachment(device: str) -> str:
    try:
        found = os.stat(device)
    except OSError:
        return ''
    return f'{found.st_rdev:x}:{found.st_ino:x}:{found.st_ctime_ns:x}'
