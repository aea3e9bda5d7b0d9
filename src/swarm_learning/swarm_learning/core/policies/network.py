# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns a small neural network as a policy, in numpy: what Stable-Baselines3 or CleanRL trained on
a ground station runs on a robot without torch. Refuses to learn.

A network is a row of dense layers with one activation between them and a softmax over the allowed
actions. It is deterministic here: the action is the likeliest one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import Floats, checked
from .policy import ACTIONS_MAX, BYTES_MAX, SCHEMA, Arrays, Mask, best_of, count

LAYERS_MAX = 8
WIDTH_MAX = 1024
# A scaled input beyond this is cut: networks are trained on inputs of about one (as VecNormalize
# of Stable-Baselines3 does).
INPUT_MAX = 10.0
FORMS = ('numbers', 'state', 'states')
MEANINGS = ('chances', 'worths')

ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    'tanh': np.tanh,
    'relu': lambda values: np.maximum(values, 0.0),
    'identity': lambda values: values,
}


@dataclass(frozen=True)
class Observation:
    """How what is observed becomes inputs.

    form 'numbers': an array of sizes[0] numbers, scaled as (x - mean) / scale. 'state': one state
    number below sizes[0], one input each. 'states': a state number per entry of sizes, such as
    the buckets of the mode policy.
    """

    form: str
    sizes: tuple[int, ...]
    mean: Floats | None = None
    scale: Floats | None = None

    def __post_init__(self) -> None:
        sizes = self.sizes
        if self.form not in FORMS:
            raise ValueError(f'form={self.form!r}: expected one of {", ".join(FORMS)}')
        if not sizes or len(sizes) > WIDTH_MAX or min(sizes) < 1 or sum(sizes) > WIDTH_MAX:
            raise ValueError(f'sizes: expected numbers from 1, at most {WIDTH_MAX} in sum')
        if self.form != 'states' and len(sizes) != 1:
            raise ValueError(f'sizes: expected one for {self.form!r}, got {len(sizes)}')
        for name, values in (('mean', self.mean), ('scale', self.scale)):
            if values is None:
                continue
            if self.form != 'numbers' or values.shape != (sizes[0],):
                raise ValueError(f'{name}: expected only for numbers, of shape ({sizes[0]},)')
            if not np.isfinite(values).all() or (name == 'scale' and values.min() <= 0.0):
                raise ValueError(f'{name}: expected finite numbers, a scale above 0')

    @property
    def width(self) -> int:
        return sum(self.sizes)

    def inputs(self, observed: object) -> Floats:
        """Raises ValueError for anything else than this observation."""
        if self.form == 'numbers':
            return self._numbers(observed)
        states = [observed] if self.form == 'state' else list(_row(observed))
        if len(states) != len(self.sizes):
            raise ValueError(f'observation: expected {len(self.sizes)} states')
        inputs, first = np.zeros(self.width), 0
        for state, size in zip(states, self.sizes, strict=True):
            if isinstance(state, bool) or not isinstance(state, (int, np.integer)) or not (
                    0 <= int(state) < size):
                raise ValueError(f'observation={state!r}: expected a state from 0 to {size - 1}')
            inputs[first + int(state)] = 1.0
            first += size
        return inputs

    def _numbers(self, observed: object) -> Floats:
        try:
            values = np.asarray(observed, dtype=np.float64).ravel()
        except (TypeError, ValueError):
            raise ValueError(f'observation: expected {self.sizes[0]} numbers') from None
        if values.shape != (self.sizes[0],) or not np.isfinite(values).all():
            raise ValueError(f'observation: expected {self.sizes[0]} finite numbers')
        if self.mean is None and self.scale is None:
            return values
        values = values - (0.0 if self.mean is None else self.mean)
        values = values / (1.0 if self.scale is None else self.scale)
        return np.clip(values, -INPUT_MAX, INPUT_MAX)


