// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// One job: how it went, why it went there, what it wrote, what it left behind.

import {actButton} from '../acts.js';
import {get} from '../api.js';
import {badge, el, keyed, setAttr, setClass, setText} from '../dom.js';
import {bytes, clock, dateTime, duration, plain, span} from '../format.js';
import {facts, table, textRow} from '../parts.js';
import {Poll} from '../poll.js';
import {JOB, tone} from '../tones.js';
import {JOB as WORDS} from '../words.js';
import {jobLog} from './job_log.js';

const STORY_MS = 8000;
const AUDIT = 'audit'; // label of the learners' own jobs
const LIVE = new Set(['submitted', 'leased', 'running']);
const ROUTES = [WORDS.route, WORDS.wait, WORDS.work, WORDS.transfer, WORDS.success, WORDS.cost,
  WORDS.whyNot];
const TERMS = [['backlog_ms', WORDS.wait], ['work_ms', WORDS.work],
  ['transfer_ms', WORDS.transfer]];

export function jobDetail(box) {
  const empty = el('p.empty', {}, WORDS.choose);
  const phase = badge();
  const name = el('h2.id');
  const said = el('p.reason');
  const audit = el('p.note', {id: 'job-audit'}, WORDS.audit);
  const acts = el('div.tools');
  const story = storyPart();
  const routing = routingPart();
  const log = jobLog();
  const outputs = el('ul.plain');
  const list = facts();
  const close = el('a.close', {href: '#jobs', 'aria-label': WORDS.closeLabel}, WORDS.close);
  const body = el('div', {}, name, phase, said, audit, acts, el('h3', {}, WORDS.story), story.node,
    el('h3', {}, WORDS.routing), routing.node, el('h3', {}, WORDS.log), log.node,
    el('h3', {}, WORDS.outputs), outputs, el('h3', {}, WORDS.facts), list);
  box.append(close, empty, body);
  let redraw = () => {};
  const poll = new Poll(STORY_MS, (key) => get(`jobs/${key.split('|')[0]}/story`), () => redraw());
  let actsOf = '';
  const part = {
    needs: ['jobs', 'time'],
    render(store, now, route) {
      const id = route.rest;
      const job = store.jobs.get(id);
      setClass(box, 'open', Boolean(id));
      setClass(box.parentNode, 'has-detail', Boolean(id));
      close.hidden = !id;
      body.hidden = !job;
      empty.hidden = Boolean(job);
      setText(empty, id ? WORDS.unknown(id) : WORDS.choose);
      if (!job) return;
      redraw = () => part.render(store, now, route);
      poll.tick(`${id}|${job.phase}|${job.attempt}`);
      setText(name, id);
      phase.show(...tone(JOB, job.phase), plain(job.phase));
      setText(said, job.reason);
      audit.hidden = !isAudit(job);
      const key = `${id}|${LIVE.has(job.phase)}`;
      if (key !== actsOf) {
        actsOf = key;
        acts.replaceChildren(actionOf(job));
      }
      acts.hidden = job.phase === 'done';
      story.show(poll, store);
      routing.show(poll);
      log.show(job, () => part.render(store, now, route));
      outputs.replaceChildren(...outputNodes(job));
      list.show(detailFacts(job));
    },
  };
  return part;
}

/** Finished work of another robot that a learner has done again, to check it. */
export function isAudit(job) {
  return job.labels.includes(AUDIT);
}

function actionOf(job) {
  const ends = LIVE.has(job.phase);
  return actButton(ends ? WORDS.cancel : WORDS.retry, ends ? 'cancel_job' : 'retry_job', () => ({
    title: ends ? WORDS.cancelTitle(job.job_id) : WORDS.retryTitle(job.job_id), danger: ends,
    go: ends ? WORDS.cancel : WORDS.retry,
    fields: [{name: 'reason', label: WORDS.reason, kind: 'text', required: true}],
    body: (values) => ({job_id: job.job_id, reason: values.reason}),
  }));
}

function outputNodes(job) {
  if (!job.outputs.length) return [el('li.empty', {}, WORDS.noOutputs)];
  return job.outputs.map((f) => el('li', {}, el('span.id', {}, f.name),
    ` ${f.size_bytes ? bytes(f.size_bytes) : WORDS.empty} `, el('code', {title: 'sha256'}, f.sha256.slice(0, 16))));
}

// -- story

function storyPart() {
  const note = el('p.note');
  const list = el('ol.timeline', {id: 'job-story'});
  return {
    node: el('div', {}, note, list),
    show(poll) {
      const lines = poll.answer?.story ?? [];
      const trouble = poll.trouble(WORDS.asking) || (lines.length ? '' : WORDS.noStory);
      setText(note, trouble);
      note.hidden = !trouble;
      const items = lines.map((line, i) => ({...line, key: `${i}|${line.what}|${line.at_ms}`,
        gap: i && line.at_ms && lines[i - 1].at_ms ? line.at_ms - lines[i - 1].at_ms : null}));
      keyed(list, items, (line) => line.key, storyLine);
    },
  };
}

