// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Which mode the learner would choose now and why, and the whole table behind it.

import {badge, bar, el, panel, setAttr, setClass, setText} from '../dom.js';
import {figure, plain} from '../format.js';
import {facts, source, table, textRow, why} from '../parts.js';
import {plot} from '../plot.js';
import {POLICY as WORDS} from '../words.js';

const LEVELS = ['low', 'medium', 'high'];
const FIGURES = ['arousal', 'stability', 'pressure'];
const CELLS = 27;
const HEADS = [WORDS.mode, WORDS.expected, WORDS.visits, WORDS.allowed];

export function choicePanel() {
  const box = panel(WORDS.choice, 'mind-choice');
  const mode = badge();
  const extra = badge();
  const reason = el('p.reason', {id: 'mind-reason'});
  const rows = table('table.choice', HEADS);
  const about = facts();
  const course = rewardCourse();
  const note = el('p.note');
  const empty = el('p.empty', {}, WORDS.noChoice);
  const body = el('div', {}, el('p.regime-now', {}, mode, extra), reason, rows.node,
    why('mode', '', WORDS.whyMode), about, course.node, el('p.note', {}, WORDS.proposes), note);
  box.append(empty, body);
  return {
    box,
    needs: ['policy', 'reward', 'robots', 'time'],
    render(store) {
      const [choice, told] = ['choice', 'about'].map((key) => store.section('policy').get(key));
      empty.hidden = Boolean(choice);
      body.hidden = !choice;
      if (!choice) return;
      mode.show('info', 'info', `${plain(choice.mode)} · ${figure(choice.confidence)} sure`);
      extra.hidden = !choice.explored && !told.frozen;
      extra.show('odd', 'square', told.frozen ? WORDS.frozen : WORDS.explored);
      setText(reason, choice.reason);
      rows.node.hidden = !choice.values.length;
      const values = choice.values.map((v) => v.value).filter((v) => v !== null);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      rows.rows(choice.values, (v) => v.mode, () => worthRow(() => [low, high]));
      about.show(aboutPairs(choice, told));
      course.show(store);
      setText(note, source(store, told));
      [...rows.body.rows].forEach((row, i) => {
        const worth = choice.values[i];
        setClass(row, 'chosen', worth.mode === choice.mode);
        row.mark(worth.mode === choice.mode ? WORDS.best
          : worth.mode === choice.runner_up ? WORDS.second : '');
      });
    },
  };
}

/** What the last decisions brought, since this tower listens. */
function rewardCourse() {
  const chart = plot({label: WORDS.rewardCourse, names: WORDS.rewardCurves,
    tones: ['--ok', '--info'], height: 120});
  const node = el('div', {id: 'mind-reward'}, el('h3', {}, WORDS.rewardCourse), chart);
  let drawn = '';
  return {
    node,
    show(store) {
      const rows = [...store.section('reward').entries()].sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, row]) => row);
      node.hidden = rows.length === 0;
      const key = `${rows.length}/${rows.at(-1)?.[0]}/${chart.clientWidth}`;
      if (key === drawn) return;
      drawn = key;
      chart.show(rows.map((row) => store.wall(row[0]) / 1000),
        [1, 2].map((i) => rows.map((row) => row[i])));
    },
  };
}

function worthRow(rangeOf) {
  const meter = bar();
  const name = el('span');
  const mark = el('span.tag');
  const first = el('span', {}, name, ' ', mark);
  const row = textRow(HEADS, (v) => {
    const [low, high] = rangeOf();
    setText(name, plain(v.mode));
    meter.show(v.value === null ? null : (v.value - low) / Math.max(1e-9, high - low),
      figure(v.value));
    setClass(row, 'absent', v.masked);
    return [first, meter, v.visits, v.masked ? WORDS.masked(v.masked) : WORDS.may];
  });
  row.mark = (words) => { setText(mark, words); mark.hidden = !words; };
  return row;
}

function aboutPairs(choice, told) {
  return [
    [WORDS.situation, choice.situation], [WORDS.decidedBy, choice.policy],
    [WORDS.decisions, WORDS.decided(told.decisions, told.explored)],
    [WORDS.exploresNow, told.epsilon === null ? null : `${Math.round(told.epsilon * 100)} %`],
    [WORDS.reward, WORDS.rewards(figure(told.reward_mean), figure(told.reward_last))],
    [WORDS.changesOfMode, told.switches === null ? null : WORDS.changes(told.switches)],
    [WORDS.checkpoint, told.checkpoint ? told.checkpoint.slice(0, 16) : WORDS.noCheckpoint],
  ];
}

// -- the table

export function policyPanel() {
  const box = panel(WORDS.table, 'mind-policy');
  const modes = el('fieldset.modes', {}, el('legend', {}, WORDS.inForce));
  const holder = el('div.scroll.q-scroll');
  const detail = el('p.q-detail', {role: 'status', id: 'mind-cell'}, WORDS.none);
  const empty = el('p.empty', {}, WORDS.noTable);
  const body = el('div', {}, modes, holder, detail, el('p.note', {}, WORDS.hint));
  box.append(empty, body);
  const state = {mode: null, shape: '', grid: null, at: [0, 0]};
  return {
    box,
    needs: ['policy', 'swarm'],
    render(store) {
      const told = store.section('policy').get('about');
      const whole = told && told.modes.some((m) => store.section('policy').has(`in ${m}`));
      empty.hidden = Boolean(whole);
      body.hidden = !whole;
      setText(empty, told ? WORDS.noFigures : WORDS.noTable);
      if (!whole) return;
      const shape = JSON.stringify([told.modes, told.actions]);
      if (shape !== state.shape) {
        Object.assign(state, {shape, mode: told.modes.includes(store.swarm.mode?.mode)
          ? store.swarm.mode.mode : told.modes[0]});
        buildModes(modes, told.modes, state, () => draw(store));
        state.grid = buildGrid(holder, told.actions, state, detail);
      }
      draw(store);
    },
  };
  function draw(store) {
    for (const input of modes.querySelectorAll('input')) {
      const now = input.value === store.swarm.mode?.mode;
      setText(input.nextSibling, `${plain(input.value)}${now ? ` (${WORDS.now})` : ''}`);
    }
    state.grid.fill(store.section('policy').get(`in ${state.mode}`), state.mode,
      situationNow(store.section('policy').get('choice')));
  }
}

