// SPDX-License-Identifier: Apache-2.0
// The page: a live table of nodes. Strings of devices are shown by textContent only.
// @ts-check

import { showAmt } from './amt.js';
import { Problem, call, sentence, server } from './api.js';
import { ask } from './ask.js';
import { showCompliance } from './compliance.js';
import { $, button, calmly, cell, clock, input, make, replaceRows, tableRow } from './dom.js';
import { EventStream } from './events.js';
import { findingBrief } from './findings.js';
import { Panel } from './panel.js';
import { showQuarantine } from './quarantine.js';

const PAGE_SIZE = 200;
const state = {
  /** @type {{user:string, role:string, project:string}|null} */ session: null,
  /** @type {Map<string, Row>} */ rows: new Map(),
  filter: '',
  offset: 0,
  total: 0,
};
const panel = new Panel();
const project = () => state.session?.project || new URLSearchParams(location.search).get('project') || 'default';
const compute = () => `/v1/projects/${encodeURIComponent(project())}/compute`;

let toastTimer = 0;
/** @param {string} text */
function toast(text) {
  $('toast').textContent = text;
  $('toast').hidden = false;
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => { $('toast').hidden = true; }, 8000);
}
const complain = (/** @type {any} */ e) => toast(sentence(e));

// --- signing in and out ---

server.signedOut = signedOut;
function signedOut() {
  state.session = null;
  server.csrfToken = '';
  localStorage.removeItem('outband.session');
  stream.end();
  state.rows.clear();
  $('rows').replaceChildren();
  showView();
  $('logout').hidden = true;
  $('who').textContent = '';
  $('signin').hidden = false;
  setLive(false, 'signed out');
  input('username').focus();
}

/** @param {any} session */
async function signedIn(session) {
  state.session = session;
  server.csrfToken = session.csrfToken || '';
  localStorage.setItem('outband.session', 'maybe'); /* not a secret: whether asking who we are makes sense */
  $('signin').hidden = true;
  $('logout').hidden = false;
  showView();
  $('who').textContent = `${session.user}, ${session.role}${session.project ? `, ${session.project}` : ''}`;
  await reload();
  stream.follow();
}

$('signin').addEventListener('submit', async (e) => {
  e.preventDefault();
  $('signin-error').textContent = '';
  try {
    const session = await call('POST', '/api/v1/authorize',
      { username: input('username').value, password: input('password').value, cookie: true });
    input('password').value = '';
    await signedIn(session);
  } catch (err) {
    $('signin-error').textContent = err instanceof Error ? err.message : String(err);
    input('password').select();
  }
});
$('logout').addEventListener('click', async () => {
  try { await call('POST', '/api/v1/logout'); } catch (e) { complain(e); }
  signedOut();
});

// --- signs: a shape and a word; colour only repeats them ---

/** @type {Record<string, [string, string]>} */
const POWER = { on: ['●', 'good'], off: ['○', ''], sleep: ['◐', ''], hibernate: ['◑', ''], unknown: ['?', 'warn'] };
/** @type {Record<string, [string, string]>} */
const LINK = { up: ['▲', 'good'], suspect: ['△', 'warn'], down: ['▽', 'bad'], never: ['·', 'none'] };
const DESIRED = (/** @type {string} */ s) => s.replace('POWER_STATE_', '').toLowerCase().replace('unspecified', '–');

/** @param {number} ms */
function age(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min ago`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h ago`;
}

// --- consoles: each in a page of its own ---

const mayAct = () => state.session !== null && state.session.role !== 'viewer';
/** @param {any} host @param {string} kind @param {string} label @param {boolean} [viewOnly] */
function consoleLink(host, kind, label, viewOnly = false) {
  const a = /** @type {HTMLAnchorElement} */ (make('a', label, 'button'));
  const q = new URLSearchParams({ project: project(), host: host.resourceId, kind, ...(viewOnly ? { viewOnly: '1' } : {}) });
  a.href = `/ui/console.html?${q}`;
  a.target = '_blank';
  a.setAttribute('aria-label', `${label}: ${host.name}, in a new page`);
  return a;
}

