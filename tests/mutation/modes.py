# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in what the swarm chooses to do and in whom it believes to be there."""

from __future__ import annotations

from mutation.mutant import Mutant, fault

LOCAL = 'core/modes/local.py'

MODES: tuple[Mutant, ...] = (
    fault(
        'backlog has one limit for entering and leaving hyperfocus',
        'core/modes/policy.py',
        'BACKLOG_LEAVE_JOBS_PER_SLOT if at.mode is Mode.HYPERFOCUS else '
        'BACKLOG_ENTER_JOBS_PER_SLOT',
        'BACKLOG_ENTER_JOBS_PER_SLOT',
        'core/test_policy.py',
    ),
    fault(
        'recovery waits for the minimum time of the mode before',
        'core/modes/policy.py',
        'if wanted.mode is not at.mode and resting and not urgent:',
        'if wanted.mode is not at.mode and resting:',
        'core/test_policy.py',
    ),
    fault(
        'advice is followed after its time',
        'core/modes/policy.py',
        '        or at.now_ns >= advice.expires_ns\n',
        '',
        'core/test_policy.py',
    ),
    fault(
        'swarm is forced into a mode by a moment of pressure',
        'core/modes/pressure.py',
        'if now_ns - self.since_ns >= (self.leave_for_ns if self.on else self.enter_for_ns):',
        'if True:',
        'core/test_policy.py',
    ),
    fault(
        'robot is bolder than its swarm',
        LOCAL,
        'if more_cautious(chosen.mode, mode) is not chosen.mode:',
        'if True:',
        'core/test_modes.py',
    ),
    fault(
        'robot does what only its own mode allows',
        LOCAL,
        'return allows(self.mode, activity) and allows(self.swarm_mode, activity)',
        'return allows(self.mode, activity)',
        'core/test_modes.py',
    ),
    fault(
        'robot without a leader goes on as if it had one',
        LOCAL,
        'if silence_ns <= policy.leader_silence_ns_max:',
        'if True:',
        'core/test_modes.py',
    ),
)

EMERGENCY_FILE = 'core/emergency.py'
TEST_EMERGENCY = 'core/test_emergency.py'

EMERGENCY: tuple[Mutant, ...] = (
    fault(
        'older emergency wins over the newer one',
        EMERGENCY_FILE,
        'return -register.epoch, not register.active,',
        'return register.epoch, not register.active,',
        TEST_EMERGENCY,
    ),
    fault(
        'all-clear wins over a stop of the same epoch',
        EMERGENCY_FILE,
        'return -register.epoch, not register.active,',
        'return -register.epoch, register.active,',
        TEST_EMERGENCY,
    ),
    fault(
        'stop waits for the disk',
        EMERGENCY_FILE,
        'return Stop(register), announce, persist',
        'return persist, announce, Stop(register)',
        TEST_EMERGENCY,
    ),
    fault(
        'clearing of an older emergency ends a newer one',
        EMERGENCY_FILE,
        'if not mine.epoch <= event.epoch <= min(',
        'if not event.epoch <= min(',
        TEST_EMERGENCY,
    ),
    fault(
        'clearing ends an emergency that who cleared did not know',
        EMERGENCY_FILE,
        'if mine.active and not knew:',
        'if False:',
        TEST_EMERGENCY,
    ),
    fault(
        'impossible epoch is believed',
        EMERGENCY_FILE,
        'if not 0 <= event.epoch <= top:',
        'if event.epoch < 0:',
        TEST_EMERGENCY,
    ),
    fault(
        'stop with an impossible epoch does not stop',
        EMERGENCY_FILE,
        'if not event.active or self.register.active:',
        'if True:',
        TEST_EMERGENCY,
    ),
    fault(
        'emergency ends with a restart of the robot',
        EMERGENCY_FILE,
        '        if not self.register.active:\n            return ()\n        self._hurry(now_ns)',
        '        if True:\n            return ()\n        self._hurry(now_ns)',
        TEST_EMERGENCY,
    ),
)

SUCCESSION: tuple[Mutant, ...] = (
    fault(
        'leadership is offered to a robot that lacks entries',
        'core/succession.py',
        "return '' if candidate.caught_up else 'it lacks entries of the log'",
        "return ''",
        'core/test_succession.py',
    ),
    fault(
        'leadership moves during an emergency',
        'core/succession.py',
        'if at.emergency:',
        'if False:',
        'core/test_succession.py',
    ),
    fault(
        'leadership that moves often moves as often as ever',
        'core/succession.py',
        'return TENURE_NS << min(max(lately - 1, 0), TENURE_DOUBLINGS_MAX)',
        'return TENURE_NS',
        'core/test_succession.py',
    ),
)

SUSPICION = 'core/registry/suspicion.py'
TEST_SUSPICION = 'core/test_suspicion.py'

HEALTH: tuple[Mutant, ...] = (
    fault(
        'new leader forgets how long a robot has been silent',
        SUSPICION,
        'self.heard_ns.setdefault(robot, now_ns)',
        'self.heard_ns[robot] = now_ns',
        TEST_SUSPICION,
    ),
    fault(
        'others are suspected for the pause of this robot',
        SUSPICION,
        'times[robot] = max(heard_ns, min(now_ns, heard_ns + held_ns))',
        'pass',
        TEST_SUSPICION,
    ),
    fault(
        'robot that doubts itself accuses others as soon as ever',
        SUSPICION,
        'return life.limits.stretched(self._awareness.stretch_permille(now_ns))',
        'return life.limits',
        TEST_SUSPICION,
    ),
    fault(
        'beacon of a former life counts for the present one',
        SUSPICION,
        'if incarnation < life.incarnation or incarnation >',
        'if incarnation >',
        TEST_SUSPICION,
    ),
    fault(
        'robot that said goodbye is revived by its own late beacon',
        SUSPICION,
        '        if life.has_left and incarnation == life.incarnation:\n            return None\n',
        '',
        TEST_SUSPICION,
    ),
    fault(
        'robot that a peer still hears is taken for dead',
        SUSPICION,
        'reached = silence if vouched_ns is None else min(silence, now_ns - vouched_ns)',
        'reached = silence',
        TEST_SUSPICION, 'core/test_probing.py',
    ),
    fault(
        'answer that was not asked for keeps a dead robot alive',
        'core/registry/probing.py',
        '            or event.nonce != inquiry.nonce\n',
        '',
        'core/test_probing.py',
    ),
    fault(
        'what a peer heard long ago counts as heard now',
        'core/registry/probing.py',
        'heard_ns = inquiry.asked_ns - max(0, event.heard_ms_ago) * MS',
        'heard_ns = now_ns',
        'core/test_probing.py',
    ),
)
