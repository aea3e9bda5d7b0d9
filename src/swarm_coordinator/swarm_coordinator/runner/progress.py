# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a job says about its progress: owns the line protocol and how often it is passed on.

Pure. Lines on the descriptor of SWARM_PROGRESS_FD, or on stdout behind `##swarm `:

    progress 0.42 copying      a fraction from 0 to 1, then words that people read
    progress 42% copying       the same in percent
    note waiting for the arm   words only

A job is not trusted to keep to it: what is not a line of this protocol is counted and dropped, and
no line makes us hold more than LINE_BYTES_MAX.
"""

from dataclasses import dataclass

LINE_BYTES_MAX = 4096
TEXT_CHARS_MAX = 200  # more than a line of a terminal is read by nobody, and every robot keeps it
STDOUT_PREFIX = b'##swarm '
INTERVAL_NS = 250_000_000  # a few a second: people do not see more, and the log has to carry it


@dataclass(frozen=True)
class Said:
    """`permille` None: only words."""

    permille: int | None
    text: str


def parse(line: bytes) -> Said | None:
    """One line without its end; None where it is not of the protocol."""
    words = line.decode('utf-8', 'replace').strip().split(None, 1)
    if not words:
        return None
    rest = words[1] if len(words) > 1 else ''
    if words[0] == 'note':
        return Said(None, shown(rest))
    if words[0] != 'progress':
        return None
    number, _, text = rest.partition(' ')
    permille = _permille(number)
    return None if permille is None else Said(permille, shown(text))


def shown(text: str) -> str:
    """Fit for a terminal: no control characters, one line, not long."""
    cut = text[: 2 * TEXT_CHARS_MAX]
    plain = ''.join(each if each.isprintable() else ' ' for each in cut)
    return ' '.join(plain.split())[:TEXT_CHARS_MAX]


def _permille(number: str) -> int | None:
    percent = number.endswith('%')
    if len(number) > 32 or '_' in number:
        return None
    try:
        value = float(number.removesuffix('%'))
    except ValueError:
        return None
    permille = value * (10 if percent else 1000)
    # NaN fails both comparisons. A little beyond the end is a rounding error of the job.
    if not -1 <= permille <= 1001:
        return None
    return min(1000, max(0, round(permille)))


@dataclass
class Lines:
    """Cuts a stream of bytes into lines. Of a line that is too long, all is dropped."""

    lines_max: int = 256  # of one `feed`: the newest count, older ones were overtaken by them
    dropped: int = 0
    _rest: bytes = b''
    _overlong: bool = False

    def feed(self, data: bytes) -> list[bytes]:
        *ends, rest = (self._rest + data).split(b'\n')
        if ends and self._overlong:
            self._overlong = False
            del ends[0]
        if len(rest) > LINE_BYTES_MAX:
            self.dropped += 0 if self._overlong else 1
            self._overlong, rest = True, b''
        self._rest = b'' if self._overlong else rest
        if len(ends) > self.lines_max:
            self.dropped += len(ends) - self.lines_max
            ends = ends[-self.lines_max :]
        kept = [line for line in ends if len(line) <= LINE_BYTES_MAX]
        self.dropped += len(ends) - len(kept)
        return kept


@dataclass
class Marked:
    """Finds the lines behind STDOUT_PREFIX in what a job prints. Costs little where there are
    none: most output has nothing to do with us."""

    lines_max: int = 256
    _begun: bytes = b''  # a line of ours that has not ended, or what may become one
    _skipping: bool = False  # inside a line that is none

    def feed(self, data: bytes) -> list[bytes]:
        if self._skipping:
            end = data.find(b'\n')
            if end < 0:
                return []
            data, self._skipping = data[end + 1 :], False
        data, self._begun = self._begun + data, b''
        if STDOUT_PREFIX not in data:
            found, rest = [], data[data.rfind(b'\n') + 1 :]
        else:
            *lines, rest = data.split(b'\n')
            found = [line for line in lines if line.startswith(STDOUT_PREFIX)]
        if len(rest) <= LINE_BYTES_MAX and rest.startswith(STDOUT_PREFIX[: len(rest)]):
            self._begun = rest
        else:
            self._skipping = True
        return [
            line[len(STDOUT_PREFIX) :]
            for line in found[-self.lines_max :]
            if len(line) <= LINE_BYTES_MAX
        ]


@dataclass(frozen=True)
class Update:
    """To be passed on. `sequence` grows by each thing said, also by those that were left out, so
    that a job that says the same again is known to be alive."""

    permille: int
    text: str
    sequence: int


@dataclass
class Meter:
    """What one job has said so far, passed on at most once each INTERVAL_NS."""

    permille: int = 0
    text: str = ''
    sequence: int = 0
    unknown: int = 0
    _told: int = 0
    _next_ns: int = 0

    def hear(self, lines: list[bytes]) -> None:
        for line in lines:
            said = parse(line)
            if said is None:
                self.unknown += 1
                continue
            self.say(said)

    def say(self, said: Said) -> None:
        self.sequence += 1
        self.text = said.text or self.text
        if said.permille is not None:
            self.permille = said.permille

    def due_ns(self) -> int | None:
        """When to ask `take` again; None: there is nothing new."""
        return self._next_ns if self.sequence > self._told else None

    def take(self, now_ns: int) -> Update | None:
        if self.sequence == self._told or now_ns < self._next_ns:
            return None
        self._told, self._next_ns = self.sequence, now_ns + INTERVAL_NS
        return Update(self.permille, self.text, self.sequence)
