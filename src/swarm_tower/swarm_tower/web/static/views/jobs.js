// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Jobs: how many in which phase, a list that can be filtered, and one in detail.

import {badge, el, icon, keyed, panel, setAttr, setClass, setText} from '../dom.js';
import {bytes, clock, count, dateTime, duration, plain, span} from '../format.js';
import {JOB, tone} from '../tones.js';

const ROWS_MAX = 500;
const COUNTS = [
  ['done', 'done'], ['running', 'running'], ['leased', 'leased'], ['waiting', 'submitted'],
  ['failed', 'failed'], ['expired', 'expired'],
  ['quarantined', 'quarantined'], ['cancelled', 'cancelled'],
];

export function makeJobs(root) {
  const box = panel('Jobs', 'jobs-panel');
  const detail = el('aside.panel.detail', {'aria-label': 'Job in detail', id: 'job-detail'});
  const progress = jobProgress(box);
  const list = jobList(box);
  root.append(el('div.with-detail', {}, box, detail));
  return [progress, list, jobDetail(detail)];
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
  box.append(el('div.progress', {}, total, track, legend));
  return {
    needs: ['swarm', 'jobs'],
    render(store) {
      const counts = store.swarm.jobs ?? {};
      const sum = COUNTS.reduce((n, [name]) => n + (counts[name] ?? 0), 0);
      const ended = sum - (counts.waiting ?? 0) - (counts.leased ?? 0) - (counts.running ?? 0);
      setText(total, sum ? `${ended} of ${count(sum, 'job')} ended` : noJobs(store));
      setAttr(track, 'aria-label', COUNTS.map(([n]) => `${counts[n] ?? 0} ${n}`).join(', '));
      for (const {name, part, number} of parts) {
        const grow = String(counts[name] ?? 0);
        if (part.style.flexGrow !== grow) part.style.flexGrow = grow;
        setText(number, counts[name] ?? 0);
      }
    },
  };
}

function noJobs(store) {
  return store.swarm.jobs_from === 'listing' ? 'No job heard of yet.' : 'No job in the swarm.';
}

function jobList(box) {
  const text = el('input', {type: 'search', placeholder: 'id, robot, kind, label, reason  ( / )',
    'aria-label': 'Filter jobs by text', id: 'job-filter'});
  const phase = el('select', {'aria-label': 'Filter jobs by phase', id: 'job-phase'},
    el('option', {value: ''}, 'all phases'),
    ...Object.keys(JOB).map((p) => el('option', {value: p}, p)));
  const note = el('span.note', {role: 'status'});
  const body = el('tbody');
  const heads = ['Job', 'Phase', 'Robot', 'Attempt', 'What', 'Run time', 'Submitted'];
  box.append(el('div.tools', {}, text, phase, note),
    el('div.scroll.tall', {}, el('table.jobs', {}, el('thead', {}, el('tr', {},
      ...heads.map((h) => el('th', {scope: 'col'}, h)))), body)));
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
  if (!all) return 'no job heard yet; submit one with the swarm command';
  const shown = found > ROWS_MAX ? `newest ${ROWS_MAX} of ${found}` : String(found);
  const lost = dropped ? `; ${dropped} older ones are not kept here` : '';
  return `${shown} shown, ${all} known${lost}`;
}

function matches(job, phase, text) {
  if (phase && job.phase !== phase) return false;
  if (!text) return true;
  return [job.job_id, job.robot_id, job.origin, job.kind, job.reason, job.argv.join(' '),
    job.labels.join(' ')].some((field) => field.toLowerCase().includes(text));
}

function jobRow(job) {
  const phase = badge();
  const cells = ['Phase', 'Robot', 'Attempt', 'What', 'Run time', 'Submitted']
    .map((label) => el('td', {'data-label': label}));
  const [state, robot, attempt, what, run, when] = cells;
  state.append(phase);
  what.className = 'cut';
  const link = el('a.id', {href: `#${encodeURIComponent(`jobs/${job.job_id}`)}`}, job.job_id);
  const row = el('tr', {'data-job': job.job_id}, el('td', {'data-label': 'Job'}, link), ...cells);
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
  return job.reason ? `${job.argv.join(' ') || job.kind} — ${job.reason}`
    : job.argv.join(' ') || job.kind;
}

function jobDetail(box) {
  let shown = null;
  return {
    needs: ['jobs', 'time'],
    render(store, now, route) {
      const job = store.jobs.get(route.rest);
      const key = route.rest ? `${route.rest}/${JSON.stringify(job ?? null)}` : '';
      if (key === shown) return;
      shown = key;
      setClass(box, 'open', Boolean(route.rest));
      if (!route.rest) {
        box.replaceChildren(el('p.empty', {}, 'Choose a job to see its story.'));
      } else if (!job) {
        box.replaceChildren(closeLink(), el('p.empty', {}, `Job ${route.rest} is not known here.`));
      } else {
        box.replaceChildren(...detailNodes(job));
      }
    },
  };
}

function closeLink() {
  return el('a.close', {href: '#jobs', 'aria-label': 'Close the detail'}, 'Close');
}

function detailNodes(job) {
  const phase = badge();
  phase.show(...tone(JOB, job.phase), plain(job.phase));
  const list = el('dl.facts');
  for (const [name, value] of detailFacts(job)) {
    list.append(el('dt', {}, name), el('dd', {}, value));
  }
  const outputs = job.outputs.map((f) => el('li', {}, el('span.id', {}, f.name),
    ` ${f.size_bytes ? bytes(f.size_bytes) : 'empty'} `, el('code', {title: 'sha256'}, f.sha256.slice(0, 16))));
  return [closeLink(), el('h2.id', {}, job.job_id), phase, list, el('h3', {}, 'Outputs'),
    outputs.length ? el('ul.plain', {}, ...outputs) : el('p.empty', {}, 'none yet')];
}

function detailFacts(job) {
  const code = job.exit_code === null ? '–' : job.exit_code < 0
    ? `ended by signal ${-job.exit_code}` : String(job.exit_code);
  return [
    ['Reason', job.reason || 'nothing to say'],
    ['Robot', job.robot_id || 'none yet'],
    ['Attempt', `${job.attempt} of at most ${job.attempts_max || 3}`],
    ['Fencing token', job.token || 'never granted'],
    ['Exit code', code],
    ['Progress', job.progress_permille ? `${job.progress_permille / 10} %` : 'none reported'],
    ['Run time', job.run_ms ? duration(job.run_ms) : '–'],
    ['Kind', job.kind],
    ['Command', job.argv.join(' ') || '–'],
    ['Origin', `${job.origin}${job.outputs_delivered ? ', has the outputs' : ''}`],
    ['Effects', plain(job.effects)],
    ['Priority', job.priority],
    ['Time-out', job.timeout_ms ? span(job.timeout_ms) : "the robot's default"],
    ['Requires', job.requires.join(', ') || 'nothing special'],
    ['Labels', job.labels.join(', ') || 'none'],
    ['Submitted', dateTime(job.submitted_ms)],
    ['Phase since', dateTime(job.changed_ms)],
    ['Known by', `log index ${job.log_index}`],
  ];
}

