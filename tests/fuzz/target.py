# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a fuzz target is, and where its corpus lies.

Owns the promise that all targets share: bytes go in, and nothing comes out but errors that the
decoder declares. Refuses to know decoders, and how inputs are found.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CORPUS = FOLDER / 'corpus'
CORPUS_FILES_MAX = 30
CORPUS_BYTES_MAX = 100_000  # of one target, in the repository

# Where the product's code lies, in the sources and in a built workspace.
_PRODUCT = tuple(f'/{name}/{name}/' for name in (
    'hw_discovery', 'swarm_coordinator', 'swarm_learning', 'swarm_tower'))

Mutate = Callable[[bytes, random.Random], bytes]


class Broken(AssertionError):
    """A promise that is more than 'it does not crash' was not kept; the text says which."""


@dataclass(frozen=True)
class Target:
    """One decoder.

    run           tries one input: raises `declared` for what it refuses, nothing else
    declared      errors that its callers expect
    make_seeds    real, valid values
    mutate        knows the structure of the input
    covers        modules whose branches guide the search
    bytes_max     of an input; a decoder's own limit is met by seeds and mutations that repeat
    seconds_max   for one input, before `make fuzz` calls it a hang
    memory_mb_max of the process that runs it, before `make fuzz` calls it growth
    """

    name: str
    run: Callable[[bytes], None]
    declared: tuple[type[Exception], ...]
    make_seeds: Callable[[], list[bytes]]
    mutate: Mutate
    covers: tuple[str, ...]
    bytes_max: int = 16_384
    seconds_max: int = 10
    memory_mb_max: int = 1500

    def accepts(self, data: bytes) -> bool:
        """Whether the decoder took it. Raises what the decoder must not raise."""
        try:
            self.run(data)
        except self.declared:
            return False
        return True

    @cached_property
    def seeds(self) -> tuple[bytes, ...]:
        return tuple(self.make_seeds())

    @property
    def corpus_folder(self) -> Path:
        return CORPUS / self.name

    def corpus(self) -> dict[str, bytes]:
        """The kept inputs by the names of their files."""
        folder = self.corpus_folder
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return {path.name: path.read_bytes() for path in found if path.is_file()}


def is_product(path: str) -> bool:
    return any(part in path for part in _PRODUCT)


def file_name(data: bytes, finding: bool = False) -> str:
    """`finding`: an input that broke something once."""
    return ('fault-' if finding else '') + hashlib.sha256(data).hexdigest()[:16]
