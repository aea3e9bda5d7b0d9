// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The page's copy of the picture. Owns merging and time; draws nothing.

export const EVENTS_MAX = 1000;
const SAMPLES_MAX = 180;

export class Store {
  constructor(now = () => performance.now()) {
    this.now = now;
    this.revision = null;
    this.dropped = 0;
    this.recorded = null; // of a recording: {name, at_ms, ...}; its time stands still
    this.link = {phase: 'connecting', since: now()};
    this.clear();
  }

  clear() {
    this.swarm = {};
    this.consciousness = {};
    this.robots = new Map();
    this.jobs = new Map();
    this.hardware = new Map();
    this.events = [];
    this.sections = new Map();
    this.samples = [];
  }

  /** Merge a frame; return the names of changed sections, or null if a snapshot is needed. */
  apply(frame) {
    this.frame = {mono: frame.mono_ms, wall: frame.wall_ms, at: this.now()};
    if (frame.type === 'alive') return new Set();
    const whole = frame.type === 'snapshot';
    if (whole) this.restart(frame);
    else if (frame.revision !== this.revision + 1) return null;
    this.revision = frame.revision;
    Object.assign(this.swarm, frame.swarm);
    Object.assign(this.consciousness, frame.consciousness);
    mergeRows(this.robots, frame.robots, true);
    mergeRows(this.jobs, frame.jobs, false);
    mergeRows(this.hardware, frame.hardware, false);
    this.addEvents(frame.events ?? []);
    for (const [name, rows] of Object.entries(frame.sections ?? {})) {
      mergeRows(this.section(name), rows, false);
    }
    const names = ['swarm', 'consciousness', 'robots', 'jobs', 'hardware', 'events'];
    const told = Object.keys(frame.sections ?? {});
    return new Set([...(whole ? names : names.filter((n) => n in frame)), ...told]);
  }

  /** A section's rows by key; empty until the tower has told some. */
  section(name) {
    if (!this.sections.has(name)) this.sections.set(name, new Map());
    return this.sections.get(name);
  }

  restart(frame) {
    const samples = this.samples;
    this.clear();
    this.samples = samples;
    this.dropped = frame.dropped ?? 0;
  }

  addEvents(rows) {
    const last = this.events.length ? this.events[this.events.length - 1].seq : 0;
    this.events.push(...rows.filter((r) => r.seq > last));
    if (this.events.length > EVENTS_MAX) this.events.splice(0, this.events.length - EVENTS_MAX);
  }

  /** Once a second: keep the aggregate's course for the small plot. */
  sample() {
    const {arousal, stability, pressure} = this.consciousness;
    this.samples.push({arousal, stability, pressure});
    if (this.samples.length > SAMPLES_MAX) this.samples.shift();
  }

  setLink(phase) {
    if (this.link.phase !== phase) this.link = {phase, since: this.now()};
  }

  /** The tower's monotonic time now, as far as this page can tell. */
  monoNow() {
    if (this.frame && this.recorded) return this.frame.mono;
    return this.frame ? this.frame.mono + (this.now() - this.frame.at) : null;
  }

  age(monoMs) {
    const now = this.monoNow();
    return now === null || monoMs === null || monoMs === undefined ? null
      : Math.max(0, now - monoMs);
  }

  wall(monoMs) {
    if (!this.frame || monoMs === null || monoMs === undefined) return null;
    return this.frame.wall - (this.frame.mono - monoMs);
  }

  robotList() {
    return [...this.robots.values()].sort((a, b) => (a.robot_id < b.robot_id ? -1 : 1));
  }

  jobList() {
    return [...this.jobs.values()].sort((a, b) => b.submitted_ms - a.submitted_ms
      || (a.job_id < b.job_id ? 1 : -1));
  }
}

function mergeRows(table, rows, byField) {
  for (const [id, row] of Object.entries(rows ?? {})) {
    if (row === null) table.delete(id);
    else if (byField) table.set(id, Object.assign(table.get(id) ?? {}, row));
    else table.set(id, row);
  }
}
