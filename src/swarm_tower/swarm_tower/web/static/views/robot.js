// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// One robot from close by. Owns that the tower listens closely only while this page is open.

import {get} from '../api.js';
import {badge, bar, el, keyed, panel, setAttr, setClass, setText} from '../dom.js';
import {bytes, clock, count, duration, figure, plain, span} from '../format.js';
import {facts, table, textRow, why} from '../parts.js';
import {Poll} from '../poll.js';
import {JOB, MEMBER, PRESENCE, tone} from '../tones.js';
import {ROBOT as WORDS} from '../words.js';
import {pageOf} from './hardware.js';
import {diagnosticsPanel, judgedSensors, topicCards} from './robot_live.js';

const LOOK_MS = 4000;
const JOBS_SHOWN = 12;
const LIVE = new Set(['submitted', 'leased', 'running']);
const SIGNALS = ['arousal', 'curiosity', 'confidence', 'stability', 'pressure'];
const JOB_HEADS = [WORDS.job, WORDS.phase, WORDS.attempt, WORDS.what, WORDS.since];
const ROUTE_HEADS = [WORDS.task, WORDS.unit, WORDS.cost, WORDS.success, WORDS.quality, WORDS.seen];

export function makeRobot(root) {
  const close = el('div.robot-page');
  root.append(close);
  const look = new Poll(LOOK_MS, (id) => get(`robots/${id}/look`));
  const of = {id: ''};
  const parts = [headPart(close, look, of), mindPart(of), statePart(of), sensorsPart(of),
    diagnosticsPanel(of), jobsPart(of), learnedPart(of), hardwarePart(of)];
  const [, mind, state, sensors, diagnostics, jobs, learned, hardware] = parts.map((p) => p.box);
  const body = el('div.robot-body', {}, el('div.mind-grid', {}, mind, state), sensors, diagnostics,
    el('div.mind-grid', {}, jobs, learned), hardware);
  close.append(parts[0].box, body);
  of.body = body;
  return {root: close, parts: parts.map((part) => ({
    needs: ['robots', 'time', ...part.needs],
    render(store, now, route) {
      if (route.rest) part.render(store, now, route);
    },
  }))};
}

function live(store, of, name) {
  return store.section('live').get(`${of.id}/${name}`);
}

function headPart(close, look, of) {
  const name = el('h2.id');
  const heard = badge();
  const phase = badge();
  const list = facts('dl.facts.wide');
  const note = el('p.note');
  const box = el('section.panel', {id: 'robot-head'}, el('div.panel-head', {},
    el('span.robot-title', {}, name, heard, phase), el('a.more', {href: '#robots'}, WORDS.all)),
  list, note);
  return {
    box, needs: ['robots'],
    render(store, now, route) {
      of.id = route.rest.split('/')[0];
      const robot = store.robots.get(of.id);
      setText(name, of.id);
      for (const node of [heard, phase, list, of.body]) node.hidden = !robot;
      if (!robot) {
        setText(note, WORDS.unknown(of.id));
        return;
      }
      if (robot.presence !== 'unheard') look.tick(of.id);
      heard.show(...tone(PRESENCE, robot.presence), robot.presence === 'fresh' ? 'live'
        : robot.presence);
      phase.show(...tone(MEMBER, robot.phase), robot.phase ? plain(robot.phase) : 'not a member');
      list.show(headPairs(store, robot));
      setClass(of.body, 'absent', robot.presence !== 'fresh');
      setText(note, robot.presence === 'fresh' ? look.error || WORDS.closer : WORDS.lost);
    },
  };
}

