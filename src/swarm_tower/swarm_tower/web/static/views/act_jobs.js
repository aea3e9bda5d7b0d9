// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Buttons for jobs: submit one, cancel it, have it run again. For any view to put somewhere.

import {actButton} from '../acts.js';
import {el} from '../dom.js';
import {ACT_JOBS as WORDS} from '../words.js';
import {reasonField} from './act_header.js';

const LIVE = new Set(['submitted', 'leased', 'running']);
const AGAIN = new Set(['failed', 'expired', 'cancelled', 'quarantined']);

function lines(text) {
  return text.split('\n').map((line) => line.trim()).filter((line) => line);
}

/** A button for the form; robots: () => names of those that can be asked. */
export function submitButton(robots) {
  return actButton(WORDS.submit, 'submit_job', () => ({
    title: WORDS.submitAsk, text: WORDS.submitText, go: WORDS.submitGo,
    fields: fields(robots()), body,
    done: ({answer}) => { location.hash = `jobs/${answer.job_id}`; },
  }), {id: 'act-submit'});
}

function fields(robots) {
  const exec = ({kind}) => kind === 'exec';
  const python = ({kind}) => kind === 'python';
  const many = (name, rows, more = {}) => ({name, label: WORDS[name], help: WORDS[`${name}Help`],
    kind: 'lines', rows, ...more});
  return [
    {name: 'kind', label: WORDS.kind, kind: 'select', value: 'exec',
      options: [['exec', WORDS.exec], ['python', WORDS.python]]},
    many('argv', 3, {when: exec}),
    {name: 'callable', label: WORDS.callable, help: WORDS.callableHelp, when: python},
    many('args', 2, {when: python}),
    many('inputs', 2), many('outputs', 2),
    {name: 'outputDir', label: WORDS.outputDir, help: WORDS.outputDirHelp},
    many('requires', 1), many('labels', 1),
    {name: 'priority', label: WORDS.priority, help: WORDS.priorityHelp, kind: 'number', value: 0,
      min: -32768, max: 32767},
    {name: 'robot', label: WORDS.robot, kind: 'select', value: '',
      options: [['', WORDS.anyRobot], ...robots.map((id) => [id, id])]},
  ];
}

function body(asked) {
  const spec = {
    kind: asked.kind, outputs: lines(asked.outputs), requires: lines(asked.requires),
    labels: lines(asked.labels), priority: Math.round(asked.priority), ...work(asked),
  };
  return {spec, input_paths: lines(asked.inputs), output_dir: asked.outputDir.trim(),
    robot: asked.robot};
}

function work(asked) {
  if (asked.kind === 'exec') {
    const argv = asked.argv.replace(/\n+$/, '').split('\n');
    if (!argv[0].trim()) throw new Error(WORDS.noArgv);
    return {exec: [{argv}]};
  }
  if (!/^[\w.]+:[\w.]+$/.test(asked.callable.trim())) throw new Error(WORDS.noCallable);
  return {python: [{callable: asked.callable.trim(), arguments: jsonOf(asked.args.trim())}]};
}

function jsonOf(text) {
  if (!text) return '';
  try {
    if (typeof JSON.parse(text) === 'object') return text;
  } catch { /* told below */ }
  throw new Error(WORDS.badArgs);
}

let held = {key: '', box: null};

/**
 * What can be done with a job in its phase; a node, empty where there is nothing. The same node
 * as before where nothing else can be done: views that are drawn anew must not take a button away
 * from under somebody's finger.
 */
export function jobButtons(job) {
  const key = `${job.job_id}/${LIVE.has(job.phase)}/${AGAIN.has(job.phase)}`;
  if (held.key !== key) held = {key, box: makeJobButtons(job)};
  return held.box;
}

function makeJobButtons(job) {
  const box = el('div.act-buttons-small');
  if (LIVE.has(job.phase)) box.append(cancelButton(job.job_id));
  if (AGAIN.has(job.phase)) box.append(retryButton(job.job_id));
  return box;
}

export function cancelButton(id) {
  return actButton(WORDS.cancel, 'cancel_job', () => ({
    title: WORDS.cancelAsk(id), text: WORDS.cancelText, go: WORDS.cancelGo, danger: true,
    fields: [reasonField()], body: ({reason}) => ({job_id: id, reason}),
  }), {'data-act': 'cancel'});
}

export function retryButton(id) {
  return actButton(WORDS.retry, 'retry_job', () => ({
    title: WORDS.retryAsk(id), text: WORDS.retryText, go: WORDS.retryGo,
    fields: [reasonField()], body: ({reason}) => ({job_id: id, reason}),
  }), {'data-act': 'retry'});
}
