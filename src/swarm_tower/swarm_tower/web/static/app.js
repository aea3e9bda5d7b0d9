// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Starts the page: link, store, views, and what is drawn when.

import {el, setAttr, setText} from './dom.js';
import {count} from './format.js';
import {Link} from './socket.js';
import {Store} from './store.js';
import {makeBanner} from './views/banner.js';
import {makeConsciousness} from './views/consciousness.js';
import {makeEvents} from './views/events.js';
import {makeHardware} from './views/hardware.js';
import {makeHeader} from './views/header.js';
import {makeJobs} from './views/jobs.js';
import {makeOverview} from './views/overview.js';
import {makeRobots} from './views/robots.js';

const DRAW_MS = 100;
const store = new Store();
const main = document.getElementById('main');
const always = [makeHeader(document), makeBanner(document.getElementById('banner'))];
const views = new Map([
  ['overview', {title: 'Overview', make: makeOverview}],
  ['robots', {title: 'Robots', make: makeRobots, count: () => store.robots.size}],
  ['jobs', {title: 'Jobs', make: makeJobs, count: () => store.jobs.size}],
  ['events', {title: 'Events', make: makeEvents, count: () => store.events.length}],
  ['consciousness', {title: 'Consciousness', make: makeConsciousness}],
  ['hardware', {title: 'Hardware', make: makeHardware, count: () => store.hardware.size}],
]);
const changed = new Set();
let route = {name: 'overview', rest: ''};
let drawDue = false;
let drawnAt = 0;

function buildTabs() {
  const tabs = document.getElementById('tabs');
  for (const [name, view] of views) {
    view.badge = el('span.tab-count');
    view.tab = el('a', {href: `#${name}`}, view.title, view.badge);
    view.root = el('div.view', {id: `view-${name}`});
    view.root.hidden = true;
    view.parts = view.make(view.root);
    tabs.append(view.tab);
    main.append(view.root);
  }
}

function readRoute() {
  const [name, ...rest] = unescaped(location.hash.slice(1)).split('/');
  route = {name: views.has(name) ? name : 'overview', rest: rest.join('/')};
  for (const [key, view] of views) {
    view.root.hidden = key !== route.name;
    setAttr(view.tab, 'aria-current', key === route.name ? 'page' : null);
  }
  all();
}

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return ''; // somebody typed a hash that is no URL text
  }
}

function all() {
  ['swarm', 'consciousness', 'robots', 'jobs', 'hardware', 'events', 'time']
    .forEach((n) => changed.add(n));
  schedule();
}

function schedule() {
  if (drawDue) return;
  drawDue = true;
  const wait = Math.max(0, DRAW_MS - (performance.now() - drawnAt));
  setTimeout(() => requestAnimationFrame(draw), wait);
}

function draw() {
  drawDue = false;
  drawnAt = performance.now();
  const now = new Set(changed);
  changed.clear();
  for (const part of always) part.render(store, now, route);
  for (const part of views.get(route.name).parts) {
    if (part.needs.some((n) => now.has(n))) part.render(store, now, route);
  }
  for (const view of views.values()) if (view.count) setText(view.badge, view.count());
  document.body.classList.toggle('link-down', store.link.phase !== 'live');
}

function take(frame) {
  const sections = store.apply(frame);
  if (sections === null) return false;
  sections.forEach((n) => changed.add(n));
  if (frame.type === 'delta') announce(frame.events ?? []);
  schedule();
  return true;
}

function announce(events) {
  const errors = events.filter((e) => e.severity === 'error');
  if (!errors.length) return;
  const more = errors.length > 1 ? ` and ${count(errors.length - 1, 'more error')}` : '';
  setText(document.getElementById('alarm'), `${errors[0].kind}: ${errors[0].text}${more}`);
}

function keys(event) {
  if (event.key !== '/' || event.target.matches('input, select, textarea')) return;
  const search = views.get(route.name).root.querySelector('input[type=search]');
  if (!search) return;
  event.preventDefault();
  search.focus();
}

buildTabs();
addEventListener('hashchange', readRoute);
addEventListener('keydown', keys);
readRoute();
setInterval(() => { store.sample(); changed.add('time'); schedule(); }, 1000);
const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
new Link(`${scheme}://${location.host}/ws`, take, (phase) => { store.setLink(phase); schedule(); });
