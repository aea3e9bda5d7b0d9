#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Writes the table of addresses into src/swarm_tower/docs/API.md, from the tower's description of
itself. Run it after adding a route; a test compares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / 'src/swarm_tower/docs/API.md'
BEGIN, END = '<!-- made by scripts/api_table.py -->\n', '<!-- end -->\n'


def rows(document: dict[str, Any]) -> list[str]:
    """The table, a line for each method of each address."""
    found = ['| Address | | Answers |', '|---|---|---|']
    for path, operations in document['paths'].items():
        for method, told in operations.items():
            asked = [one['name'] for one in told.get('parameters', ()) if one['in'] == 'query']
            query = f'?{"&".join(f"{name}=" for name in asked)}' if asked else ''
            statuses = ' '.join(sorted(told['responses']))
            token = ' Token.' if 'security' in told else ''
            found.append(
                f'| `{method.upper()} {path}{query}` | {told["summary"]}{token} | {statuses} |'
            )
    return found


def with_table(page: str, document: dict[str, Any]) -> str:
    """The page with its table made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f'{before}{BEGIN}' + '\n'.join(rows(document)) + f'\n{END}{after}'


def main() -> int:
    from swarm_tower.web.apis import ROUTES, openapi

    PAGE.write_text(with_table(PAGE.read_text(), openapi.document(ROUTES)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