function headPairs(store, robot) {
  const cpu = robot.cpu_permille ?? null;
  return [
    [WORDS.role, plain(robot.role)], [WORDS.voter, robot.voter === null ? '–' : robot.voter ? 'yes' : 'no'],
    [WORDS.mode, plain(robot.mode)], [WORDS.namesAsLeader, robot.leader || 'nobody'],
    [WORDS.term, robot.term], [WORDS.applied, `${robot.applied_index ?? '–'} of ${store.swarm.commit_index ?? '–'}`],
    [WORDS.cpu, cpu === null ? WORDS.unknownFigure : `${Math.round(cpu / 10)} %`],
    [WORDS.jobs, `${robot.running_jobs ?? '–'} run, ${robot.held_jobs ?? '–'} held`],
    [WORDS.slots, robot.job_slots], [WORDS.starts, robot.starts],
    [WORDS.lastHeard, clock(store.wall(robot.heard_ms))],
  ];
}

function mindPart(of) {
  const box = panel(WORDS.mind, 'robot-mind');
  const meters = SIGNALS.map((name) => [name, bar()]);
  const reasons = el('ul.plain');
  const empty = el('p.empty', {}, WORDS.noMind);
  const holder = el('div');
  const body = el('div', {}, ...meters.map(([name, meter]) => el('div.signal-line', {},
    el('span.label', {}, name), meter)), el('h3', {}, WORDS.reasons), reasons, holder);
  box.append(empty, body);
  let asked = '';
  return {
    box, needs: ['live'],
    render(store) {
      const told = live(store, of, 'mind');
      const own = told?.figures ?? store.robots.get(of.id)?.figures ?? null;
      empty.hidden = Boolean(own);
      body.hidden = !own;
      if (asked !== of.id) {
        asked = of.id;
        holder.replaceChildren(why('affect', '', WORDS.whyMind, of.id));
      }
      if (!own) return;
      for (const [name, meter] of meters) meter.show(own[name] ?? null, figure(own[name]));
      keyed(reasons, told?.reasons ?? [], (r) => r, (r) => {
        const node = el('li', {}, r);
        node.update = () => {};
        return node;
      });
    },
  };
}

function statePart(of) {
  const box = panel(WORDS.state, 'robot-state');
  const list = facts();
  const empty = el('p.empty', {}, WORDS.noState);
  const note = el('p.note');
  box.append(empty, list, note);
  return {
    box, needs: ['live'],
    render(store) {
      const told = live(store, of, 'state');
      empty.hidden = Boolean(told);
      list.hidden = note.hidden = !told;
      if (!told) return;
      const f = told.figures;
      list.show([
        ['CPU', share(f.cpu_permille)], [WORDS.memoryUsed, share(f.memory_permille)],
        [WORDS.diskFree, bytes(f.disk_free_bytes)],
        [WORDS.battery, f.battery === null ? WORDS.noGauge : `${Math.round(f.battery * 100)} %`],
        [WORDS.workHeld, duration(f.queued_work_ms)], [WORDS.jobsDone, f.jobs_done],
        [WORDS.jobsFailed, f.jobs_failed], [WORDS.faultsSeen, f.faults],
        [WORDS.leaderChanges, f.leader_changes], [WORDS.worstDelay, `${f.tick_late_ms_max} ms`],
        [WORDS.slowestWrite, `${f.fsync_ms_max} ms`],
      ]);
      setText(note, WORDS.heard(store.age(told.heard_ms)));
    },
  };
}

function share(permille) {
  return permille === null ? WORDS.unknownFigure : `${Math.round(permille / 10)} %`;
}

function sensorsPart(of) {
  const box = panel(WORDS.sensors, 'robot-sensors');
  const judged = judgedSensors();
  const cards = topicCards();
  const empty = el('p.empty', {}, WORDS.noTopics);
  box.append(judged.node, empty, cards.node);
  return {
    box, needs: ['live'],
    render(store) {
      judged.show(live(store, of, 'sensors')?.sensors ?? []);
      empty.hidden = cards.show(store, of.id) > 0;
    },
  };
}

