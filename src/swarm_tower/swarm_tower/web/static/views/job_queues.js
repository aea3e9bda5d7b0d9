// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Who has how much to do, how long the oldest has waited, and why it waits.

import {badge, el, panel, setClass, setText} from '../dom.js';
import {duration, span} from '../format.js';
import {table, textRow} from '../parts.js';
import {PRESENCE, tone} from '../tones.js';
import {QUEUES as WORDS} from '../words.js';

const HEADS = [WORDS.robot, WORDS.heard, [WORDS.running, WORDS.runningHelp], [WORDS.granted, WORDS.grantedHelp],
  [WORDS.oldest, WORDS.oldestHelp], [WORDS.work, WORDS.workHelp], WORDS.because];
const REASONS_MAX = 3;

export function queuePanel() {
  const box = panel(WORDS.title, 'job-queues');
  const rows = table('table', HEADS);
  const note = el('p.note');
  box.append(rows.node, note);
  return {
    box, needs: ['jobs', 'robots', 'time'],
    render(store) {
      const jobs = [...store.jobs.values()];
      const waiting = jobs.filter((j) => j.phase === 'submitted');
      const now = store.wall(store.monoNow());
      const robots = store.robotList().map((robot) => ({robot, ...queueOf(
        jobs.filter((j) => j.robot_id === robot.robot_id && j.phase === 'leased'), now)}));
      const items = [{robot: null, ...queueOf(waiting, now)}, ...robots];
      rows.rows(items, (item) => item.robot?.robot_id ?? '', queueRow);
      setText(note, store.swarm.jobs_dropped ? WORDS.some(jobs.length) : WORDS.all);
      note.hidden = !store.swarm.jobs_dropped;
    },
  };
}

function queueOf(jobs, now) {
  const since = jobs.map((j) => (j.phase === 'submitted' ? j.submitted_ms : j.changed_ms));
  const reasons = new Map();
  for (const job of jobs) {
    const words = job.reason || WORDS.unknown;
    reasons.set(words, (reasons.get(words) ?? 0) + 1);
  }
  const kinds = new Map();
  for (const job of jobs) kinds.set(job.kind, (kinds.get(job.kind) ?? 0) + 1);
  return {
    waiting: jobs.length, oldest: jobs.length && now ? now - Math.min(...since) : null,
    reasons: [...reasons].sort(([, a], [, b]) => b - a).slice(0, REASONS_MAX),
    kinds: [...kinds].map(([kind, n]) => `${n} ${kind}`).join(', '),
  };
}

function queueRow() {
  const heard = badge();
  const link = el('a.id');
  return textRow(HEADS, (item, row) => {
    const {robot, waiting, oldest, reasons, kinds} = item;
    setClass(row, 'absent', robot && robot.presence !== 'fresh');
    if (robot) {
      link.href = `#robots/${robot.robot_id}`;
      setText(link, robot.robot_id);
      heard.show(...tone(PRESENCE, robot.presence), robot.presence === 'fresh' ? 'live' : robot.presence);
    }
    const running = robot?.role === undefined ? '–' : `${robot.running_jobs}${robot.job_slots === null
      ? '' : ` of ${robot.job_slots}`}`;
    const why = waiting ? reasons.map(([words, n]) => (n > 1 ? `${n}: ${words}` : words)).join('; ')
      : WORDS.none;
    return [robot ? link : WORDS.nobody, robot ? heard : '–', running,
      waiting ? `${waiting} (${kinds})` : '0', oldest === null ? '–' : span(oldest),
      robot?.queued_work_ms ? duration(robot.queued_work_ms) : '–', why];
  });
}
