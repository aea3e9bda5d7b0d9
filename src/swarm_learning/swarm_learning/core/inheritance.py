# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How what the swarm has learned follows leadership: owns when a checkpoint is made, recorded in
the log, brought here and taken over; refuses to know what is in it and how files are moved.

The leader's learner makes a checkpoint from time to time, has its robot store the file, and
records its hash in the log. Every other learner brings the recorded file to its own robot at
once, so that a new leader has it when the old one is gone. A new leader takes over what the log
says before it decides anything; if the file cannot be had within GRACE_NS, it goes on with the
newest that it has, which is the one before or its own, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass

NS = 1_000_000_000
GRACE_NS = 10 * NS  # a dwell of the mode: no decision is lost by waiting. Chosen without data
RETRY_NS = 5 * NS   # after a step that failed. Chosen without data
STEP_NS = 30 * NS   # a step that nobody has answered is over: services answer within 10 s
SIZE_BYTES_MAX = 8 * 1024 * 1024  # of a checkpoint: some hundred times the tables of the modes


@dataclass(frozen=True)
class Recorded:
    """What the log says: content, its version (from 1) and a robot that has it."""

    version: int
    sha256: str
    size_bytes: int
    holder: str


# ---- events


@dataclass(frozen=True)
class Word:
    """The last word on the swarm. term_led: the term in which this robot leads, None = it does
    not. recorded: None = the log knows no checkpoint yet."""

    term_led: int | None
    recorded: Recorded | None


