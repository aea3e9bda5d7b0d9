# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A verdict as text lines: how it was identified, what was ruled out, what was not tried.

Owns the wording for `swarmctl hardware explain`. Adds no judgement of its own.
"""

from hw_discovery.core.device import Verdict
from hw_discovery.core.probing.consent import place_key
from hw_discovery.core.probing.verdict import ProbeVerdict

# More lines of one kind tell people nothing; the number left out is said.
LINES_MAX = 12
HOW_COMPUTED = (
    'confidence: share of belief. Each observation weighs log2(how much likelier it is under an '
    'entry than under a device that nobody knows) bits; something unknown starts with the weight '
    'of four entries. Limits: 0.99 at most, 0.5 from shared ids alone, 0.8 for one part of a '
    'chip with two addresses.')


def explain(verdict: ProbeVerdict) -> tuple[str, ...]:
    """Return the lines, the answer first."""
    lines = [_headline(verdict)]
    if verdict.detail:
        lines.append(f'  {verdict.detail}')
    if verdict.same_as is not None:
        lines.append(f'  the same device as {place_key(verdict.same_as)}')
    lines += _block('seen', [f'{item.source} {item.location}: {item.seen}: {item.says}'
                             for item in verdict.evidence])
    lines += _block('not excluded', [f'{item.entry_id} ({item.share:.3f})'
                                     for item in verdict.alternatives])
    lines += _block('ruled out', [f'{item.entry_id}: {item.reason}'
                                  for item in verdict.ruled_out])
    lines += _block('not tried', [f'{item.question} (for {", ".join(item.about[:4]) or "anybody"}'
                                  f'{", ..." if len(item.about) > 4 else ""}): {item.reason}'
                                  for item in verdict.not_tried])
    if verdict.confidence:
        lines.append(HOW_COMPUTED)
    return tuple(lines)


def _headline(verdict: ProbeVerdict) -> str:
    where = place_key(verdict.place)
    if verdict.verdict is Verdict.IDENTIFIED:
        return f'{where}: {verdict.name}, confidence {verdict.confidence:.3f}'
    if verdict.verdict is Verdict.AMBIGUOUS:
        return (f'{where}: ambiguous, likeliest {verdict.name or verdict.entry_id}, '
                f'confidence {verdict.confidence:.3f}')
    return f'{where}: unknown ({verdict.state.value})'


def _block(title: str, items: list[str]) -> list[str]:
    if not items:
        return []
    lines = [f'{title}:', *(f'  {item}' for item in items[:LINES_MAX])]
    if len(items) > LINES_MAX:
        lines.append(f'  and {len(items) - LINES_MAX} more')
    return lines
