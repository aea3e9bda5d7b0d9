# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns which schemas of a manifest can be read: the present one, and older ones for which there is
a migration; refuses to know what they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Kept = tuple[dict[str, Any], dict[str, NDArray[Any]]]
# From one schema to the next: (manifest, arrays) -> (manifest, arrays).
Migration = Callable[[dict[str, Any], dict[str, NDArray[Any]]], Kept]


def upgraded(
    manifest: Mapping[str, Any],
    arrays: Arrays,
    kind: str,
    schema: int,
    migrations: Mapping[int, Migration],
) -> Kept:
    """What was kept, in the present schema. Raises ValueError that says what can be read."""
    if manifest.get('kind') != kind:
        raise ValueError(f'kind: expected {kind!r}, found {manifest.get("kind")!r}')
    found = manifest.get('schema')
    oldest = min([schema, *migrations])
    if not isinstance(found, int) or isinstance(found, bool) or not oldest <= found <= schema:
        raise ValueError(f'schema: expected {oldest} to {schema}, found {found!r}')
    kept: Kept = (dict(manifest), dict(arrays))
    while found < schema:
        if found not in migrations:
            raise ValueError(f'schema: {found} cannot be migrated to {schema}')
        kept = migrations[found](*kept)
        found += 1
        kept[0]['schema'] = found
    return kept


def need(arrays: Arrays, name: str, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array of this name. Raises ValueError where it is another or holds no finite number."""
    array = arrays.get(name)
    if array is None or array.dtype != np.dtype(dtype) or array.shape != shape:
        found = 'none' if array is None else f'{array.dtype} {array.shape}'
        raise ValueError(f'{name}: expected {np.dtype(dtype)} {shape}, found {found}')
    if array.dtype.kind == 'f' and not np.isfinite(array).all():
        raise ValueError(f'{name}: expected finite numbers')
    return array
