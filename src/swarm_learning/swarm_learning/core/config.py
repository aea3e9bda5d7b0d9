# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the settings of the learner with their defaults and limits; refuses to know where they
come from (parameters, YAML, tests)."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class LearningConfig:
    """Settings of one robot's learner. Every figure with a unit says so in its name."""

    robot_id: str = field(
        default='',
        metadata={'help': "name of this robot; '' = the namespace of the node, because the "
                          'robot process puts every node into the namespace of its robot'},
    )
    swarm_id: str = field(
        default='swarm',
        metadata={'help': 'name of the swarm; messages of another swarm are ignored, because '
                          'two swarms may share a DDS domain'},
    )
    storage_dir: str = field(
        default='',
        metadata={'help': "folder for learned statistics; '' = do not keep them, because a "
                          'robot must be told where it may write'},
    )
    period_ms: int = field(
        default=1000,
        metadata={'low': 50, 'high': 60000,
                  'help': 'period of figures and advice in ms; 1000 because local states come '
                          'at 1 Hz and an idle board should sleep'},
    )
    local_state_stale_ms: int = field(
        default=3500,
        metadata={'low': 500, 'high': 600000,
                  'help': 'age in ms at which the own local state no longer counts and the '
                          'figures go back to neutral; three missed periods and some jitter'},
    )
    figures_stale_ms: int = field(
        default=3000,
        metadata={'low': 500, 'high': 600000,
                  'help': "age in ms at which another robot's figures no longer count; three "
                          'missed periods of 1 s'},
    )
    swarm_state_stale_ms: int = field(
        default=7000,
        metadata={'low': 1000, 'high': 600000,
                  'help': 'age in ms at which the last word on who leads no longer counts; the '
                          'leader repeats it every 2 s, so three missed periods and jitter'},
    )
    advice_valid_ms: int = field(
        default=5000,
        metadata={'low': 200, 'high': 600000,
                  'help': 'how long advice may be followed, in ms; repeated at half of that, so '
                          'that one lost message is no gap'},
    )
    arousal_tau_up_s: float = field(
        default=2.0,
        metadata={'low': 0.1, 'high': 3600.0,
                  'help': 'time constant of rising arousal in s; short, because a late alarm is '
                          'worth little (chosen without data)'},
    )
    arousal_tau_down_s: float = field(
        default=20.0,
        metadata={'low': 0.1, 'high': 3600.0,
                  'help': 'time constant of falling arousal in s; long, so that a pause between '
                          'two jobs is not calm (chosen without data)'},
    )
    stability_tau_s: float = field(
        default=30.0,
        metadata={'low': 1.0, 'high': 3600.0,
                  'help': 'time constant in s over which faults, leader changes and unsteady '
                          'load are remembered (chosen without data)'},
    )
    queue_slo_ms: int = field(
        default=10000,
        metadata={'low': 10, 'high': 3600000,
                  'help': 'queue delay in ms that counts as full load; 10 s as the horizon of '
                          'pressure (chosen without data)'},
    )
    pressure_horizon_ms: int = field(
        default=10000,
        metadata={'low': 10, 'high': 3600000,
                  'help': 'work in ms per job slot at which pressure is 0.63; 10 s (chosen '
                          'without data)'},
    )
    memory_s: float = field(
        default=3600.0,
        metadata={'low': 10.0, 'high': 10000000.0,
                  'help': 'time constant in s of forgetting run times and hits of predictions; '
                          'an hour spans a shift of work (chosen without data)'},
    )
    save_period_s: float = field(
        default=60.0,
        metadata={'low': 0.1, 'high': 86400.0,
                  'help': 'shortest time in s between two writes of learned statistics; a '
                          'minute spares SD cards, and losing a minute of statistics is cheap'},
    )

    frozen: bool = field(
        default=False,
        metadata={'help': 'start with learning frozen: what was learned is used, nothing is '
                          'added; FreezeLearning changes it while it runs'},
    )
    checkpoint_period_s: float = field(
        default=30.0,
        metadata={'low': 1.0, 'high': 3600.0,
                  'help': 'shortest time in s between two checkpoints that follow leadership; '
                          'three decisions of the mode are lost at most with the leader'},
    )
    mode_dwell_s: float = field(
        default=10.0,
        metadata={'low': 1.0, 'high': 600.0,
                  'help': 'time between two decisions on the mode in s; shorter ones learn more '
                          'of the last mode than of the present one'},
    )
    routing_tau_s: float = field(
        default=60.0,
        metadata={'low': 1.0, 'high': 86_400.0,
                  'help': 'time constant in s in which evidence on routes fades; 60 was the best '
                          'of 10 to 300 in simulated worlds that change once a minute'},
    )
    audit_share: float = field(
        default=0.15,
        metadata={'low': 0.0, 'high': 1.0,
                  'help': 'share of the attempts that a third robot is asked to look at again; '
                          '0.15 holds against a third of malicious robots in simulation'},
    )
    audit_reruns: bool = field(
        default=True,
        metadata={'help': 'as an auditor, run short jobs that leave no trace again here and '
                          'compare; otherwise only fetch their outputs'},
    )
    memory_kib: int = field(
        default=192,
        metadata={'low': 16, 'high': 65_536,
                  'help': "KiB of this robot's own summaries in the collective memory; with 192 "
                          'it stays below 256 KiB in all'},
    )
    heard_memory_kib: int = field(
        default=3072,
        metadata={'low': 0, 'high': 1_048_576,
                  'help': "KiB of other robots' summaries that are kept here; 0 = none"},
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            if 'low' in each.metadata:
                _check_range(each, getattr(self, each.name))
        if not self.swarm_id:
            raise ValueError("swarm_id: expected a name such as 'swarm', got ''")
        if self.arousal_tau_up_s > self.arousal_tau_down_s:
            raise ValueError(
                'arousal_tau_up_s: expected at most arousal_tau_down_s '
                f'({self.arousal_tau_down_s}), got {self.arousal_tau_up_s}'
            )
        if self.advice_valid_ms < 2 * self.period_ms:
            raise ValueError(
                f'advice_valid_ms: expected at least twice period_ms ({self.period_ms}), '
                f'got {self.advice_valid_ms}'
            )


def _check_range(setting: Field[Any], value: object) -> None:
    low, high = setting.metadata['low'], setting.metadata['high']
    kinds = int if setting.type == 'int' else (int, float)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        what = 'a whole number' if setting.type == 'int' else 'a number'
        raise ValueError(f'{setting.name}: expected {what} from {low} to {high}, got {value!r}')