// --- a row ---

class Row {
  /** @param {any} host */
  constructor(host) {
    this.name = button('', () => openPanel(this.host));
    this.id = make('small');
    const head = document.createDocumentFragment();
    head.append(this.name, this.id);
    this.desired = cell('Desired');
    this.observed = cell('Observed');
    this.link = cell('Link', 'link');
    this.amt = cell('AMT', 'amt');
    this.problem = cell('Problem', 'problem wide');
    this.op = cell('Operation', 'op wide');
    this.event = cell('Last event', 'event');
    this.act = cell('', 'act wide');
    this.tr = tableRow(host.resourceId, head, [this.desired, this.observed, this.link, this.amt, this.problem, this.op, this.event, this.act]);
    this.age = make('small');
    /** @type {HTMLButtonElement[]} */
    this.buttons = [];
    if (mayAct()) {
      for (const [verb, label] of [['on', 'On'], ['off', 'Off'], ['reset', 'Reset']]) {
        const b = button(label, () => power(this.host, verb));
        this.buttons.push(b);
        this.act.append(b);
      }
      this.act.append(consoleLink(host, 'kvm', 'KVM'), consoleLink(host, 'sol', 'SOL'));
    }
    this.update(host);
  }

  /** @param {any} host */
  update(host) {
    this.host = host;
    this.at = performance.now();
    const { oob } = host;
    this.name.textContent = host.name;
    this.id.textContent = host.resourceId;
    for (const b of this.buttons) b.setAttribute('aria-label', `${b.textContent}: ${host.name}`);
    this.desired.replaceChildren(make('span', DESIRED(host.desiredPowerState), 'state'));
    if (oob.recoveryPolicy !== 'keep') this.desired.append(make('small', oob.recoveryPolicy));
    const [sign, tone] = POWER[oob.power.state] || POWER.unknown;
    this.observed.replaceChildren(make('span', `${sign} ${oob.power.state}`, `state ${tone}`), this.age);
    const [lsign, ltone] = LINK[oob.link.state] || LINK.never;
    this.link.replaceChildren(make('span', `${lsign} ${oob.link.state}`, `state ${ltone}`));
    if (oob.link.since)
      this.link.append(make('small', oob.link.state === 'up' ? `since ${clock(oob.link.since)}` : `${oob.link.reason} ${clock(oob.link.since)}`));
    showAmt(this.amt, host);
    panel.update(host);
    this.showProblem();
    const o = oob.operation;
    this.op.replaceChildren();
    this.op.classList.toggle('idle', !o);
    if (o) {
      this.op.append(make('span', `${o.kind}: ${o.state}`), make('small', o.text || `by ${o.actor}`));
      if (oob.nextOperation) this.op.append(make('small', `then ${oob.nextOperation.kind}`));
    } else this.op.append(make('span', '–', 'none'));
    if (!this.event.firstChild)
      this.showEvent(oob.link.since ? `link ${oob.link.state}` : 'never connected', oob.link.since);
    this.tick();
  }

  showProblem() {
    const found = findingBrief(this.host.oob.findings);
    this.problem.replaceChildren(...found);
    if (!found.length) this.problem.append(make('span', this.host.powerStatus, this.host.powerStatusIndicator.endsWith('ERROR') ? 'bad' : 'none'));
  }

  /** @param {string} text @param {string|null} at */
  showEvent(text, at) {
    this.event.replaceChildren(make('span', text, 'clamp'), make('small', clock(at)));
  }

  /** The age counts up: a number that stands still looks fresh. */
  tick() {
    const { power } = this.host.oob;
    const known = power.state !== 'unknown' ? power : power.lastKnown;
    if (!known || known.ageMs == null) { this.age.textContent = 'never observed'; return; }
    const text = age(known.ageMs + performance.now() - (this.at || 0));
    this.age.textContent = power.state === 'unknown' ? `last known ${known.state}, ${text}` : text;
  }

