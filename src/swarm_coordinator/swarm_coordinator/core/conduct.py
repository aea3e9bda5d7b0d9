# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot's own mode, an emergency and its leaving mean for its work: owns whether anything
may run here or be begun, and when the robot may say goodbye.

Refuses to know how a mode is chosen, how an emergency spreads, and how a goodbye gets into the
log.
"""

from dataclasses import dataclass

from swarm_coordinator.core.emergency import Emergency
from swarm_coordinator.core.events import ModeFollowed
from swarm_coordinator.core.modes.local import LocalFacts, LocalMode, local_mode
from swarm_coordinator.core.modes.mode import Activity, Mode
from swarm_coordinator.core.worker import Worker, WorkerEffect

LEAVING_NS = 1_500_000_000  # then the robot goes without its goodbye being in the log


@dataclass(frozen=True)
class LeavingTag:
    """This robot's goodbye."""


class Conduct:
    """Of one life of a robot. It tells the worker, and asks the emergency; both are others'."""

    def __init__(self, worker: Worker, emergency: Emergency, started_ns: int) -> None:
        self.local = LocalMode(Mode.NORMAL, 'built-in default', Mode.NORMAL)
        self.leaving = False
        self._worker = worker
        self._emergency = emergency
        self._started_ns = started_ns
        self._leader_heard_ns: int | None = None
        self._leave_by_ns: int | None = None  # while its goodbye is not said

    # ---- what may be done

    def stop_or_go(self, now_ns: int) -> list[WorkerEffect]:
        """In an emergency nothing runs on this robot; afterwards jobs may start again."""
        if self._emergency.active:
            return self._worker.stop_all('emergency', now_ns)
        if self.leaving:
            return self._worker.stop_all('its robot leaves', now_ns)
        return self._worker.may_start(self.local.allows(Activity.TAKE_JOBS), now_ns)

    def no_work(self) -> str:
        """Why this robot takes no jobs now; '' = it does."""
        if self._emergency.active:
            return 'is stopped by an emergency'
        if not self.local.allows(Activity.TAKE_JOBS):
            return f'is in mode {self.local.mode.label}, which takes no new jobs'
        return ''

    # ---- the mode

    def heard_leader(self, now_ns: int) -> None:
        self._leader_heard_ns = now_ns

    def follow(
        self,
        swarm_mode: Mode,
        leads: bool,
        battery_permille: int | None,
        awareness: int,
        now_ns: int,
    ) -> ModeFollowed | None:
        """This robot's own mode: the swarm's, or a more cautious one. None: as before."""
        if leads:
            self.heard_leader(now_ns)  # itself: when it leads no longer, silence begins
        facts = LocalFacts(
            leader_silence_ns=self._leader_silence_ns(now_ns),
            running_ns=now_ns - self._started_ns,
            battery_permille=battery_permille,
            awareness=awareness,
            emergency=self._emergency.active,
        )
        before, self.local = self.local, local_mode(swarm_mode, facts, self.local.mode)
        if before.mode is self.local.mode:
            return None
        return ModeFollowed(self.local.mode, self.local.reason)

    def _leader_silence_ns(self, now_ns: int) -> int | None:
        heard_ns = self._leader_heard_ns
        return None if heard_ns is None else now_ns - heard_ns

    # ---- leaving

    def leave(self, now_ns: int) -> bool:
        """From here on nothing runs. False: it leaves already."""
        if self.leaving:
            return False
        self.leaving = True
        self._leave_by_ns = now_ns + LEAVING_NS
        return True

    def goodbye(self, now_ns: int) -> int | None:
        """Once, as soon as nothing runs here and all is told of what ran: the time in ns that the
        goodbye may take; 0: go without one, leases run out and what runs ends with this robot.
        None: nothing to say."""
        if self._leave_by_ns is None:
            return None
        left_ns = max(0, self._leave_by_ns - now_ns)
        if left_ns and (self._worker.live or self._worker.reports):
            return None
        self._leave_by_ns = None
        return left_ns