@dataclass(frozen=True)
class Stored:
    """The checkpoint that was asked for is a file that the robot's store has."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Noted:
    """The log has answered. recorded: what it says now, whoever recorded it."""

    accepted: bool
    recorded: Recorded | None


@dataclass(frozen=True)
class Brought:
    """The file of this hash is here and was read."""

    sha256: str


@dataclass(frozen=True)
class Failed:
    """The step that was asked for did not succeed."""

    step: str
    reason: str


@dataclass(frozen=True)
class Ticked:
    """Time has gone by. unsaved: something was learned since the last checkpoint."""

    unsaved: bool


Event = Word | Stored | Noted | Brought | Failed | Ticked


# ---- effects


@dataclass(frozen=True)
class Store:
    """Write a checkpoint of what is known now and have the robot store it; answer Stored."""


@dataclass(frozen=True)
class Note:
    """Record it in the log; answer Noted."""

    sha256: str
    size_bytes: int
    expected_version: int


@dataclass(frozen=True)
class Bring:
    """Fetch the file and read it; answer Brought."""

    recorded: Recorded


@dataclass(frozen=True)
class Adopt:
    """Go on from the checkpoint of this hash, which was brought."""

    sha256: str
    version: int


@dataclass(frozen=True)
class Warn:
    """Tell people."""

    text: str


Effect = Store | Note | Bring | Adopt | Warn


class Inheritance:
    """Events in, effects out. now_ns is monotonic and never goes back."""

    def __init__(self, period_ns: int = 30 * NS) -> None:
        if period_ns <= 0:
            raise ValueError(f'period_ns: expected more than 0, got {period_ns}')
        self._period_ns = period_ns
        self._recorded: Recorded | None = None  # the newest that was heard of
        self._own: str = ''                     # hash of what the learner goes on from
        self._own_version = 0
        self._asked: Recorded | None = None     # to be brought, last
        self._brought: Recorded | None = None   # the last that is here
        self._refused: str = ''                 # too large to be brought
        self._term_led: int | None = None
        self._waiting_since_ns: int | None = None  # a leader that has not taken over yet
        self._step: str = ''                    # '', 'store', 'note' or 'bring'
        self._step_ns = 0
        self._rests_until_ns = 0
        self._saved_ns: int | None = None
        self._noted: tuple[str, int] = ('', 0)

    @property
    def version(self) -> int:
        """Of the newest checkpoint that the log is known to have; 0 = none."""
        return self._recorded.version if self._recorded else 0

    @property
    def recorded(self) -> Recorded | None:
        return self._recorded

    @property
    def may_decide(self) -> bool:
        """Whether this robot leads and has taken over what there was to take over."""
        return self._term_led is not None and self._waiting_since_ns is None

    def handle(self, event: Event, now_ns: int) -> tuple[Effect, ...]:
        if isinstance(event, Word):
            return self._on_word(event, now_ns)
        if isinstance(event, Stored):
            return self._on_stored(event, now_ns)
        if isinstance(event, Noted):
            return self._on_noted(event, now_ns)
        if isinstance(event, Brought):
            return self._on_brought(event, now_ns)
        if isinstance(event, Failed):
            return self._on_failed(event, now_ns)
        return self._on_tick(event, now_ns)

    def check_invariants(self) -> None:
        assert self._step in ('', 'store', 'note', 'bring'), self._step
        assert self._waiting_since_ns is None or self._term_led is not None
        assert not self.may_decide or self._waiting_since_ns is None
        assert self._own_version <= self.version

    def _on_word(self, word: Word, now_ns: int) -> tuple[Effect, ...]:
        self._hear(word.recorded)
        led, self._term_led = self._term_led, word.term_led
        if word.term_led is None:
            self._waiting_since_ns = None
            if self._step in ('store', 'note'):
                self._step = ''  # what was on its way is the next leader's business
            return self._bring(now_ns)
        if led is None or led != word.term_led:
            self._saved_ns = now_ns  # the first checkpoint comes after a period of leading
            if self._is_behind():
                self._waiting_since_ns = now_ns
        return (*self._take_over(), *self._bring(now_ns))

    def _hear(self, recorded: Recorded | None) -> None:
        """A swarm that was founded anew has lower versions, and another content under them."""
        known = self._recorded
        if recorded is None or (known is not None and recorded.version < known.version):
            return
        self._recorded = recorded

    def _is_behind(self) -> bool:
        return self._recorded is not None and self._recorded.sha256 != self._own

    def _take_over(self) -> tuple[Effect, ...]:
        recorded = self._recorded
        if self._waiting_since_ns is None or recorded is None:
            return ()
        if recorded.sha256 == self._own:
            self._waiting_since_ns = None
            return ()
        if self._brought is None or recorded.sha256 != self._brought.sha256:
            return ()
        self._goes_on_from(recorded)
        return (Adopt(recorded.sha256, recorded.version),)

    def _goes_on_from(self, recorded: Recorded) -> None:
        self._own, self._own_version = recorded.sha256, recorded.version
        self._waiting_since_ns = None

    def _bring(self, now_ns: int) -> tuple[Effect, ...]:
        recorded, brought = self._recorded, self._brought
        have = (self._own, brought.sha256 if brought else '', self._refused)
        if recorded is None or self.may_decide or recorded.sha256 in have:
            return ()
        if self._busy(now_ns) or now_ns < self._rests_until_ns:
            return ()
        if recorded.size_bytes > SIZE_BYTES_MAX:
            self._refused = recorded.sha256
            return (Warn(f'checkpoint {recorded.version} has {recorded.size_bytes} bytes: '
                         f'expected at most {SIZE_BYTES_MAX}'),)
        self._begin('bring', now_ns)
        self._asked = recorded
        return (Bring(recorded),)

    def _busy(self, now_ns: int) -> bool:
        if self._step and now_ns - self._step_ns > STEP_NS:
            self._step = ''
        return bool(self._step)

    def _begin(self, step: str, now_ns: int) -> None:
        self._step, self._step_ns = step, now_ns

    def _on_stored(self, event: Stored, now_ns: int) -> tuple[Effect, ...]:
        if self._step != 'store' or not self.may_decide:
            return ()
        if self._recorded is not None and event.sha256 == self._recorded.sha256:
            self._step, self._saved_ns = '', now_ns
            self._goes_on_from(self._recorded)
            return ()  # nothing new in it
        self._begin('note', now_ns)
        self._noted = (event.sha256, event.size_bytes)
        return (Note(event.sha256, event.size_bytes, self.version),)

    def _on_noted(self, event: Noted, now_ns: int) -> tuple[Effect, ...]:
        if self._step != 'note':
            return ()
        self._step = ''
        self._hear(event.recorded)
        if event.accepted:
            self._own, self._own_version = self._noted[0], self.version
            self._saved_ns = now_ns
        else:
            self._rests_until_ns = now_ns + RETRY_NS
        return ()

    def _on_brought(self, event: Brought, now_ns: int) -> tuple[Effect, ...]:
        if self._step == 'bring':
            self._step = ''
        for one in (self._asked, self._recorded):
            if one is not None and one.sha256 == event.sha256:
                self._brought = one
        return (*self._take_over(), *self._bring(now_ns))

    def _on_failed(self, event: Failed, now_ns: int) -> tuple[Effect, ...]:
        if self._step != event.step:
            return ()
        self._step, self._rests_until_ns = '', now_ns + RETRY_NS
        return (Warn(f'checkpoint: {event.step} failed: {event.reason}'),)

    def _on_tick(self, event: Ticked, now_ns: int) -> tuple[Effect, ...]:
        since_ns = self._waiting_since_ns
        if since_ns is not None and now_ns - since_ns >= GRACE_NS:
            return self._give_up()
        if not self.may_decide:
            return self._bring(now_ns)
        assert self._saved_ns is not None
        due = now_ns - self._saved_ns >= self._period_ns and now_ns >= self._rests_until_ns
        if not event.unsaved or not due or self._busy(now_ns):
            return ()
        self._begin('store', now_ns)
        return (Store(),)

    def _give_up(self) -> tuple[Effect, ...]:
        """The recorded one cannot be had: the one brought before it is better than older ones."""
        missing, brought = self._recorded, self._brought
        assert missing is not None
        own_version = self._own_version
        self._goes_on_from(missing)
        told = f'checkpoint {missing.version} could not be had from {missing.holder}: this robot '
        if brought is None or brought.version <= own_version:
            return (Warn(f'{told}goes on with what it has learned itself'),)
        return (Adopt(brought.sha256, brought.version),
                Warn(f'{told}goes on with checkpoint {brought.version}'))
