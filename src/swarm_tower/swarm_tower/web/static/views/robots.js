// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The table of robots. A robot that vanishes stays, as stale and then lost.

import {badge, bar, el, icon, keyed, panel, setAttr, setClass, setText} from '../dom.js';
import {clock, figure, number, plain} from '../format.js';
import {DIAGNOSTIC, MEMBER, PRESENCE, tone} from '../tones.js';
import {ROBOTS as WORDS} from '../words.js';
import {robotMenu, swarmButtons} from './act_robots.js';
import {healthOf, worse} from './diagnoses.js';
import {makeRobot} from './robot.js';

export const SIGNALS = ['arousal', 'curiosity', 'confidence', 'stability', 'pressure'];
const TROUBLE = {lost: 3, stale: 2, unheard: 1, fresh: 0};
const SORTS = {
  name: () => 0,
  trouble: (a, b, health) => trouble(b) - trouble(a) || sicker(a, b, health),
  health: (a, b, health) => sicker(a, b, health) || faults(b, health) - faults(a, health),
  faults: (a, b, health) => faults(b, health) - faults(a, health),
  busy: (a, b) => (b.cpu_permille ?? -1) - (a.cpu_permille ?? -1),
  charge: (a, b) => (a.battery_permille ?? 1001) - (b.battery_permille ?? 1001),
};

export function makeRobots(root) {
  const box = panel(WORDS.title, 'robots-panel');
  root.append(box);
  let voters = [];
  box.querySelector('.panel-head').append(swarmButtons(() => voters));
  const asked = {needs: ['robots'], render: (store) => {
    voters = store.robotList().filter((r) => r.voter).map((r) => r.robot_id);
  }};
  const table = robotTable(box, true);
  const close = makeRobot(root);
  const pick = {
    needs: ['time'],
    render(store, now, route) {
      box.hidden = Boolean(route.rest);
      close.root.hidden = !route.rest;
    },
  };
  return [asked, pick, table, ...close.parts];
}

/** The table; with `acting` it can also be filtered and sorted, and each row has a menu. */
export function robotTable(box, acting = false) {
  const body = el('tbody');
  const empty = el('p.empty', {}, WORDS.none);
  const head = el('tr', {}, ...Object.values(WORDS.columns).map(([name, title]) => el('th',
    {scope: 'col', title: title || null}, name)));
  const tools = acting ? robotTools(box, () => last && draw(last)) : null;
  let last = null;
  let health = new Map();
  box.append(el('div.scroll', {}, el('table.robots', {}, el('thead', {}, head), body)), empty);
  function draw(store) {
    const robots = store.robotList();
    health = healthOf(store.section('diagnostics').values());
    const shown = tools ? tools.choose(robots, health) : robots;
    keyed(body, shown, (r) => r.robot_id, (r) => robotRow(r, store, acting, () => health));
    empty.hidden = robots.length > 0;
  }
  return {needs: ['robots', 'swarm', 'diagnostics', 'time'],
    render(store) { last = store; draw(store); }};
}

function robotTools(box, redraw) {
  const text = el('input', {type: 'search', placeholder: WORDS.filterHint,
    'aria-label': WORDS.filter, id: 'robots-filter'});
  const sort = el('select', {'aria-label': WORDS.sort, id: 'robots-sort'},
    ...Object.entries(WORDS.sorts).map(([value, words]) => el('option', {value}, words)));
  const note = el('span.note');
  box.append(el('div.tools', {}, text, sort, note));
  text.addEventListener('input', redraw);
  sort.addEventListener('change', redraw);
  return {choose(robots, health) {
    const wanted = text.value.trim().toLowerCase();
    const found = robots.filter((r) => [r.robot_id, r.role, r.phase, r.presence]
      .some((field) => plain(field).toLowerCase().includes(wanted)));
    setText(note, WORDS.shown(found.length, robots.length));
    return found.sort((a, b) => SORTS[sort.value](a, b, health));
  }};
}

function trouble(robot) {
  return TROUBLE[robot.presence] * 2 + (robot.phase && robot.phase !== 'healthy' ? 1 : 0);
}

