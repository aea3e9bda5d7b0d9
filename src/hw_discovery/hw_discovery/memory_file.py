# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The file that keeps what was identified where. Owns reading and replacing it, within limits."""

import contextlib
import os
from collections.abc import Collection

from hw_discovery.core.memory import TEXT_BYTES_MAX, Memory, Remembered, from_text, to_text


def read(path: str, entry_ids: Collection[str]) -> tuple[dict[str, Remembered], str]:
    """Return what is remembered, and why not all of it; a file that is not there is no fault."""
    try:
        with open(path, 'rb') as file:
            data = file.read(TEXT_BYTES_MAX + 1)
    except FileNotFoundError:
        return {}, ''
    except OSError as error:
        return {}, f'memory_file: {path}: {error.strerror}'
    found, why = from_text(data.decode('utf-8', 'replace'), entry_ids)
    return found, f'memory_file: {path}: {why}' if why else ''


def write(path: str, memory: Memory) -> str:
    """Replace the file as a whole; return why that failed, '' = it did not. A power cut leaves
    the old one or the new one."""
    temporary = f'{path}.new'
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, 'w', encoding='utf-8') as file:
            file.write(to_text(memory))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        return f'memory_file: {path}: {error.strerror}'
    return ''