function jobsPart(of) {
  const box = panel(WORDS.jobs, 'robot-jobs');
  const rows = table('table.jobs', JOB_HEADS);
  const empty = el('p.empty', {}, WORDS.noJobs);
  const note = el('p.note');
  box.append(empty, rows.node, note);
  return {
    box, needs: ['jobs'],
    render(store) {
      const all = store.jobList().filter((j) => j.robot_id === of.id)
        .sort((a, b) => LIVE.has(b.phase) - LIVE.has(a.phase) || b.changed_ms - a.changed_ms);
      empty.hidden = all.length > 0;
      rows.node.hidden = !all.length;
      rows.rows(all.slice(0, JOBS_SHOWN), (j) => j.job_id, jobRow);
      const held = all.filter((j) => LIVE.has(j.phase)).length;
      setText(note, all.length ? WORDS.counted(held,
        Math.min(JOBS_SHOWN, all.length), all.length) : '');
    },
  };
}

function jobRow(job) {
  const phase = badge();
  const link = el('a.id', {href: `#${encodeURIComponent(`jobs/${job.job_id}`)}`}, job.job_id);
  const row = textRow(JOB_HEADS, (j) => {
    phase.show(...tone(JOB, j.phase), plain(j.phase));
    return [link, phase, j.attempt || '–', j.argv.join(' ') || j.kind, clock(j.changed_ms)];
  });
  row.cells[JOB_HEADS.indexOf(WORDS.what)].className = 'cut';
  return row;
}

function learnedPart(of) {
  const box = panel(WORDS.learned, 'robot-learned');
  const list = facts();
  const rows = table('table', ROUTE_HEADS);
  const empty = el('p.empty', {}, WORDS.noLearned);
  box.append(empty, list, rows.node);
  return {
    box, needs: ['live', 'reputation', 'routes'],
    render(store) {
      const repute = store.section('reputation').get(of.id);
      const learning = live(store, of, 'learning')?.figures;
      const routes = [...store.section('routes').entries()].filter(([, r]) => r.robot_id === of.id);
      empty.hidden = Boolean(repute || learning || routes.length);
      list.show([...reputePairs(repute), ...learningPairs(learning)]);
      rows.node.hidden = !routes.length;
      rows.rows(routes, ([key]) => key, () => textRow(ROUTE_HEADS, ([, r], row) => {
        setClass(row, 'absent', r.ejected);
        setAttr(row, 'title', r.reason || null);
        return [r.ejected ? WORDS.away(r.task) : r.task, r.compute_unit || WORDS.wholeRobot,
          r.cost_ms === null ? '–' : duration(r.cost_ms), figure(r.success), figure(r.quality),
          r.samples || WORDS.priorOnly];
      }));
    },
  };
}

function reputePairs(repute) {
  if (!repute) return [];
  return [[WORDS.reputation, WORDS.reputed(figure(repute.mean), figure(repute.lower_bound))],
    [WORDS.because, repute.reason], [WORDS.receipts, WORDS.raters(repute.receipts, repute.raters)],
    [WORDS.steals, WORDS.stealing(repute.steals_helpful, repute.steals_useless)]];
}

function learningPairs(told) {
  if (!told) return [];
  return [[WORDS.itsLearner, told.frozen ? WORDS.frozen(told.frozen_reason) : WORDS.learns],
    [WORDS.learnedFrom, count(told.outcomes, 'outcome')], [WORDS.dropped, told.refused || null],
    [WORDS.memory, `${told.memory_bytes ? bytes(told.memory_bytes) : WORDS.empty}, `
      + WORDS.memoryOf(told.memory_events, told.memory_blocks)],
    [WORDS.timeOfATick, WORDS.tick(told.tick_us_mean, told.tick_us_max)],
    [WORDS.checkpoint, told.checkpoint || WORDS.none], [WORDS.policies, told.policies.join(', ') || null]];
}

function hardwarePart(of) {
  const box = el('div.stack', {id: 'robot-hardware'});
  let shown = null;
  let shownId = '';
  return {
    box, needs: ['hardware'],
    render(store) {
      const inventory = store.hardware.get(of.id) ?? null;
      if (inventory === shown && of.id === shownId) return;
      [shown, shownId] = [inventory, of.id];
      box.replaceChildren(el('h2', {}, WORDS.hardware), ...(inventory ? pageOf(inventory)
        : [el('p.panel.empty', {}, WORDS.noHardware(of.id))]));
    },
  };
}
