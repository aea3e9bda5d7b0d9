# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Names of staged files: owns which ones are safe to create below a job's folder."""

NAME_BYTES_MAX = 255
PATH_BYTES_MAX = 1024


def checked_file_name(name: str) -> str:
    """Return `name` if it is a relative path that cannot leave its folder; raises ValueError."""
    parts = name.split('/')
    if (
        not name
        or name.startswith('/')
        or '\0' in name
        or '\\' in name
        or any(part in ('', '.', '..') for part in parts)
    ):
        raise ValueError(
            f'file name {name[:80]!r}: expected a relative path without "..", empty or "." parts'
        )
    encoded = name.encode('utf-8', 'surrogatepass')
    if len(encoded) > PATH_BYTES_MAX or any(
        len(part.encode('utf-8', 'surrogatepass')) > NAME_BYTES_MAX for part in parts
    ):
        raise ValueError(f'file name {name[:80]!r}... is too long')
    return name
