# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a request names that cannot be served, as sentences. Knows neither services nor numbers'
meaning on the wire."""

from collections.abc import Collection

from hw_discovery.core.device import BusKind


def bus_notices(
    asked: Collection[BusKind], unknown_numbers: Collection[int],
    looked_at: Collection[BusKind],
) -> tuple[str, ...]:
    """Return one sentence for what is unknown, and one for what is never looked at here."""
    notices = []
    if unknown_numbers:
        numbers = ', '.join(str(number) for number in sorted(set(unknown_numbers)))
        notices.append(f'no bus is known here by the number {numbers}')
    skipped = {kind.value for kind in asked if kind not in looked_at}
    if unknown_numbers:
        skipped.discard(BusKind.UNKNOWN.value)       # what they became, and said already
    if skipped:
        notices.append(f'not looked at on this robot: {", ".join(sorted(skipped))} '
                       "(parameter 'buses')")
    return tuple(notices)
