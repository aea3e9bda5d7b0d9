# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A job's life becomes one trace, with the times of the log and nothing made up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from swarm_facts import job

from swarm_tower import tracing
from swarm_tower.core.facts import Job
from swarm_tower.core.job_spans import STEPS_MAX, JobTracks, Trace

SDK = 'not here: the extra [otel] (pip install opentelemetry-sdk ' \
    'opentelemetry-exporter-otlp-proto-http)'


def at(ms: int, phase: str, robot_id: str = '', attempt: int = 0, **more: Any) -> Job:
    return job(
        'j1', phase, submitted_ms=1000, changed_ms=ms, robot_id=robot_id, attempt=attempt, **more
    )


LIFE = (
    at(1000, 'submitted'),
    at(1400, 'leased', 'r1', 1),
    at(1500, 'running', 'r1', 1),
    at(1600, 'running', 'r1', 1, progress_permille=500),
    at(4000, 'leased', 'r2', 2),
    at(4100, 'running', 'r2', 2),
    at(9100, 'done', 'r2', 2, run_ms=5000),
)


def lives(*jobs: Job, started_ms: int = 0, most: int = 100) -> list[Trace]:
    tracks = JobTracks(started_ms, most)
    return [life for one in jobs if (life := tracks.take(one)) is not None]


def test_life_has_a_step_for_each_phase_of_each_attempt() -> None:
    (life,) = lives(*LIFE)
    assert (life.start_ms, life.end_ms, life.failed) == (1000, 9100, False)
    assert [(s.name, s.robot_id, s.attempt, s.start_ms, s.end_ms) for s in life.steps] == [
        ('waiting', '', 0, 1000, 1400),
        ('leased', 'r1', 1, 1400, 1500),
        ('running', 'r1', 1, 1500, 4000),
        ('leased', 'r2', 2, 4000, 4100),
        ('running', 'r2', 2, 4100, 9100),
    ]


def test_end_that_is_told_again_makes_no_second_trace() -> None:
    assert len(lives(*LIFE, at(9100, 'done', 'r2', 2, outputs_delivered=True))) == 1


def test_what_was_told_before_is_not_taken_back() -> None:
    (life,) = lives(LIFE[0], LIFE[2], LIFE[1], LIFE[6])
    assert [step.name for step in life.steps] == ['waiting', 'running']


def test_job_too_quick_to_be_seen_has_its_length_and_no_steps() -> None:
    (life,) = lives(at(1050, 'done', 'r1', 1))
    assert (life.start_ms, life.end_ms, life.steps) == (1000, 1050, ())


def test_jobs_that_ended_before_the_tower_started_are_not_told_again() -> None:
    assert lives(LIFE[6], started_ms=9500) == []
    assert len(lives(LIFE[5], LIFE[6], started_ms=9000)) == 1


def test_job_tried_again_has_a_second_life_from_the_end_of_the_first() -> None:
    first, second = lives(
        at(2000, 'failed', 'r1', 1), at(3000, 'submitted'), at(5000, 'done', 'r1', 1)
    )
    assert first.failed and (second.start_ms, second.end_ms) == (2000, 5000)


def test_memory_is_bounded() -> None:
    tracks = JobTracks(0, 10)
    for i in range(100):
        tracks.take(job(f'open-{i}'))
        tracks.take(job(f'over-{i}', 'done'))
    assert len(tracks._open) <= 10 and len(tracks._over) == 10
    for i in range(3 * STEPS_MAX):
        tracks.take(at(1000 + i, 'leased' if i % 2 else 'running', 'r1', i))
    life = tracks.take(at(9000, 'done'))
    assert life is not None and len(life.steps) == STEPS_MAX


@pytest.fixture
def memory() -> Any:
    pytest.importorskip('opentelemetry.sdk', reason=SDK)
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    return InMemorySpanExporter()


