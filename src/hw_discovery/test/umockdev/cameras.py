# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Formats and rates of a pretended camera through the real system call, beside v4l2-ctl."""

import gc
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from camera import CAPTURE, METADATA, Camera, UMockdev

from hw_discovery.buses.v4l2 import V4l2Kind, offers, query_node

FORMATS = {
    b'MJPG': {(1280, 720): [(1, 30), (1, 15)], (640, 480): [(1, 60)]},
    b'YUYV': {(640, 480): [(1, 30)]}}


@pytest.fixture
def camera() -> Iterator[tuple[Camera, Camera]]:
    """Return the capture and the metadata node, as a UVC camera has them."""
    testbed = UMockdev.Testbed.new()
    made: list[Any] = []
    for number, own in enumerate((CAPTURE, METADATA)):
        assert testbed.add_from_string(
            f'P: /devices/usb1/1-4/1-4:1.0/video4linux/video{number}\nN: video{number}\n'
            f'E: DEVNAME=/dev/video{number}\nE: SUBSYSTEM=video4linux\nE: MAJOR=81\n'
            f'E: MINOR={number}\nA: name=HD Camera\\n\nA: index={number}\\n\n'
            f'A: dev=81:{number}\\n\n\n')
        made.append(Camera(own, FORMATS))
        assert testbed.attach_ioctl(f'/dev/video{number}', made[-1])
    yield made[0], made[1]
    testbed.clear()
    testbed.disable()
    del testbed
    gc.collect()


@pytest.mark.skipif(shutil.which('v4l2-ctl') is None, reason='apt-get install v4l-utils')
def test_v4l2_ctl_lists_the_pretended_camera_as_the_query_does(
    camera: tuple[Camera, Camera],
) -> None:
    shown = subprocess.run(
        ['v4l2-ctl', '-d', '/dev/video0', '--list-formats-ext'], capture_output=True, text=True,
        timeout=20).stdout
    theirs = []
    code = size = ''
    for line in shown.splitlines():
        if found := re.search(r"\]: '(\w+)'", line):
            code = found.group(1)
        elif found := re.search(r'Size: Discrete (\w+)', line):
            size = found.group(1)
        elif found := re.search(r'\((\d+\.\d+) fps\)', line):
            theirs.append((code, size, float(found.group(1))))
    ours = [(form.pixel_format, f'{size.width_px}x{size.height_px}', rate)
            for form in query_node(Path('/dev/video0')).formats for size in form.sizes
            for rate in size.rates_hz]
    assert len(ours) == 4 and ours == theirs, shown


def test_asking_does_nothing_but_ask(camera: tuple[Camera, Camera]) -> None:
    node = query_node(Path('/dev/video0'))
    assert (node.kind, node.card, node.driver) == (V4l2Kind.CAPTURE, 'HD Camera', 'uvcvideo')
    assert offers(node)[0].rate_hz == 60.0
    assert camera[0].others == set()


def test_the_metadata_node_of_the_same_camera_is_no_camera(
    camera: tuple[Camera, Camera],
) -> None:
    node = query_node(Path('/dev/video1'))
    assert node.kind is V4l2Kind.METADATA
    assert offers(node) == ()
