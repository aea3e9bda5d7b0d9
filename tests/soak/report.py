# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The table of a run by tenths, and the lines below it. Pure text."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from soak.verdict import (
    DESCRIPTORS_MAX,
    HOUR_S,
    LATE_MS_MAX,
    PERIOD_SHARE_MAX,
    Growth,
    Lives,
    Moment,
    Quota,
    Tenth,
    memory_kb_max,
    percentile,
)

MIB = 1024 * 1024


def table(tenths: Sequence[Tenth], lives: Lives, run_s: float, parts: Sequence[str]) -> str:
    heads = ['tenth', 'done', 'kills', 'failover ms', 'period ms', 'p99 ms', 'MiB', 'descriptors']
    rows = [heads + [f'{part} MiB' for part in parts]]
    for number, tenth in enumerate(tenths):
        periods = tenth.all_periods()
        begin_s, end_s = run_s * number / len(tenths), run_s * (number + 1) / len(tenths)
        now = [one for life in lives.values() for one in life if begin_s <= one.at_s < end_s]
        rows.append([
            str(number + 1), str(tenth.done), str(len(tenth.failovers_ms)),
            ' '.join(map(str, tenth.failovers_ms)) or '-',
            f'{median(periods):.0f}' if periods else '-',
            f'{percentile(periods, 0.99):.0f}' if periods else '-',
            _most(now, 'resident_kb', 1024), _most(now, 'descriptors', 1),
            *(f'{tenth.disk.get(part, 0) / MIB:.1f}' for part in parts),
        ])
    rows.insert(1, ['---'] * len(rows[0]))
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _most(moments: Sequence[Moment], what: str, unit: int) -> str:
    values = [getattr(one, what) for one in moments]
    return f'{max(values) // unit}' if values else '-'


def bounds(grown: Sequence[Growth], jobs: int, quotas: Sequence[Quota]) -> str:
    """What was measured beside what is in order."""
    lines = []
    for robot in dict.fromkeys(one.robot for one in grown):
        each = {one.what: one for one in grown if one.robot == robot}
        memory, files = each['resident_kb'], each['descriptors']
        lines.append(
            f'{robot}: memory {memory.total / 1024:+.1f} MiB in {memory.span_s / 60:.0f} min '
            f'({memory.per_s * HOUR_S / 1024:+.1f} an hour; in order: '
            f'{memory_kb_max(jobs) / 1024:.0f}), descriptors {files.total:+.1f} '
            f'(in order: {DESCRIPTORS_MAX}), threads {each["threads"].total:+.1f}'
        )
    lines.append(
        f'heartbeat: medians within {PERIOD_SHARE_MAX:.0%} of each other, 99th percentile growing '
        f'by {LATE_MS_MAX:.0f} ms at most, or what lies between its quartiles; disk: '
        + ', '.join(f'{one.part} {one.limit_bytes / MIB:.0f} MiB' for one in quotas)
    )
    return '\n'.join(lines)
