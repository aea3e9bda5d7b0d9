# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lives of jobs as OpenTelemetry spans. Owns names and attributes, and the only import of its SDK,
which is the extra [otel] and may be missing.

Where spans go is said by the usual variables: OTEL_TRACES_EXPORTER (otlp, console or none),
OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME and so on. Exporting has a thread and a bounded
queue of its own; a collector that is away costs spans, never the tower.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from swarm_tower.core.job_spans import Step, Trace

SERVICE = 'swarm_tower'
NS_PER_MS = 1_000_000
CLOSE_S = 2.0
PROTOCOL = 'http/protobuf'
EXPORTERS = ('otlp', 'console', 'none')
INSTALL = (
    'pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http (the extra [otel])'
)


class Unavailable(RuntimeError):
    """Tracing cannot be done; the text says what to install or to set."""


class Tracing:
    """Sends whole lives. `provider` is an SDK's TracerProvider; it is shut down at the end."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry import context, trace

        self._nothing = context.Context()
        self._trace = trace
        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE)

    def send(self, life: Trace) -> None:
        """Make a span of the life and one of each of its steps below it."""
        root = self._tracer.start_span(
            f'job {life.job.kind}', context=self._nothing,
            start_time=life.start_ms * NS_PER_MS, attributes=_attributes_of(life),
        )
        below = self._trace.set_span_in_context(root)
        for step in life.steps:
            span = self._tracer.start_span(
                step.name, context=below, start_time=step.start_ms * NS_PER_MS,
                attributes=_attributes_of_step(step),
            )
            span.end(end_time=step.end_ms * NS_PER_MS)
        if life.failed:
            code = self._trace.StatusCode.ERROR
            root.set_status(self._trace.Status(code, life.job.reason or life.job.phase))
        root.end(end_time=max(life.start_ms, life.end_ms) * NS_PER_MS)

    def close(self) -> None:
        """Send what is left, but do not wait long for a collector that is away."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(CLOSE_S)


def _attributes_of(life: Trace) -> dict[str, Any]:
    job = life.job
    return {
        'swarm.job.id': job.job_id,
        'swarm.job.kind': job.kind,
        'swarm.job.outcome': job.phase,
        'swarm.job.origin': job.origin,
        'swarm.job.attempts': job.attempt,
        'swarm.job.moves': job.moves,
        'swarm.job.labels': list(job.labels),
        'swarm.job.run_ms': job.run_ms,
        'swarm.robot.id': job.robot_id,
    }


def _attributes_of_step(step: Step) -> dict[str, Any]:
    return {'swarm.robot.id': step.robot_id, 'swarm.job.attempt': step.attempt}


def start() -> Tracing:
    """Return tracing as the environment asks for it, or raise Unavailable."""
    wanted = os.environ.get('OTEL_TRACES_EXPORTER', 'otlp').strip().lower() or 'otlp'
    if wanted not in EXPORTERS:
        raise Unavailable(
            f'OTEL_TRACES_EXPORTER={wanted}: expected one of {", ".join(EXPORTERS)}'
        )
    protocol = os.environ.get('OTEL_EXPORTER_OTLP_PROTOCOL', PROTOCOL)
    if wanted == 'otlp' and protocol not in ('', PROTOCOL):
        raise Unavailable(f'OTEL_EXPORTER_OTLP_PROTOCOL={protocol}: expected {PROTOCOL}')
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise Unavailable(f'{error}; install it: {INSTALL}') from error
    named = {} if os.environ.get('OTEL_SERVICE_NAME') else {'service.name': SERVICE}
    provider = TracerProvider(resource=Resource.create(named))
    if wanted != 'none':
        provider.add_span_processor(BatchSpanProcessor(_exporter(wanted)))
    return Tracing(provider)


def _exporter(wanted: str) -> Any:
    try:
        if wanted == 'console':
            from opentelemetry.sdk.trace.export import ConsoleSpanExporter

            return ConsoleSpanExporter()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise Unavailable(f'{error}; install it: {INSTALL}') from error
    return OTLPSpanExporter()