  flash() {
    this.tr.classList.add('fresh');
    setTimeout(() => this.tr.classList.remove('fresh'), 900);
  }
}
setInterval(() => { if (!document.hidden) for (const r of state.rows.values()) r.tick(); }, 1000);
/* A read that finds nothing new makes no event: ages are fetched now and then. */
setInterval(() => { if (!document.hidden && state.session) reloadSoon(); }, 15000);

// --- lists ---

async function loadHosts() {
  const q = new URLSearchParams({ pageSize: String(PAGE_SIZE), offset: String(state.offset), orderBy: 'name' });
  if (state.filter) q.set('filter', state.filter);
  const list = await call('GET', `${compute()}/hosts?${q}`);
  const seen = new Map();
  for (const host of list.hosts) {
    const row = state.rows.get(host.resourceId) || new Row(host);
    row.update(host);
    seen.set(host.resourceId, row);
  }
  state.rows = seen;
  state.total = list.totalElements;
  replaceRows($('rows'), [...seen.values()].map((r) => r.tr));
  $('empty').hidden = seen.size > 0;
  $('empty').textContent = state.filter ? 'No node matches the filter.' : 'No nodes yet. Import them: orch-cli create host --import-from-csv FILE';
  const to = state.offset + seen.size;
  $('range').textContent = seen.size ? `${state.offset + 1}–${to} of ${state.total}` : '';
  /** @type {HTMLButtonElement} */ ($('prev')).disabled = state.offset === 0;
  /** @type {HTMLButtonElement} */ ($('next')).disabled = !list.hasNext;
  document.querySelector('.pages')?.toggleAttribute('hidden', state.total <= PAGE_SIZE);
}

async function loadSummary() {
  const s = await call('GET', `${compute()}/hosts/summary`);
  const findings = /** @type {number[]} */ (Object.values(s.findings)).reduce((a, b) => a + b, 0);
  /** @type {[string, number, boolean][]} */
  const items = [['nodes', s.total, false], ['link up', s.link.up, false], ['link down', s.link.down, s.link.down > 0],
    ['on', s.power.on, false], ['off', s.power.off, false], ['unknown', s.power.unknown, false],
    ['not as desired', s.mismatch, s.mismatch > 0], ['findings', findings, findings > 0],
    ['operations', s.operations.waiting + s.operations.running, false]];
  $('summary').replaceChildren(...items.map(([label, n, bad]) => {
    const li = make('li', '', bad ? 'bad' : '');
    li.append(make('b', String(n)), make('span', label));
    return li;
  }));
}

async function reload() {
  try {
    await Promise.all([loadHosts(), loadSummary()]);
    $('filter-error').textContent = '';
  } catch (e) {
    if (e instanceof Problem && e.status === 400) $('filter-error').textContent = e.message;
    else if (state.session) complain(e);
  }
}

const reloadSoon = calmly(() => { if (state.session) reload(); }, 1500);
const summarySoon = calmly(() => { if (state.session) loadSummary().catch(() => {}); }, 1500);

$('filter-form').addEventListener('submit', (e) => {
  e.preventDefault();
  state.filter = input('filter').value.trim();
  state.offset = 0;
  reload();
});
$('filter-clear').addEventListener('click', () => {
  input('filter').value = state.filter = '';
  state.offset = 0;
  reload();
});
$('prev').addEventListener('click', () => { state.offset = Math.max(0, state.offset - PAGE_SIZE); reload(); });
$('next').addEventListener('click', () => { state.offset += PAGE_SIZE; reload(); });

// --- events ---

/** @param {boolean} up @param {string} text */
function setLive(up, text) {
  $('live').textContent = text;
  $('live').classList.toggle('up', up);
}

