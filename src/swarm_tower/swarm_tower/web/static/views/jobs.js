// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Jobs: how many in which phase, a list that can be filtered, and one in detail.

import {badge, el, icon, keyed, panel, setAttr, setClass, setText} from '../dom.js';
import {clock, count, duration, plain} from '../format.js';
import {JOB, tone} from '../tones.js';
import {JOBS as WORDS} from '../words.js';
import {submitButton} from './act_jobs.js';
import {isAudit, jobDetail} from './job.js';
import {queuePanel} from './job_queues.js';

const ROWS_MAX = 500;
const HEADS = [WORDS.job, WORDS.phase, WORDS.robot, WORDS.attempt, WORDS.what, WORDS.runTime,
  WORDS.submitted];
const COUNTS = [
  ['done', 'done'], ['running', 'running'], ['leased', 'leased'], ['waiting', 'submitted'],
  ['failed', 'failed'], ['expired', 'expired'],
  ['quarantined', 'quarantined'], ['cancelled', 'cancelled'],
];

export function makeJobs(root) {
  const box = panel(WORDS.title, 'jobs-panel');
  const detail = el('aside.panel.detail', {'aria-label': WORDS.detail, id: 'job-detail'});
  let robots = [];
  box.querySelector('.panel-head').append(submitButton(() => robots));
  const progress = jobProgress(box);
  const list = jobList(box);
  const queues = queuePanel();
  root.append(el('div.with-detail', {}, box, detail), queues.box);
  const asked = {needs: ['robots'], render: (store) => {
    robots = store.robotList().map((r) => r.robot_id);
  }};
  return [asked, progress, list, jobDetail(detail), queues];
}

/** The bar and the numbers of the phases. */
export function jobProgress(box) {
  const track = el('div.phases', {role: 'img'});
  const legend = el('ul.legend');
  const parts = COUNTS.map(([name, phase]) => {
    const [colour, shape] = tone(JOB, phase);
    const part = el(`span.phase.p-${name}`);
    const number = el('b', {id: `${box.id}-count-${name}`}, '0');
    track.append(part);
    legend.append(el(`li.t-${colour}`, {}, el(`span.swatch.p-${name}`), icon(shape), number,
      ` ${name}`));
    return {name, part, number};
  });
  const total = el('p.total');
  const audits = el('p.note', {id: `${box.id}-audits`});
  box.append(el('div.progress', {}, total, track, legend, audits));
  return {
    needs: ['swarm', 'jobs'],
    render(store) {
      const counts = store.swarm.jobs ?? {};
      const sum = COUNTS.reduce((n, [name]) => n + (counts[name] ?? 0), 0);
      const ended = sum - (counts.waiting ?? 0) - (counts.leased ?? 0) - (counts.running ?? 0);
      setText(total, sum ? WORDS.ended(ended, sum) : noJobs(store));
      setAttr(track, 'aria-label', COUNTS.map(([n]) => `${counts[n] ?? 0} ${n}`).join(', '));
      const dropped = counts.expired ? store.jobList().filter(isDroppedAudit).length : 0;
      audits.hidden = !dropped;
      setText(audits, dropped ? WORDS.droppedAudits(dropped) : '');
      for (const {name, part, number} of parts) {
        const grow = String(counts[name] ?? 0);
        if (part.style.flexGrow !== grow) part.style.flexGrow = grow;
        setText(number, counts[name] ?? 0);
      }
    },
  };
}

/** A check that other work left no room for: not a failure. */
function isDroppedAudit(job) {
  return job.phase === 'expired' && isAudit(job);
}

function noJobs(store) {
  return store.swarm.jobs_from === 'listing' ? WORDS.noneHeard : WORDS.none;
}

function jobList(box) {
  const text = el('input', {type: 'search', placeholder: WORDS.filterHint,
    'aria-label': WORDS.filterText, id: 'job-filter'});
  const phase = el('select', {'aria-label': WORDS.filterPhase, id: 'job-phase'},
    el('option', {value: ''}, WORDS.allPhases),
    ...Object.keys(JOB).map((p) => el('option', {value: p}, p)));
  const note = el('span.note', {role: 'status'});
  const body = el('tbody');
  box.append(el('div.tools', {}, text, phase, note),
    el('div.scroll.tall', {}, el('table.jobs', {}, el('thead', {}, el('tr', {},
      ...HEADS.map((h) => el('th', {scope: 'col'}, h)))), body)));
  let last = null;
  const part = {
    needs: ['jobs', 'route', 'time'],
    render(store, now, route) {
      const key = `${text.value}|${phase.value}|${route.rest}`;
      if (!now.has('jobs') && key === last) return;
      last = key;
      part.draw = () => part.render(store, new Set(['jobs']), route);
      const jobs = store.jobList();
      const found = jobs.filter((j) => matches(j, phase.value, text.value.toLowerCase()));
      setText(note, noteWords(found.length, jobs.length, store.swarm.jobs_dropped ?? 0));
      keyed(body, found.slice(0, ROWS_MAX), (j) => j.job_id, jobRow);
      for (const row of body.rows) setClass(row, 'chosen', row.dataset.job === route.rest);
    },
  };
  text.addEventListener('input', () => part.draw?.());
  phase.addEventListener('change', () => part.draw?.());
  return part;
}

function noteWords(found, all, dropped) {
  if (!all) return WORDS.nothingYet;
  const shown = found > ROWS_MAX ? WORDS.newest(ROWS_MAX, found) : String(found);
  return WORDS.shown(shown, all, dropped);
}

function matches(job, phase, text) {
  if (phase && job.phase !== phase) return false;
  if (!text) return true;
  return [job.job_id, job.robot_id, job.origin, job.kind, job.reason, job.argv.join(' '),
    job.labels.join(' ')].some((field) => field.toLowerCase().includes(text));
}

function jobRow(job) {
  const phase = badge();
  const cells = HEADS.slice(1).map((label) => el('td', {'data-label': label}));
  const [state, robot, attempt, what, run, when] = cells;
  state.append(phase);
  what.className = 'cut';
  const link = el('a.id', {href: `#${encodeURIComponent(`jobs/${job.job_id}`)}`}, job.job_id);
  const row = el('tr', {'data-job': job.job_id},
    el('td', {'data-label': WORDS.job}, link), ...cells);
  row.update = (j) => {
    const [colour, shape] = tone(JOB, j.phase);
    const progress = j.phase === 'running' && j.progress_permille
      ? ` ${Math.round(j.progress_permille / 10)} %` : '';
    phase.show(colour, shape, plain(j.phase) + progress);
    setText(robot, j.robot_id || '–');
    setText(attempt, j.attempt || '–');
    setText(what, whatWords(j));
    setText(run, j.run_ms ? duration(j.run_ms) : '–');
    setText(when, clock(j.submitted_ms));
  };
  return row;
}

function whatWords(job) {
  const said = job.reason || (job.phase === 'running' ? job.progress_text : '');
  const does = job.argv.join(' ') || job.kind;
  const words = isAudit(job) ? WORDS.audit(does) : does;
  return said ? `${words} — ${said}` : words;
}
