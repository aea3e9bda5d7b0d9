# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The emergency stop: owns a latched register that robots join by gossip, outside Raft.

Stopping never waits, neither for a quorum nor for a disk: a raise acts here at once and is told to
everybody in reach, who act and tell it on. Only the end needs agreement: an entry of the log. Of
two registers the one with the higher epoch is right; at one epoch `active` is. That makes joining
commutative, associative and idempotent, so loss, doubling and reordering do no harm (a
state-based CRDT: Shapiro, Preguica, Baquero, Zawirski 2011). Refuses to know what a stop does.
"""

from dataclasses import dataclass
from functools import singledispatchmethod

from swarm_coordinator.core.ids import RobotId

MS = 1_000_000
# Ten times in the first 200 ms: with a third of all messages lost, one robot that hears only one
# other misses all of them in 1 case of 100,000; at 20 Hz it would in 1 of 100.
BURST_NS = 20 * MS
BURST_FOR_NS = 200 * MS
FAST_NS = 50 * MS
FAST_FOR_NS = 2_000 * MS
SLOW_NS = 1_000 * MS  # while it lasts: for robots that come into reach
QUIET_REPEATS = 5  # of a register that is no longer active; later only who is behind is told
# Who keeps pressing the button raises anew each second, so that nobody clears it meanwhile, and
# not more often, so that a chattering sensor does not outrun every attempt to clear it.
RAISE_AGAIN_NS = 1_000 * MS
# A robot counts one epoch up per raise or clearing. A larger step is a garbled or hostile number:
# adopting it could use up all epochs, and nothing could be raised or cleared any more.
EPOCH_JUMP_MAX = 1_000_000
EPOCH_MAX = 2**63 - 1  # what messages and sqlite hold
TEXT_MAX = 200  # characters of raised_by and of reason


@dataclass(frozen=True)
class Register:
    """`raised_by` and `reason` of an inactive one are those of the raise that was cleared."""

    epoch: int = 0  # 0 = never raised
    active: bool = False
    raised_by: str = ''  # a robot or a person; '' = told by a beacon, which has no room for it
    reason: str = ''

    def __post_init__(self) -> None:
        if not 0 <= self.epoch <= EPOCH_MAX or (self.active and not self.epoch):
            raise ValueError(
                f'epoch={self.epoch}, active={self.active}: expected an epoch of 0 to '
                f'{EPOCH_MAX}, and above 0 for an active one'
            )

    @property
    def age(self) -> tuple[int, bool]:
        """Larger is newer; what differs only by name is of the same age."""
        return self.epoch, self.active


def join(one: Register, other: Register) -> Register:
    """The one that is right: higher epoch, then active, then the smaller name, then reason."""
    return min(one, other, key=_rank)


def _rank(register: Register) -> tuple[int, bool, bool, str, str]:
    unnamed = not register.raised_by
    return -register.epoch, not register.active, unnamed, register.raised_by, register.reason


# ---- events


@dataclass(frozen=True)
class Started:
    """The robot runs: what the disk says holds from now on."""


@dataclass(frozen=True)
class Raised:
    """Somebody at this robot says stop. `by`: a robot or a person."""

    by: str
    reason: str


@dataclass(frozen=True)
class RegisterHeard:
    """A peer's register, as it came: nothing is checked yet, because even a garbled 'stop' stops.

    From a beacon, `raised_by` and `reason` are ''.
    """

    sender: RobotId
    epoch: int
    active: bool
    raised_by: str = ''
    reason: str = ''


@dataclass(frozen=True)
class ClearApplied:
    """ClearEmergency(epoch) was applied. `raised_by`: whose raise was cleared, '' = not said."""

    epoch: int
    raised_by: str = ''


@dataclass(frozen=True)
class EmergencyTick:
    """Call at Emergency.due_ns, or at every chance."""


EmergencyEvent = Started | Raised | RegisterHeard | ClearApplied | EmergencyTick

# ---- effects, to be performed in order


@dataclass(frozen=True)
class Stop:
    """This robot stops now. Comes again with each newer raise."""

    register: Register


@dataclass(frozen=True)
class Release:
    """The emergency is over."""

    register: Register


@dataclass(frozen=True)
class Announce:
    """Publish it now to everybody."""

    register: Register


@dataclass(frozen=True)
class PersistEmergency:
    """Make it durable; nothing waits for that. Give both fields to Emergency after a start."""

    register: Register
    shared: bool


@dataclass(frozen=True)
class RegisterRefused:
    """A peer broke the protocol: count it. If it said stop, Stop comes with it."""

    sender: RobotId
    rule: str


EmergencyEffect = Stop | Release | Announce | PersistEmergency | RegisterRefused


class Emergency:
    """`handle(event, now_ns) -> effects`.

    register, shared  what was last made durable; `shared`: another robot has had this register,
                      so whoever cleared it can have known it
    """

    def __init__(
        self, robot_id: RobotId, register: Register = Register(), shared: bool = True
    ) -> None:
        self.robot_id = robot_id
        self.register = register
        self._shared = shared
        self._raised_ns: int | None = None  # last raise here
        self._announced_ns: int | None = None
        self._changed_ns = 0
        self._repeats = 0
        self.due_ns: int | None = None  # when EmergencyTick has something to do; None: never

    @property
    def active(self) -> bool:
        return self.register.active

    def handle(self, event: EmergencyEvent, now_ns: int) -> tuple[EmergencyEffect, ...]:
        return self._on(event, now_ns)

    def clear_refusal(self, epoch: int) -> str | None:
        """Why ClearEmergency(epoch) should not be proposed here; None: it may be. The one that was
        cleared last may be: who heard no answer asks again."""
        mine = self.register
        if not mine.active:
            return None if 0 < epoch == mine.epoch - 1 else 'there is no emergency'
        if epoch != mine.epoch:
            return (
                f'epoch={epoch}: expected {mine.epoch}, raised by {mine.raised_by or "?"}: '
                f'{mine.reason or "?"}'
            )
        return None

    @singledispatchmethod
    def _on(self, event: EmergencyEvent, now_ns: int) -> tuple[EmergencyEffect, ...]:
        raise AssertionError(f'no rule for {type(event).__name__}')

    @_on.register
    def _started(self, event: Started, now_ns: int) -> tuple[EmergencyEffect, ...]:
        if not self.register.active:
            return ()
        self._hurry(now_ns)
        return Stop(self.register), self._announce(now_ns)

    @_on.register
    def _raised(self, event: Raised, now_ns: int) -> tuple[EmergencyEffect, ...]:
        by, reason = event.by[:TEXT_MAX] or self.robot_id, event.reason[:TEXT_MAX]
        again = self.register.active and (by, reason) == (
            self.register.raised_by, self.register.reason
        )
        if again and self._raised_ns is not None and now_ns - self._raised_ns < RAISE_AGAIN_NS:
            self._hurry(now_ns)
            return (Stop(self.register), *self._announce_limited(now_ns))
        return self._raise(self.register.epoch + 1, by, reason, now_ns)

    @_on.register
    def _heard(self, event: RegisterHeard, now_ns: int) -> tuple[EmergencyEffect, ...]:
        rule = self._fault_of(event)
        if rule is not None:
            return (RegisterRefused(event.sender, rule), *self._stop_all_the_same(event, now_ns))
        heard = Register(
            event.epoch, event.active, event.raised_by[:TEXT_MAX], event.reason[:TEXT_MAX]
        )
        if heard == self.register:
            return self._share()
        if heard.age < self.register.age:
            return self._announce_limited(now_ns)
        return self._adopt(heard, now_ns) if join(heard, self.register) == heard else ()

    @_on.register
    def _clear_applied(self, event: ClearApplied, now_ns: int) -> tuple[EmergencyEffect, ...]:
        mine = self.register
        if not mine.epoch <= event.epoch <= min(mine.epoch + EPOCH_JUMP_MAX, EPOCH_MAX - 1):
            return ()  # a newer raise stays; a clearing of what cannot have been clears nothing
        raised_by = event.raised_by[:TEXT_MAX] or mine.raised_by
        cleared = Register(event.epoch + 1, False, raised_by, mine.reason)
        knew = self._shared or event.raised_by == mine.raised_by
        return self._put_out(cleared, knew, now_ns)

    @_on.register
    def _tick(self, event: EmergencyTick, now_ns: int) -> tuple[EmergencyEffect, ...]:
        if self.due_ns is None or now_ns < self.due_ns:
            return ()
        return (self._announce(now_ns),)

    # ---- rules

    def _fault_of(self, event: RegisterHeard) -> str | None:
        if event.active and event.epoch == 0:
            return 'an active emergency with epoch 0'
        top = min(self.register.epoch + EPOCH_JUMP_MAX, EPOCH_MAX)
        if not 0 <= event.epoch <= top:
            return f'emergency epoch {event.epoch}, at most {top} can be'
        return None

    def _stop_all_the_same(
        self, event: RegisterHeard, now_ns: int
    ) -> tuple[EmergencyEffect, ...]:
        """Its number is refused, its meaning is not: stop under an epoch of our own."""
        if not event.active or self.register.active:
            return ()
        reason = f'{event.sender} says stop, with an epoch that cannot be'
        return self._raise(self.register.epoch + 1, self.robot_id, reason, now_ns)

    def _raise(
        self, epoch: int, by: str, reason: str, now_ns: int
    ) -> tuple[EmergencyEffect, ...]:
        self._raised_ns = now_ns
        # At the last epoch there is nothing above; an active register of that epoch is the end.
        return self._change(
            Register(min(epoch, EPOCH_MAX), True, by, reason), shared=False, now_ns=now_ns
        )

    def _adopt(self, heard: Register, now_ns: int) -> tuple[EmergencyEffect, ...]:
        mine = self.register
        if heard.age == mine.age:  # only the name differs
            self.register, self._shared = heard, True
            return (PersistEmergency(heard, True),)
        if heard.active:
            return self._change(heard, shared=True, now_ns=now_ns)
        knew = self._shared or (heard.raised_by, heard.reason) == (mine.raised_by, mine.reason)
        return self._put_out(heard, knew, now_ns)

    def _put_out(
        self, cleared: Register, knew: bool, now_ns: int
    ) -> tuple[EmergencyEffect, ...]:
        """`knew`: whoever cleared can have known our raise. If not (we were cut off when we
        raised it) it is raised anew above what was cleared: nobody has looked at its cause."""
        mine = self.register
        if mine.active and not knew:
            return self._raise(cleared.epoch + 1, mine.raised_by, mine.reason, now_ns)
        return self._change(cleared, shared=True, now_ns=now_ns)

    def _change(
        self, register: Register, shared: bool, now_ns: int
    ) -> tuple[EmergencyEffect, ...]:
        was_active = self.register.active
        self.register, self._shared = register, shared
        self._hurry(now_ns)
        announce, persist = self._announce(now_ns), PersistEmergency(register, shared)
        if register.active:
            return Stop(register), announce, persist
        return (announce, persist, *((Release(register),) if was_active else ()))

    def _share(self) -> tuple[EmergencyEffect, ...]:
        if self._shared:
            return ()
        self._shared = True
        return (PersistEmergency(self.register, True),)

    # ---- telling

    def _hurry(self, now_ns: int) -> None:
        self._changed_ns = now_ns
        self._repeats = QUIET_REPEATS

    def _announce(self, now_ns: int) -> Announce:
        self._announced_ns = now_ns
        since_ns = now_ns - self._changed_ns
        if since_ns < BURST_FOR_NS:
            self.due_ns = now_ns + BURST_NS
        elif since_ns < FAST_FOR_NS:
            self.due_ns = now_ns + FAST_NS
        elif self.register.active or self._repeats > 0:
            self._repeats -= 1
            self.due_ns = now_ns + SLOW_NS
        else:
            self.due_ns = None
        return Announce(self.register)

    def _announce_limited(self, now_ns: int) -> tuple[EmergencyEffect, ...]:
        """At once, but not more often than the fast schedule: many may be behind at a time."""
        if self._announced_ns is not None and now_ns - self._announced_ns < FAST_NS:
            return ()
        return (self._announce(now_ns),)

    def check_invariants(self) -> None:
        assert self.due_ns is not None or not self.register.active or self._announced_ns is None
        assert self.register.active or self._shared, 'only a raise can be ours alone'