/** @param {any} e */
function onEvent(e) {
  if (e.type === 'gap') { reloadSoon(); return; }
  const row = state.rows.get(e.subject);
  const { host, text } = e.data;
  summarySoon();
  viewSoon();
  if (e.subject && e.subject === panel.shows) {
    if (e.type === 'host.deleted') panel.deleted(row?.host.name || e.subject);
    else panel.event(host);
    $('news').textContent = text;
  }
  if (e.type === 'host.created' || e.type === 'host.deleted' || (state.filter && e.subject)) { reloadSoon(); return; }
  if (!row) return;
  if (host) row.update(host);
  row.showEvent(text, e.time);
  row.flash();
  if (!host) reloadSoon();
  $('news').textContent = `${row.host.name}: ${text}`;
}

const stream = new EventStream({ event: onEvent, live: setLive, refused: signedOut, back: () => reloadSoon() });

// --- power ---

/** What is asked before it is done. @type {Record<string, {question: string, text: string}>} */
const ASK = {
  off: { question: 'Switch off', text: 'The node loses power at once; what runs on it is not asked. It stays off until someone switches it on.' },
  reset: { question: 'Reset', text: 'The node restarts at once; what runs on it is not asked.' },
};

/** @param {any} host @param {string} verb */
async function power(host, verb) {
  const q = ASK[verb];
  if (q && !await ask({ title: `${q.question} ${host.name}?`, text: q.text, yes: q.question })) return;
  try {
    const now = await call('PATCH', `${compute()}/hosts/${host.resourceId}`, { desiredPowerState: `POWER_STATE_${verb.toUpperCase()}` });
    state.rows.get(host.resourceId)?.update(now);
    toast(`${host.name}: ${now.oob.operation ? now.oob.operation.text || `${now.oob.operation.kind} ${now.oob.operation.state}` : now.powerStatus}`);
  } catch (e) { complain(e); }
}

// --- the panel of a node ---

/** @param {any} host */
function openPanel(host) {
  panel.open(state.rows.get(host.resourceId)?.host || host, {
    base: `${compute()}/hosts/${host.resourceId}`, profiles: `/v1/projects/${encodeURIComponent(project())}/amt/profiles`, admin: state.session?.role === 'admin',
    links: mayAct() ? [consoleLink(host, 'kvm', 'KVM'), consoleLink(host, 'kvm', 'KVM, view only', true), consoleLink(host, 'sol', 'SOL')] : [],
    changed: (now) => state.rows.get(now.resourceId)?.update(now),
  });
}

// --- views: the part of the page that the address names; what is not in sight is not read ---

/** @type {Record<string, () => Promise<void>>} */
const VIEWS = {
  fleet: async () => {},
  compliance: () => showCompliance(compute(), async (id) => {
    try { openPanel(await call('GET', `${compute()}/hosts/${id}`)); } catch (e) { complain(e); }
  }),
  quarantine: () => showQuarantine(complain),
};
const maySee = (/** @type {string} */ view) => view in VIEWS && (view !== 'quarantine' || (state.session?.role === 'admin' && !state.session.project));
let view = 'fleet';

function showView() {
  const asked = location.hash.slice(1) || 'fleet';
  if (state.session && asked in VIEWS) view = maySee(asked) ? asked : 'fleet';
  $('views').hidden = !state.session;
  $('quarantine-link').hidden = !maySee('quarantine');
  for (const name of Object.keys(VIEWS)) {
    $(name).hidden = !state.session || name !== view;
    document.querySelector(`#views a[href="#${name}"]`)?.setAttribute('aria-current', name === view ? 'page' : 'false');
  }
  if (state.session) VIEWS[view]().catch(complain);
}
window.addEventListener('hashchange', showView);
const viewSoon = calmly(() => { if (state.session) VIEWS[view]().catch(() => {}); }, 3000);

// --- start ---

setInterval(() => { if (state.session) call('GET', '/api/v1/session').catch(() => {}); }, 5 * 60 * 1000);
if (localStorage.getItem('outband.session'))
  call('GET', '/api/v1/session').then(signedIn, (e) => { if (!(e instanceof Problem)) complain(e); signedOut(); });
else signedOut();
