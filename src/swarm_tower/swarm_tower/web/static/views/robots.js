// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The table of robots. A robot that vanishes stays, as stale and then lost.

import {badge, bar, el, icon, keyed, panel, setAttr, setClass, setText} from '../dom.js';
import {clock, figure, number, plain, span} from '../format.js';
import {MEMBER, PRESENCE, tone} from '../tones.js';

export const SIGNALS = ['arousal', 'curiosity', 'confidence', 'stability', 'pressure'];
const COLUMNS = [
  ['Robot', ''], ['Heard', 'by this tower'], ['Phase', 'as the swarm has agreed in its log'],
  ['Role', ''], ['Voter', ''], ['Life', 'incarnation: how often it has started'], ['Term', ''],
  ['Applied', 'log index'], ['CPU', 'busy share of all cores'],
  ['Jobs', 'running / held (slots)'],
  ['Signals', SIGNALS.join(', ')],
];

export function makeRobots(root) {
  const box = panel('Robots', 'robots-panel');
  root.append(box);
  return [robotTable(box)];
}

export function robotTable(box) {
  const body = el('tbody');
  const empty = el('p.empty', {}, 'No robot heard yet.');
  const head = el('tr', {}, ...COLUMNS.map(([name, title]) => el('th',
    {scope: 'col', title: title || null}, name)));
  box.append(el('div.scroll', {}, el('table.robots', {}, el('thead', {}, head), body)), empty);
  return {
    needs: ['robots', 'swarm', 'time'],
    render(store) {
      const robots = store.robotList();
      keyed(body, robots, (r) => r.robot_id, (r) => robotRow(r, store));
      empty.hidden = robots.length > 0;
    },
  };
}

function robotRow(robot, store) {
  const cells = Object.fromEntries(COLUMNS.map(([name]) => [name, el('td', {'data-label': name})]));
  const crown = icon('crown');
  const id = el('a.id', {href: `#hardware/${robot.robot_id}`, title: 'hardware of this robot'},
    robot.robot_id);
  cells.Robot.append(el('span.robot-name', {}, id, crown));
  const heard = badge();
  const phase = badge();
  const cpu = bar();
  const signals = signalBars();
  cells.Heard.append(heard);
  cells.Phase.append(phase);
  cells.CPU.append(cpu);
  cells.Signals.append(signals);
  const row = el('tr', {'data-robot': robot.robot_id}, ...Object.values(cells));
  row.update = (r) => {
    const leads = store.swarm.leader?.leader === r.robot_id;
    crown.style.visibility = leads ? 'visible' : 'hidden';
    setClass(row, 'leads', leads);
    setClass(row, 'absent', r.presence !== 'fresh');
    heard.show(...tone(PRESENCE, r.presence), heardWords(r, store));
    phase.show(...tone(MEMBER, r.phase), r.phase ? plain(r.phase) : 'not a member');
    setText(cells.Role, roleWords(r));
    setText(cells.Voter, r.voter === null ? '–' : r.voter ? 'yes' : 'no');
    setText(cells.Life, number(r.incarnation));
    setText(cells.Term, number(r.term));
    setText(cells.Applied, appliedWords(r, store));
    const load = r.presence === 'lost' ? null : r.cpu_permille ?? null;
    cpu.show(load === null ? null : load / 1000, load === null ? '–' : `${Math.round(load / 10)} %`);
    setText(cells.Jobs, jobWords(r));
    signals.show(r.presence === 'lost' ? null : r.figures);
  };
  return row;
}

function heardWords(robot, store) {
  if (robot.presence === 'fresh') return 'live';
  if (robot.presence === 'unheard') return 'never heard';
  return `${robot.presence}, last ${clock(store.wall(robot.heard_ms))} `
    + `(${span(store.age(robot.heard_ms))} ago)`;
}

function roleWords(robot) {
  return robot.presence !== 'fresh' && robot.role ? `was ${plain(robot.role)}` : plain(robot.role);
}

function jobWords(robot) {
  if (robot.role === undefined || robot.presence === 'lost') return '–';
  const slots = robot.job_slots === null ? '' : ` (${robot.job_slots})`;
  return `${robot.running_jobs} / ${robot.held_jobs}${slots}`;
}

function appliedWords(robot, store) {
  if (robot.applied_index === undefined) return '–';
  const behind = (store.swarm.commit_index ?? 0) - robot.applied_index;
  return behind > 2 ? `${robot.applied_index} (−${behind})` : String(robot.applied_index);
}

export function signalBars() {
  const bars = SIGNALS.map((name) => el(`span.signal.s-${name}`, {title: name}, el('span')));
  const words = el('span.hidden-visually');
  const node = el('span.signals', {}, ...bars, words);
  node.show = (figures) => {
    setClass(node, 'unknown', !figures);
    SIGNALS.forEach((name, i) => {
      const value = figures?.[name] ?? null;
      const height = `${Math.round((value ?? 0) * 100)}%`;
      if (bars[i].firstChild.style.height !== height) bars[i].firstChild.style.height = height;
      setAttr(bars[i], 'title', `${name} ${figure(value)}`);
    });
    setText(words, figures ? SIGNALS.map((n) => `${n} ${figure(figures[n])}`).join(', ')
      : 'no learner heard');
  };
  return node;
}
