// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Tasks of /diagnostics: which is worse, how many there are, and what one looks like. That a task
// is no longer heard is not the same as an error that somebody reported.

import {badge, el, setAttr, setText} from '../dom.js';
import {plain, span} from '../format.js';
import {facts} from '../parts.js';
import {DIAGNOSTIC, tone} from '../tones.js';
import {DIAGNOSTICS as WORDS} from '../words.js';

const RANK = ['error', 'stale', 'warn', 'ok'];
const [FAULTS, SINCE] = ['faults', 'since_start']; // task and figure of a coordinator

/** Order of two rows with a level, the worse first. */
export function worse(a, b) {
  return RANK.indexOf(a.level) - RANK.indexOf(b.level);
}

/** The tasks of a robot (or of all), the worst first. */
export function tasksOf(rows) {
  return [...rows].sort((a, b) => worse(a, b) || a.task.localeCompare(b.task));
}

export function worstOf(rows) {
  return RANK.find((level) => rows.some((r) => r.level === level)) ?? 'ok';
}

/** '1 error, 3 ok' */
export function counted(rows) {
  return RANK.map((level) => [rows.filter((r) => r.level === level).length, level])
    .filter(([n]) => n).map(([n, level]) => `${n} ${plain(level)}`).join(', ');
}

/** The health of each robot by its id: the worst task, all levels counted, faults since its start
 * (null = not told). */
export function healthOf(rows) {
  const robots = new Map();
  for (const row of rows) {
    const found = robots.get(row.robot);
    if (found) found.push(row);
    else robots.set(row.robot, [row]);
  }
  return new Map([...robots].map(([robot, tasks]) => {
    const told = tasks.find((t) => t.task === FAULTS)?.values.find(([name]) => name === SINCE);
    return [robot, {worst: tasksOf(tasks)[0], counted: counted(tasks),
      faults: told && Number.isFinite(Number(told[1])) ? Number(told[1]) : null}];
  }));
}

/** One task, opened for its values. */
export function diagnosis(store) {
  const level = badge();
  const name = el('b');
  const text = el('span');
  const since = el('span.note');
  const values = facts();
  const node = el('details.diagnosis', {}, el('summary', {}, level, name, text, since), values);
  node.update = (row) => {
    setAttr(node, 'data-name', row.task);
    level.show(...tone(DIAGNOSTIC, row.level), plain(row.level));
    setText(name, row.task);
    setText(text, row.silent ? WORDS.last(row.said, row.message) : row.message);
    setText(since, WORDS.since(span(store.age(row.since_ms))));
    values.show([...row.values, [WORDS.name, row.name], [WORDS.hardwareId, row.hardware_id]]);
  };
  return node;
}