/** Order of two robots by their worst task; a robot that none was heard of comes last. */
function sicker(a, b, health) {
  const [one, other] = [health.get(a.robot_id)?.worst, health.get(b.robot_id)?.worst];
  return one && other ? worse(one, other) : Boolean(other) - Boolean(one);
}

function faults(robot, health) {
  return health.get(robot.robot_id)?.faults ?? -1;
}

function robotRow(robot, store, acting, healthNow) {
  const cells = Object.fromEntries(Object.entries(WORDS.columns)
    .map(([key, [label]]) => [key, el('td', {'data-label': label})]));
  const crown = el('span', {role: 'img', 'aria-label': WORDS.leads}, icon('crown'));
  const id = el('a.id', {href: `#robots/${robot.robot_id}`, title: WORDS.hardware},
    robot.robot_id);
  const menu = acting ? robotMenu(() => store.robots.get(robot.robot_id) ?? robot) : null;
  cells.robot.append(el('span.robot-name', {}, id, crown, menu));
  const heard = badge();
  const phase = badge();
  const cpu = bar();
  const battery = bar();
  const signals = signalBars();
  const health = badge();
  const healthLink = el('a.health', {href: `#robots/${robot.robot_id}`}, health);
  cells.health.append(healthLink);
  cells.heard.append(heard);
  cells.phase.append(phase);
  cells.cpu.append(cpu);
  cells.battery.append(battery);
  cells.signals.append(signals);
  const row = el('tr', {'data-robot': robot.robot_id}, ...Object.values(cells));
  row.update = (r) => {
    const leads = store.swarm.leader?.leader === r.robot_id;
    crown.style.visibility = leads ? 'visible' : 'hidden';
    setClass(row, 'leads', leads);
    setClass(row, 'absent', r.presence !== 'fresh');
    heard.show(...tone(PRESENCE, r.presence), heardWords(r, store));
    phase.show(...tone(MEMBER, r.phase), r.phase ? plain(r.phase) : WORDS.notMember);
    showHealth(health, healthLink, healthNow().get(r.robot_id));
    setText(cells.faults, number(healthNow().get(r.robot_id)?.faults));
    setText(cells.role, roleWords(r));
    setText(cells.voter, r.voter === null ? '–' : r.voter ? WORDS.yes : WORDS.no);
    setText(cells.starts, number(r.starts));
    setText(cells.term, number(r.term));
    setText(cells.applied, appliedWords(r, store));
    setText(cells.mode, modeWords(r));
    setClass(cells.mode, 'apart', r.local_mode && r.local_mode !== r.mode);
    showShare(cpu, r, r.cpu_permille);
    showShare(battery, r, r.battery_permille);
    setText(cells.jobs, jobWords(r));
    signals.show(r.presence === 'lost' ? null : r.figures);
  };
  return row;
}

/** The worst task by its name; '–' where /diagnostics has told nothing of the robot. */
function showHealth(shown, link, found) {
  shown.show(...tone(DIAGNOSTIC, found?.worst.level),
    found ? WORDS.health(plain(found.worst.level), found.worst.task) : '–');
  setAttr(link, 'title', found ? `${found.worst.message} (${found.counted})` : WORDS.noHealth);
}

function heardWords(robot, store) {
  if (robot.presence === 'fresh') return WORDS.live;
  if (robot.presence === 'unheard') return WORDS.never;
  return WORDS.last(robot.presence, clock(store.wall(robot.heard_ms)), store.age(robot.heard_ms));
}

function roleWords(robot) {
  return robot.presence !== 'fresh' && robot.role ? WORDS.was(robot.role) : plain(robot.role);
}

function modeWords(robot) {
  return robot.presence === 'lost' || !robot.local_mode ? '–' : plain(robot.local_mode);
}

function showShare(meter, robot, permille) {
  const known = robot.presence === 'lost' ? null : permille ?? null;
  meter.show(known === null ? null : known / 1000,
    known === null ? '–' : `${Math.round(known / 10)} %`);
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
      : WORDS.noLearner);
  };
  return node;
}