@pytest.fixture
def traced(memory: Any) -> Iterator[tracing.Tracing]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    made = tracing.Tracing(provider)
    yield made
    made.close()


def test_spans_of_the_real_sdk_are_a_tree_with_the_times_of_the_log(
    traced: tracing.Tracing, memory: Any
) -> None:
    (life,) = lives(*LIFE)
    traced.send(life)
    *steps, root = memory.get_finished_spans()
    assert root.name == 'job exec' and root.parent is None
    assert (root.start_time, root.end_time) == (1000 * 10**6, 9100 * 10**6)
    assert root.attributes['swarm.job.id'] == 'j1' and root.attributes['swarm.job.run_ms'] == 5000
    assert [span.name for span in steps] == ['waiting', 'leased', 'running', 'leased', 'running']
    assert {span.parent.span_id for span in steps} == {root.context.span_id}
    assert steps[4].attributes['swarm.robot.id'] == 'r2'
    assert root.status.is_unset


def test_job_that_did_not_succeed_is_an_error_with_its_reason(
    traced: tracing.Tracing, memory: Any
) -> None:
    for life in lives(at(2000, 'failed', 'r1', 1, reason='exit code 2')):
        traced.send(life)
    (root,) = memory.get_finished_spans()
    assert not root.status.is_ok and root.status.description == 'exit code 2'


def test_each_life_is_a_trace_of_its_own(traced: tracing.Tracing, memory: Any) -> None:
    for name in ('a', 'b'):
        traced.send(Trace(job(name, 'done'), 1, 2, ()))
    assert len({span.context.trace_id for span in memory.get_finished_spans()}) == 2


def test_unknown_exporter_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('OTEL_TRACES_EXPORTER', 'zipkin')
    with pytest.raises(tracing.Unavailable, match='otlp, console, none'):
        tracing.start()


def test_protocol_that_is_not_spoken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('OTEL_TRACES_EXPORTER', raising=False)
    monkeypatch.setenv('OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc')
    with pytest.raises(tracing.Unavailable, match='http/protobuf'):
        tracing.start()


def test_missing_sdk_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delenv('OTEL_TRACES_EXPORTER', raising=False)
    for name in ('opentelemetry.sdk', 'opentelemetry.sdk.trace', 'opentelemetry.sdk.resources'):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(tracing.Unavailable, match='opentelemetry-sdk'):
        tracing.start()


class Collector(HTTPServer):
    """Takes what is sent to it."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        server = self

        class Take(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers['Content-Length']))
                server.got.append((self.path, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(('127.0.0.1', 0), Take)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def test_usual_variables_say_where_traces_go(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('opentelemetry.exporter.otlp.proto.http', reason=SDK)
    collector = Collector()
    url = f'http://127.0.0.1:{collector.server_port}'
    monkeypatch.setenv('OTEL_EXPORTER_OTLP_ENDPOINT', url)
    monkeypatch.setenv('OTEL_SERVICE_NAME', 'orchard')
    monkeypatch.delenv('OTEL_TRACES_EXPORTER', raising=False)
    try:
        made = tracing.start()
        made.send(Trace(job('j1', 'done'), 1, 2, ()))
        made.close()  # sends what is left
    finally:
        collector.shutdown()
        collector.server_close()
    (path, body), = collector.got
    assert path == '/v1/traces' and b'orchard' in body and b'job exec' in body


def test_console_exporter_is_the_one_of_the_sdk() -> None:
    export = pytest.importorskip('opentelemetry.sdk.trace.export', reason=SDK)
    assert isinstance(tracing._exporter('console'), export.ConsoleSpanExporter)


def test_service_has_a_name_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('opentelemetry.sdk', reason=SDK)
    monkeypatch.setenv('OTEL_TRACES_EXPORTER', 'none')
    monkeypatch.delenv('OTEL_SERVICE_NAME', raising=False)
    made = tracing.start()
    assert made._provider.resource.attributes['service.name'] == tracing.SERVICE
    made.close()
