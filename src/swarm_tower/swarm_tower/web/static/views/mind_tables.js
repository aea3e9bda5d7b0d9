// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What the swarm has learned of its robots and routes, and the files it is kept in.

import {badge, bar, el, panel, setClass, setText} from '../dom.js';
import {bytes, dateTime, duration, figure} from '../format.js';
import {source, table, textRow, why} from '../parts.js';
import {LEARNED as WORDS} from '../words.js';

const ABOUT = '.about';
const ROBOTS = [WORDS.robot, [WORDS.mean, WORDS.meanHelp], [WORDS.atLeast, WORDS.leastHelp],
  [WORDS.forAgainst, WORDS.receiptsHelp], [WORDS.believed, WORDS.believedHelp], WORDS.receipts,
  [WORDS.steals, WORDS.stealsHelp], WORDS.standing, WORDS.why];
const ROUTES = [WORDS.task, WORDS.robot, WORDS.unit, [WORDS.cost, WORDS.costHelp], WORDS.work,
  [WORDS.wait, WORDS.waitHelp], WORDS.success, [WORDS.quality, WORDS.qualityHelp], WORDS.seen,
  WORDS.state, WORDS.why];
const MODELS = [WORDS.name, WORDS.version, WORDS.what, WORDS.size, 'SHA-256', WORDS.heldBy,
  WORDS.log, WORDS.recorded];

export function reputationTable() {
  const box = panel(WORDS.reputation, 'mind-reputation');
  const rows = table('table', ROBOTS);
  const empty = el('p.empty', {}, WORDS.noReputation);
  const note = el('p.note');
  box.append(empty, rows.node, note);
  return {
    box,
    needs: ['reputation', 'robots', 'time'],
    render(store) {
      const section = store.section('reputation');
      const about = section.get(ABOUT);
      const robots = [...section.entries()].filter(([key]) => key !== ABOUT).map(([, row]) => row)
        .sort((a, b) => (b.lower_bound ?? -1) - (a.lower_bound ?? -1));
      empty.hidden = robots.length > 0;
      rows.node.hidden = robots.length === 0;
      rows.rows(robots, (r) => r.robot_id, robotRow);
      setText(note, about ? `${about.audits.length ? WORDS.audits(about.audits) : WORDS.noAudits} · `
        + source(store, about) : '');
    },
  };
}

function robotRow(robot) {
  const mean = bar();
  const least = bar();
  const standing = badge();
  const reason = why('reputation', robot.robot_id);
  const link = el('a.id', {href: `#robots/${robot.robot_id}`}, robot.robot_id);
  const words = el('span');
  const last = el('span', {}, words, ' ', reason);
  return textRow(ROBOTS, (r) => {
    mean.show(r.mean, figure(r.mean));
    least.show(r.lower_bound, figure(r.lower_bound));
    standing.show(...(r.newcomer ? ['info', 'slow', WORDS.newcomer]
      : r.may_lead ? ['ok', 'crown', WORDS.lead] : ['dim', 'none', WORDS.notLead]));
    setText(words, r.reason);
    return [link, mean, least, `${r.successes} / ${r.failures}`, figure(r.credibility),
      WORDS.raters(r.receipts, r.raters), `${r.steals_helpful} / ${r.steals_useless}`,
      standing, last];
  });
}

export function routeTable() {
  const box = panel(WORDS.routes, 'mind-routes');
  const rows = table('table.routes', ROUTES);
  const filter = el('input', {type: 'search', 'aria-label': WORDS.filter, placeholder: WORDS.filter});
  const empty = el('p.empty', {}, WORDS.noRoutes);
  const note = el('p.note');
  const tools = el('div.tools', {}, filter, note);
  box.append(empty, tools, rows.node);
  let last = null;
  filter.addEventListener('input', () => { if (last) draw(last); });
  function draw(store) {
    const section = store.section('routes');
    const about = section.get(ABOUT);
    const all = [...section.entries()].filter(([key]) => key !== ABOUT)
      .sort(([, a], [, b]) => (a.task < b.task ? -1 : a.task > b.task ? 1
        : (a.cost_ms ?? Infinity) - (b.cost_ms ?? Infinity)));
    const wanted = filter.value.toLowerCase();
    const found = all.filter(([key]) => key.toLowerCase().includes(wanted));
    empty.hidden = all.length > 0;
    tools.hidden = rows.node.hidden = all.length === 0;
    rows.rows(found, ([key]) => key, routeRow);
    setText(note, about ? `${WORDS.shown(found.length, about.told)} · ${source(store, about)}` : '');
  }
  return {box, needs: ['routes', 'robots', 'time'], render(store) { last = store; draw(store); }};
}

function routeRow([, route]) {
  const state = badge();
  const words = el('span');
  const unit = route.compute_unit ? `/${route.compute_unit}` : '';
  const last = el('span', {}, words, ' ', why('route', `${route.task}/${route.robot_id}${unit}`));
  const task = el('span.id');
  const made = textRow(ROUTES, ([, r], row) => {
    setClass(row, 'absent', r.ejected);
    setText(task, r.task);
    state.show(...(r.ejected ? ['error', 'gone', WORDS.ejected] : ['ok', 'ok', WORDS.open]));
    setText(words, r.reason);
    return [task, r.robot_id, r.compute_unit || WORDS.wholeRobot, time(r.cost_ms), time(r.work_ms),
      time(r.backlog_ms), figure(r.success), figure(r.quality), r.samples || WORDS.priorOnly, state, last];
  });
  return made;
}

function time(ms) {
  return ms === null ? '–' : duration(ms);
}

export function modelTable() {
  const box = panel(WORDS.models, 'mind-models');
  const rows = table('table', MODELS);
  const empty = el('p.empty', {}, WORDS.noModels);
  box.append(empty, rows.node);
  return {
    box,
    needs: ['models'],
    render(store) {
      const models = [...store.section('models').values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      empty.hidden = models.length > 0;
      rows.node.hidden = models.length === 0;
      rows.rows(models, (m) => m.name, () => textRow(MODELS, (m) => [m.name, m.version, m.summary,
        bytes(m.size_bytes), m.sha256.slice(0, 16), m.holder, m.log_index, dateTime(m.stamp_ms)]));
    },
  };
}