function buildModes(box, modes, state, changed) {
  box.replaceChildren(box.firstChild, ...modes.map((mode) => {
    const input = el('input', {type: 'radio', name: 'mind-mode', value: mode,
      checked: mode === state.mode ? '' : null});
    input.addEventListener('change', () => { state.mode = mode; changed(); });
    return el('label', {}, input, el('span', {}, plain(mode)));
  }));
}

/** 27 rows of buttons that are told apart by number as well as by colour. */
function buildGrid(holder, actions, state, detail) {
  const cells = [];
  const rows = [];
  for (let situation = 0; situation < CELLS; situation += 1) {
    const levels = levelsOf(situation);
    const row = el('tr', {}, el('th', {scope: 'row'}, ...levels.flatMap((level, i) => [el('span.level',
      {title: `${FIGURES[i]} ${LEVELS[level]}`}, LEVELS[level]), ' '])));
    cells.push(actions.map((action, column) => {
      const cell = el('td.q', {tabindex: situation || column ? -1 : 0});
      cell.addEventListener('focus', () => { state.at = [situation, column]; setText(detail, cell.words); });
      cell.addEventListener('pointerenter', () => setText(detail, cell.words));
      row.append(cell);
      return cell;
    }));
    rows.push(row);
  }
  const head = el('tr', {}, el('th', {scope: 'col'}, ...FIGURES.flatMap((f) => [el('span.level', {}, f), ' '])),
    ...actions.map((a) => el('th', {scope: 'col', title: plain(a)}, plain(a))));
  const node = el('table.q-table', {'aria-label': WORDS.table}, el('thead', {}, head),
    el('tbody', {}, ...rows));
  node.addEventListener('keydown', (event) => moveIn(event, cells, state));
  holder.replaceChildren(node);
  return {fill: (row, mode, now) => fillGrid(row, mode, now, {cells, rows, actions, detail, state})};
}

function levelsOf(situation) {
  return [Math.floor(situation / 9), Math.floor(situation / 3) % 3, situation % 3];
}

function fillGrid(row, mode, now, {cells, rows, actions, detail, state}) {
  if (!row) return;
  const known = row.values.filter((v) => v !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  cells.forEach((line, situation) => {
    const at = (column) => row.values[situation * actions.length + column];
    const order = actions.map((_, i) => i).filter((i) => at(i) !== null)
      .sort((a, b) => at(b) - at(a));
    setClass(rows[situation], 'now', situation === now);
    line.forEach((cell, column) => {
      const value = at(column);
      const visits = row.visits[situation * actions.length + column];
      setText(cell, value === null ? '–' : value.toFixed(2));
      setClass(cell, 'best', order[0] === column);
      setClass(cell, 'untried', !visits);
      const heat = value === null ? 0 : (value - low) / Math.max(1e-9, high - low);
      cell.style.setProperty('--heat', `${Math.round(heat * 100)}%`);
      cell.words = wordsOf({situation, column, mode, actions, value, visits, order, at});
      setAttr(cell, 'title', cell.words);
    });
  });
  const [r, c] = state.at;
  if (document.activeElement === cells[r][c]) setText(detail, cells[r][c].words);
}

function wordsOf({situation, column, mode, actions, value, visits, order, at}) {
  const levels = levelsOf(situation).map((level, i) => `${FIGURES[i]} ${LEVELS[level]}`).join(', ');
  const other = order[0] === column ? order[1] : order[0];
  const beside = other === undefined ? '' : `; ${order[0] === column ? WORDS.second : WORDS.otherBest}: `
    + `${plain(actions[other])} ${figure(at(other))}`;
  return `${levels}, ${WORDS.value(plain(mode), plain(actions[column]), figure(value),
    visits)}${beside}`;
}

function moveIn(event, cells, state) {
  const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    Home: [0, -99], End: [0, 99]}[event.key];
  if (!step) return;
  event.preventDefault();
  const within = (n, most) => Math.max(0, Math.min(most, n));
  const [row, column] = [within(state.at[0] + step[0], CELLS - 1),
    within(state.at[1] + step[1], cells[0].length - 1)];
  cells[state.at[0]][state.at[1]].tabIndex = -1;
  cells[row][column].tabIndex = 0;
  cells[row][column].focus();
}

/** The row of the last choice, read from its own words ('arousal high, ...'); null = not in them. */
function situationNow(choice) {
  const found = FIGURES.map((name) => LEVELS.indexOf(
    new RegExp(`${name} (\\w+)`).exec(choice?.situation ?? '')?.[1]));
  return found.includes(-1) ? null : 9 * found[0] + 3 * found[1] + found[2];
}