class NetworkPolicy:
    """weights[i]: (inputs, outputs) of layer i, biases[i]: (outputs,). `meaning` says what the
    last layer gives: 'chances' (logits of an actor) or 'worths' (as a DQN)."""

    kind = 'network'

    def __init__(
        self, observation: Observation, weights: Sequence[Floats], biases: Sequence[Floats],
        activation: str = 'tanh', meaning: str = 'chances',
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ValueError(
                f'activation={activation!r}: expected one of {", ".join(sorted(ACTIVATIONS))}')
        if meaning not in MEANINGS:
            raise ValueError(f'meaning={meaning!r}: expected one of {", ".join(MEANINGS)}')
        if not 1 <= len(weights) <= LAYERS_MAX or len(weights) != len(biases):
            raise ValueError(f'expected 1 to {LAYERS_MAX} layers with weights and biases')
        width = observation.width
        for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            if weight.ndim != 2 or weight.shape[0] != width or not (
                    1 <= weight.shape[1] <= WIDTH_MAX) or bias.shape != (weight.shape[1],):
                raise ValueError(
                    f'layer {number}: expected ({width}, 1 to {WIDTH_MAX}) and biases like it, '
                    f'got {weight.shape} and {bias.shape}')
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise ValueError(f'layer {number}: expected finite numbers')
            width = weight.shape[1]
        if width > ACTIONS_MAX:
            raise ValueError(f'expected at most {ACTIONS_MAX} actions, got {width}')
        self.observation = observation
        self.activation = activation
        self.meaning = meaning
        self.actions = width
        # In rows, whatever they came as: the order of sums must not depend on it.
        self.weights = [np.ascontiguousarray(weight, np.float64) for weight in weights]
        self.biases = [bias.astype(np.float64) for bias in biases]
        if sum(array.nbytes for array in self.arrays().values()) > BYTES_MAX:
            raise ValueError(f'expected at most {BYTES_MAX} bytes of weights')

    def act(self, observation: object, mask: Mask | None = None) -> tuple[int, Floats]:
        values = self.observation.inputs(observation)
        activate = ACTIVATIONS[self.activation]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = activate(values @ weight + bias)
        action, values = best_of(values @ self.weights[-1] + self.biases[-1], mask)
        return action, _log_softmax(values) if self.meaning == 'chances' else values

    def manifest(self) -> dict[str, object]:
        return {'schema': SCHEMA, 'kind': self.kind, 'actions': self.actions,
                'layers': len(self.weights), 'activation': self.activation,
                'meaning': self.meaning,
                'observation': {'form': self.observation.form,
                                'sizes': list(self.observation.sizes)}}

    def arrays(self) -> Arrays:
        kept: Arrays = {}
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            kept[f'weight_{number}'], kept[f'bias_{number}'] = weight, bias
        for name, values in (('input_mean', self.observation.mean),
                             ('input_scale', self.observation.scale)):
            if values is not None:
                kept[name] = values
        return kept

    @classmethod
    def from_archive(
        cls, manifest: Mapping[str, object], arrays: Mapping[str, NDArray[np.generic]]
    ) -> NetworkPolicy:
        """Raises ValueError that says what was expected. Sizes are checked before copying."""
        if sum(array.size for array in arrays.values()) * 8 > BYTES_MAX:
            raise ValueError(f'expected at most {BYTES_MAX} bytes of weights')
        seen = manifest.get('observation')
        if not isinstance(seen, Mapping) or not isinstance(seen.get('sizes'), (list, tuple)):
            raise ValueError('observation: expected an object with form and sizes')
        sizes = {str(at): size for at, size in enumerate(seen['sizes'][:WIDTH_MAX + 1])}
        width = tuple(count(sizes, at, WIDTH_MAX) for at in sizes)
        scaling = {name: checked(arrays, f'input_{name}', (width[0],)) if width and
                   f'input_{name}' in arrays else None for name in ('mean', 'scale')}
        observation = Observation(str(seen.get('form')), width, **scaling)
        layers = count(manifest, 'layers', LAYERS_MAX)
        weights = [_like(arrays, f'weight_{number}') for number in range(layers)]
        biases = [_like(arrays, f'bias_{number}') for number in range(layers)]
        policy = cls(observation, weights, biases, str(manifest.get('activation')),
                     str(manifest.get('meaning')))
        if count(manifest, 'actions', ACTIONS_MAX) != policy.actions:
            raise ValueError(f'actions: expected {policy.actions} as in the last layer')
        return policy


def _like(arrays: Mapping[str, NDArray[np.generic]], name: str) -> Floats:
    if name not in arrays:
        raise ValueError(f'{name}: expected an array, found none')
    return checked(arrays, name, arrays[name].shape)


def _row(observed: object) -> Sequence[object]:
    if isinstance(observed, np.ndarray) and observed.ndim == 1 and observed.dtype.kind in 'iu':
        return [int(value) for value in observed]
    if isinstance(observed, (list, tuple)):
        return observed
    raise ValueError('observation: expected a row of states')


def _log_softmax(values: Floats) -> Floats:
    top = float(values.max())
    logs: Floats = values - (top + math.log(float(np.exp(values - top).sum())))
    return logs
