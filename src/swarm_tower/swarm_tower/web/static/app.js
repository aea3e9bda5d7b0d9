// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Starts the page: link, store, views, and what is drawn when.

import './acts.js'; // first: takes the token out of the address before the route is read
import {Alarms} from './alarms.js';
import {el, setText} from './dom.js';
import {Keys, keysButton} from './keys.js';
import {Nav} from './nav.js';
import {Link} from './socket.js';
import {Store} from './store.js';
import {makeTravel} from './travel.js';
import {makeActHeader} from './views/act_header.js';
import {makeBanner} from './views/banner.js';
import {makeDiagnostics} from './views/diagnostics.js';
import {makeEvents} from './views/events.js';
import {makeFiles} from './views/files.js';
import {makeHardware} from './views/hardware.js';
import {makeHeader} from './views/header.js';
import {makeJobs} from './views/jobs.js';
import {makeLeases} from './views/leases.js';
import {makeLog} from './views/log.js';
import {makeMind} from './views/mind.js';
import {makeOverview} from './views/overview.js';
import {makeRecordings} from './views/recordings.js';
import {makeRobots} from './views/robots.js';
import {ALARMS, VIEWS} from './words.js';

const IDLE_SHARE = 1; // of the time a draw took, before the next one: half of a core at most
const HIDDEN_MS = 1000; // between draws while nobody looks
const store = new Store();
const alarms = new Alarms();
const main = document.getElementById('main');
const always = [makeHeader(document), makeBanner(document.getElementById('banner'), alarms),
  makeActHeader(document)];
const travel = makeTravel(document, store, {take: takeRecorded, live: () => link.renew()});
// nav.js says under which group a view stands; one that it does not know stands under 'More'
const views = new Map([
  ['overview', {title: VIEWS.overview, make: (root) => makeOverview(root, alarms)}],
  ['robots', {title: VIEWS.robots, make: makeRobots, count: () => store.robots.size}],
  ['jobs', {title: VIEWS.jobs, make: makeJobs, count: () => store.jobs.size}],
  ['mind', {title: VIEWS.mind, make: makeMind}],
  ['log', {title: VIEWS.log, make: makeLog}],
  ['leases', {title: VIEWS.leases, make: makeLeases}],
  ['files', {title: VIEWS.files, make: makeFiles}],
  ['events', {title: VIEWS.events, make: makeEvents, count: () => store.events.length}],
  ['hardware', {title: VIEWS.hardware, make: makeHardware, count: () => store.hardware.size}],
  ['diagnostics', {title: VIEWS.diagnostics, make: makeDiagnostics}],
  ['recordings', {title: VIEWS.recordings, make: (root) => makeRecordings(root, travel)}],
]);
const changed = new Set();
let drawDue = false;
let drawnAt = 0; // when the last draw ended
let drawTook = 0;

function build() {
  for (const [name, view] of views) {
    view.root = el('section.view', {id: `view-${name}`, tabindex: -1, 'aria-label': view.title});
    view.root.hidden = true;
    view.parts = view.make(view.root);
    main.append(view.root);
  }
}

function all() {
  ['swarm', 'consciousness', 'robots', 'jobs', 'hardware', 'events', 'time',
    ...store.sections.keys()].forEach((n) => changed.add(n));
  schedule();
}

function schedule() {
  if (drawDue) return;
  drawDue = true;
  // no requestAnimationFrame: it sleeps in a hidden tab, whose title still has to count alarms
  const rest = drawTook * IDLE_SHARE - (performance.now() - drawnAt);
  setTimeout(draw, document.hidden ? HIDDEN_MS : Math.max(0, rest));
}

function draw() {
  drawDue = false;
  const began = performance.now();
  const now = new Set(changed);
  changed.clear();
  if (!store.recorded) alarms.look(store); // alarms are of now
  for (const part of always) part.render(store, now, nav.route);
  for (const part of views.get(nav.route.name).parts) {
    if (part.needs.some((n) => now.has(n))) part.render(store, now, nav.route);
  }
  nav.count();
  nav.entitle(store.swarm.swarm_id, alarms.waiting().length);
  if (store.swarm.swarm_id) speak(alarms.news());
  document.body.classList.toggle('link-down', store.link.phase !== 'live' && !store.recorded);
  drawnAt = performance.now();
  drawTook = drawnAt - began;
}

function take(frame) {
  if (travel.active()) return true; // the link is watched, what it tells is not shown
  const sections = store.apply(frame);
  if (sections === null) return false;
  sections.forEach((n) => changed.add(n));
  schedule();
  return true;
}

function takeRecorded(frame) {
  store.apply(frame);
  all();
}

/** Only alarms are said aloud by a screen reader, each once. */
function speak(texts) {
  if (texts.length) setText(document.getElementById('alarm'), ALARMS.spoken(texts));
}

function search() {
  const field = views.get(nav.route.name).root.querySelector('input[type=search]');
  field?.focus();
  return Boolean(field);
}

build();
const nav = new Nav(views, document.getElementById('tabs'), all);
document.getElementById('foot').append(keysButton(new Keys(nav, search)));
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault(); // the address says which view is shown
  main.focus();
});
nav.read();
setInterval(() => { if (!store.recorded) store.sample(); changed.add('time'); schedule(); }, 1000);
const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
const link = new Link(`${scheme}://${location.host}/ws`, take,
  (phase) => { store.setLink(phase); schedule(); });