function storyLine(line) {
  const node = el('li', {}, el('time', {title: dateTime(line.at_ms)}, clock(line.at_ms)),
    el('div', {}, el('span.what', {}, line.what),
      line.cause ? el('span.note', {}, ` — ${line.cause}`) : null,
      el('span.event-extra', {}, [line.gap === null ? '' : WORDS.later(line.gap),
        line.log_index ? WORDS.entry(line.log_index) : ''].filter(Boolean).join(' · '))));
  node.update = () => {};
  return node;
}

// -- routing

function routingPart() {
  const rows = table('table.routing', ROUTES);
  const note = el('p.note', {}, WORDS.noRouting);
  return {
    node: el('div', {id: 'job-routing'}, note, rows.node),
    show(poll) {
      const routes = poll.answer?.candidates ?? [];
      note.hidden = routes.length > 0 || !poll.answer;
      rows.node.hidden = !routes.length;
      const most = Math.max(1, ...routes.map((r) => r.backlog_ms + r.work_ms + r.transfer_ms));
      rows.rows(routes, (r) => `${r.robot_id}/${r.compute_unit}`, () => candidateRow());
      [...rows.body.rows].forEach((row, i) => {
        setClass(row, 'chosen', !routes[i].lost);
        row.stack(routes[i], most);
      });
    },
  };
}

function candidateRow() {
  const parts = TERMS.map(([key]) => el(`span.term.term-${key}`));
  const stack = el('span.stacked', {'aria-hidden': 'true'}, ...parts);
  const name = el('span.id');
  const first = el('span', {}, name, stack);
  const row = textRow(ROUTES, (r) => {
    setText(name, r.compute_unit ? `${r.robot_id}/${r.compute_unit}` : r.robot_id);
    return [first, ...TERMS.map(([key]) => duration(r[key])),
      `${(r.success_permille / 10).toFixed(1)} %`, duration(r.cost_ms), r.lost || WORDS.chosen];
  });
  row.stack = (r, most) => {
    TERMS.forEach(([key], i) => { parts[i].style.width = `${(100 * r[key]) / most}%`; });
    setAttr(stack, 'title', TERMS.map(([key, words]) => `${words} ${duration(r[key])}`).join(', '));
  };
  return row;
}

function detailFacts(job) {
  const code = job.exit_code === null ? '–' : job.exit_code < 0
    ? WORDS.signal(-job.exit_code) : String(job.exit_code);
  return [
    [WORDS.robot, job.robot_id || WORDS.noOutputs],
    [WORDS.computeUnit, job.compute_unit || WORDS.notChosen],
    [WORDS.attempt, job.attempt || WORDS.noOutputs],
    [WORDS.losses, WORDS.ofAtMost(job.losses, job.attempts_max || 3)],
    [WORDS.failed, WORDS.retried(job.failures, job.retries)],
    [WORDS.stolen, WORDS.moves(job.moves)],
    [WORDS.fencingToken, job.token || WORDS.noToken],
    [WORDS.exitCode, code],
    [WORDS.progress, job.progress_permille || job.progress_text
      ? `${job.progress_permille / 10} % ${job.progress_text}` : WORDS.noProgress],
    [WORDS.result, job.result || WORDS.none],
    [WORDS.runTime, job.run_ms ? duration(job.run_ms) : '–'],
    [WORDS.kind, job.kind],
    [WORDS.stageOf, job.parent || WORDS.noPipeline],
    [WORDS.deadline, job.deadline_ms ? dateTime(job.deadline_ms) : WORDS.none],
    [WORDS.waitsUntil, job.not_before_ms ? dateTime(job.not_before_ms) : WORDS.noWait],
    [WORDS.command, job.argv.join(' ') || '–'],
    [WORDS.origin, `${job.origin}${job.outputs_delivered ? WORDS.delivered : ''}`],
    [WORDS.effects, plain(job.effects)],
    [WORDS.priority, String(job.priority)],
    [WORDS.timeout, job.timeout_ms ? span(job.timeout_ms) : WORDS.defaultTimeout],
    [WORDS.requires, job.requires.join(', ') || WORDS.noNeeds],
    [WORDS.labels, job.labels.join(', ') || WORDS.none],
    [WORDS.submitted, dateTime(job.submitted_ms)],
    [WORDS.phaseSince, dateTime(job.changed_ms)],
    [WORDS.knownBy, WORDS.index(job.log_index)],
  ];
}
