// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What /diagnostics says of all robots, as a tree: the worst first, and since when.

import {badge, el, keyed, panel, setText} from '../dom.js';
import {plain} from '../format.js';
import {DIAGNOSTIC, tone} from '../tones.js';
import {DIAGNOSTICS as WORDS} from '../words.js';
import {counted, diagnosis, tasksOf, worse, worstOf} from './diagnoses.js';

export function makeDiagnostics(root) {
  const box = panel(WORDS.title, 'diagnostics-panel');
  const worst = badge();
  const text = el('input', {type: 'search', placeholder: WORDS.filterHint,
    'aria-label': WORDS.filter, id: 'diagnostics-filter'});
  const bad = el('input', {type: 'checkbox', id: 'diagnostics-bad'});
  const list = el('div.tree');
  const empty = el('p.empty');
  box.append(el('div.tools', {}, text, el('label', {}, bad, WORDS.onlyBad), worst), empty, list);
  root.append(box);
  let redraw = () => {};
  text.addEventListener('input', () => redraw());
  bad.addEventListener('change', () => redraw());
  const part = {
    needs: ['diagnostics', 'time'],
    render(store) {
      redraw = () => part.render(store);
      const all = [...store.section('diagnostics').values()];
      const wanted = text.value.trim().toLowerCase();
      const shown = all.filter((r) => (!bad.checked || r.level !== 'ok')
        && [r.robot, r.task, r.message, r.hardware_id].join(' ').toLowerCase().includes(wanted));
      worst.hidden = !all.length;
      if (all.length) worst.show(...tone(DIAGNOSTIC, worstOf(all)), counted(all));
      empty.hidden = shown.length > 0;
      setText(empty, all.length ? WORDS.noneFit : WORDS.none);
      keyed(list, byRobot(shown), (r) => r.robot, (r) => branch(r, store));
    },
  };
  return [part];
}

function byRobot(rows) {
  const robots = new Map();
  rows.forEach((row) => robots.set(row.robot, [...robots.get(row.robot) ?? [], row]));
  return [...robots].map(([robot, tasks]) => ({robot, level: worstOf(tasks),
    tasks: tasksOf(tasks)})).sort((a, b) => worse(a, b) || a.robot.localeCompare(b.robot));
}

function branch(robot, store) {
  const level = badge();
  const about = el('span');
  const tasks = el('div.tree');
  const node = el('details.diagnosis', {'data-robot': robot.robot}, el('summary', {}, level,
    el('b', {}, robot.robot === 'other' ? WORDS.other : robot.robot), about), tasks);
  node.open = robot.level !== 'ok';
  node.update = (r) => {
    level.show(...tone(DIAGNOSTIC, r.level), plain(r.level));
    setText(about, counted(r.tasks));
    keyed(tasks, r.tasks, (t) => t.name, () => diagnosis(store));
  };
  return node;
}
