# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""vivid, the kernel's pretended camera: what it offers, and a picture."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vm.machine import Machine, output, udev_properties

from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.v4l2 import V4l2Kind, V4l2Node, offers, query_node
from hw_discovery.core.device import BusKind, Verdict
from hw_discovery.core.recognition import recognise
from hw_discovery.drivers.camera.capture import Capture

# Capture, output and metadata capture; see the kernel's vivid documentation.
NODE_TYPES = 0x1 | 0x100 | 0x20000


@contextmanager
def camera(machine: Machine) -> Iterator[dict[V4l2Kind, tuple[Path, V4l2Node]]]:
    """Yield its nodes by what they are for."""
    machine.load('vivid', 'n_devs=1', f'node_types=0x{NODE_TYPES:x}')
    try:
        nodes = {path: query_node(path) for path in sorted(Path('/dev').glob('video*'))}
        yield {node.kind: (path, node) for path, node in nodes.items()}
    finally:
        machine.unload('vivid')


def test_formats_sizes_and_rates_are_those_that_v4l2_ctl_lists(machine: Machine) -> None:
    with camera(machine) as nodes:
        assert set(nodes) == {V4l2Kind.CAPTURE, V4l2Kind.OUTPUT, V4l2Kind.METADATA}, nodes
        path, node = nodes[V4l2Kind.CAPTURE]
        theirs, code, size = set(), '', ''
        for line in output('v4l2-ctl', '-d', str(path), '--list-formats-ext').splitlines():
            if found := re.search(r"\]: '(.{4})'", line):
                code = found.group(1).strip()
            elif found := re.search(r'Size: Discrete (\w+)', line):
                size = found.group(1)
            elif found := re.search(r'\((\d+\.\d+) fps\)', line):
                theirs.add((code, size, float(found.group(1))))
        ours = {(form.pixel_format, f'{size.width_px}x{size.height_px}', rate)
                for form in node.formats for size in form.sizes for rate in size.rates_hz}
        machine.figures.update(formats=len(node.formats), of_v4l2_ctl=len(theirs),
                               ours=len(ours), notices='; '.join(node.notices))
        assert ours <= theirs and len(ours) > 50, sorted(ours - theirs)[:5]
        codes = {code for code, _, _ in theirs}
        assert {code for code, _, _ in ours} == codes or node.notices
        assert offers(node) and offers(nodes[V4l2Kind.METADATA][1]) == ()
        assert node.driver == 'vivid'


def test_a_node_with_a_media_device_and_no_sensor_is_left_ambiguous_and_others_are_no_cameras(
    machine: Machine,
) -> None:
    with camera(machine) as nodes:
        path, _ = nodes[V4l2Kind.CAPTURE]
        assert ':capture:' in udev_properties(str(path))['ID_V4L_CAPABILITIES']
        found = {f.device_path: f for f in recognise(HostScanner(('video',)).scan().nodes)
                 if f.bus is BusKind.VIDEO}
        assert found[str(path)].verdict is Verdict.AMBIGUOUS
        assert any('camera' in other for other in found.pop(str(path)).alternatives)
        assert len(found) == 2 and all(
            f.verdict is Verdict.IDENTIFIED and not f.capabilities for f in found.values())


def test_the_drivers_capture_takes_whole_pictures_that_change(machine: Machine) -> None:
    with camera(machine) as nodes:
        path, _ = nodes[V4l2Kind.CAPTURE]
        capture = Capture(str(path), 320, 180, 'YUYV', 15.0)
        try:
            form = capture.form
            begun = time.monotonic()
            pictures = [p for p in (capture.picture(5.0) for _ in range(5)) if p]
            machine.figures.update(size=f'{form.width}x{form.height} {form.fourcc}',
                                   pictures=len(pictures),
                                   took_ms=round((time.monotonic() - begun) * 1000))
            assert len(pictures) >= 3 and form.fourcc == 'YUYV'
            assert {len(p) for p in pictures} == {form.line_bytes * form.height}
            assert len(set(pictures[0])) > 5, 'a test picture has colours'
            assert len(set(pictures)) > 1, 'it has a clock in it'
        finally:
            capture.close()
