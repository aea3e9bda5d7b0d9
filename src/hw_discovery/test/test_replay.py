# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What was recorded gives the same devices again, and a broken file is said."""

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.gps import FakeGps
from fakes.pty_line import on_pty

from hw_discovery.buses.performer import Performers
from hw_discovery.buses.prober_worker import ProberWorker
from hw_discovery.buses.serial_probe import SerialProbe
from hw_discovery.buses.transcript import TranscriptWriter
from hw_discovery.catalogue_files import bundled
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.places import PlaceSeen, ProbePolicy
from hw_discovery.core.prober import Lane, Perform, Probed, Prober
from hw_discovery.core.probing.operation import Outcome, SerialPlace
from hw_discovery.core.scan import Scan
from hw_discovery.replay import main

PORT = '/devices/platform/uart/tty/ttyGPS'


def recorded_on_a_pty() -> str:
    """Return a transcript of a receiver that was really asked, through real threads."""
    stream = io.StringIO()
    writer = TranscriptWriter(stream)
    heard: list[tuple[Lane, Outcome]] = []
    news = threading.Condition()

    def take(lane: Lane, outcome: Outcome) -> None:
        with news:
            heard.append((lane, outcome))
            news.notify()

    with on_pty(FakeGps(period_ms=100)) as line:
        writer.scan(Scan((KernelNode('tty', PORT, device_path=line.path),)))
        prober = Prober(bundled(), ProbePolicy(('*',), declared={line.path: ('gps',)}))
        worker = ProberWorker(SerialProbe(), Performers({}), take, writer.outcome)
        effects = prober.places_changed(
            (PlaceSeen(SerialPlace(line.path, PORT), 'port', 1),), 0)
        for now_ns in range(1, 500):
            for effect in effects:
                if isinstance(effect, Perform):
                    worker.perform(effect.lane, effect.operation)
            if any(isinstance(effect, Probed) for effect in effects):
                break
            with news:
                assert news.wait_for(lambda: bool(heard), 10.0)
                lane, outcome = heard.pop(0)
            effects = prober.heard(lane, outcome, now_ns)
        assert worker.close()
        return stream.getvalue().replace(line.path, '/dev/ttyGPS')


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / 'bus.jsonl'
        path.write_text(text)
        return str(path)
    return write


def test_a_recorded_receiver_is_identified_again_without_it(
    file: Callable[[str], str], capsys: pytest.CaptureFixture[str],
) -> None:
    path = file(recorded_on_a_pty())
    assert main([path, '--json', '--declare', '/dev/ttyGPS=gps']) == 0
    devices = json.loads(capsys.readouterr().out)
    (gps,) = [d for d in devices if d['kind'] == 'gps']
    assert gps['verdict'] == 'identified' and gps['generation'] == 1
    assert main([path, '--explain', '--declare', '/dev/ttyGPS=gps']) == 0
    assert 'frames' in capsys.readouterr().out


def test_a_broken_file_and_wrong_arguments_are_said(
    file: Callable[[str], str], capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([file('{"format": "other"}\n')]) == 1
    assert 'format' in capsys.readouterr().err
    assert main(['/nowhere/at/all']) == 1
    with pytest.raises(SystemExit):
        main([file(''), '--declare', 'nonsense'])
