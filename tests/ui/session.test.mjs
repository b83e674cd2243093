// SPDX-License-Identifier: Apache-2.0
// @ts-check
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { LocalSource, ServerSource, Session } from '../../ui/session.js';

const HOST = '/v1/projects/default/compute/hosts/host-1';
/** @type {[string, string, any][]} */ let asked = [];
/** @type {Record<string, any>} method and path to [status, body], or to a function that gives such; nothing: unreachable */ let answers = {};
/** @type {Session[]} */ let made = [];
/** One answer after another, the last for ever. @param {...any} list */
const turns = (...list) => () => (list.length > 1 ? list.shift() : list[0]);
/** @type {FakeSocket[]} */ let sockets = [];

class FakeSocket {
  /** @param {URL} url @param {string[]} protocols */
  constructor(url, protocols) {
    this.url = String(url);
    this.protocols = protocols;
    this.readyState = 1;
    this.bufferedAmount = 0;
    /** @type {any[]} */ this.sent = [];
    /** @type {any} */ this.onmessage = null;
    /** @type {any} */ this.onclose = null;
    this.closedWith = 0;
    sockets.push(this);
  }
  /** @param {any} b */
  send(b) { this.sent.push(b); }
  /** @param {number} code */
  close(code) { this.closedWith = code; this.readyState = 3; }
  /** @param {any} note */
  note(note) { this.onmessage({ data: JSON.stringify(note) }); return this; }
  /** @param {number} code @param {string} [reason] */
  drop(code, reason = '') { this.readyState = 3; this.onclose({ code, reason }); }
}

const realFetch = globalThis.fetch;
beforeEach(() => {
  asked = [];
  sockets = [];
  Object.assign(globalThis, {
    location: { href: 'https://out.example:8443/ui/console.html?x=1' },
    fetch: async (/** @type {string} */ path, /** @type {any} */ init = {}) => {
      const method = init.method || 'GET';
      asked.push([method, path, init.body && JSON.parse(init.body)]);
      let a = answers[`${method} ${path}`];
      if (typeof a === 'function') a = a();
      if (!a) throw new TypeError('fetch failed');
      return { status: a[0], ok: a[0] < 300, headers: new Headers(), text: async () => (a[1] ? JSON.stringify(a[1]) : '') };
    },
  });
});
afterEach(() => {
  for (const s of made.splice(0)) s.close();
  globalThis.fetch = realFetch;
});

const ses = (/** @type {string} */ state, more = {}) => ({ id: 'ses-1', host: 'host-1', hostName: 'node003', kind: 'kvm', state, viewOnly: false,
  resumeUntil: null, resumed: '', text: '', stream: `${HOST}/sessions/ses-1/stream`, consent: { action: 'none' }, ...more });
const TICKET = [201, { ticket: 'abc' }];

/** @param {any} [source] */
function session(source = new ServerSource('default', 'host-1', 'kvm', false)) {
  /** @type {any} */
  const seen = { states: [], texts: [], consents: [], data: [], notes: [], opens: 0 };
  const s = new Session(source, {
    state: (v) => { if (seen.states.at(-1) !== v.state) seen.states.push(v.state); seen.texts.push(v.text); },
    consent: (c) => seen.consents.push(c), open: () => { seen.opens++; }, data: (b) => seen.data.push(...b), note: (n) => seen.notes.push(n),
  }, FakeSocket);
  s.secondMs = 4;
  made.push(s);
  return { s, seen };
}
/** @param {() => any} what */
async function until(what) {
  for (let i = 0; i < 400; i++) {
    if (what()) return;
    await new Promise((r) => setTimeout(r, 2));
  }
  assert.fail(`never: ${what}`);
}

test('without consent: ticket, stream, data both ways, close', async () => {
  answers = { [`POST ${HOST}/sessions`]: [201, ses('ready')], [`POST ${HOST}/sessions/ses-1/ticket`]: TICKET, [`DELETE ${HOST}/sessions/ses-1`]: [204] };
  const { s, seen } = session();
  await s.start();
  await until(() => sockets.length);
  const [ws] = sockets;
  assert.equal(ws.url, `wss://out.example:8443${HOST}/sessions/ses-1/stream`);
  assert.deepEqual(ws.protocols, ['outband.v1', 'ticket.abc']);
  assert.deepEqual(asked[0][2], { kind: 'kvm', viewOnly: false, takeOver: false });
  ws.note({ type: 'hello' }).note({ type: 'open' });
  ws.onmessage({ data: Uint8Array.of(1, 2).buffer });
  ws.onmessage({ data: 'no JSON' });
  ws.onmessage({ data: 'null' });
  s.send(Uint8Array.of(9));
  assert.deepEqual([seen.opens, seen.data, seen.notes.length, ws.sent[0][0]], [1, [1, 2], 2, 9]);
  s.close();
  assert.equal(ws.closedWith, 1000);
  assert.deepEqual(seen.states, ['opening', 'connecting', 'active', 'ended']);
  assert.deepEqual(asked.at(-1)?.slice(0, 2), ['DELETE', `${HOST}/sessions/ses-1`]);
});

test('consent: a wrong code, then the right one with its leading zeros', async () => {
  const consent = { action: 'enter-code', triesLeft: 3 };
  answers = { [`POST ${HOST}/sessions`]: [201, ses('consent', { consent })], [`POST ${HOST}/sessions/ses-1/ticket`]: TICKET,
    [`POST ${HOST}/consent`]: turns([409, { message: 'The code is wrong', consent: { ...consent, triesLeft: 2 } }], [200, { action: 'none' }]),
    [`GET ${HOST}/sessions/ses-1`]: [200, ses('ready')] };
  const { s, seen } = session();
  s.secondMs = 1000;
  await s.start();
  await assert.rejects(s.giveCode('123456'), /The code is wrong/);
  assert.equal(seen.consents.at(-1).triesLeft, 2);
  await s.giveCode('000042');
  assert.deepEqual(asked.filter((a) => a[1].endsWith('/consent')).map((a) => a[2].code), ['123456', '000042']);
  await until(() => sockets.length);
  assert.deepEqual(seen.states, ['opening', 'consent', 'connecting']);
  s.close();
});

test('consent that is given elsewhere is noticed; one that runs out ends', async () => {
  answers = { [`POST ${HOST}/sessions`]: [201, ses('opening')], [`POST ${HOST}/sessions/ses-1/ticket`]: TICKET,
    [`GET ${HOST}/sessions/ses-1`]: turns([200, ses('consent')], [503], [200, ses('ready')]) };
  const { s, seen } = session();
  await s.start();
  await until(() => sockets.length);
  assert.deepEqual(seen.states, ['opening', 'consent', 'connecting']);
  s.close();
  answers[`GET ${HOST}/sessions/ses-1`] = [200, ses('ended', { text: 'No code came' })];
  const b = session();
  await b.s.start();
  await until(() => b.s.over);
});

test('a refusal is told, and taking over asks for it', async () => {
  answers = { [`POST ${HOST}/sessions`]: turns([409, { message: 'operator2 has it since 14:00' }], [201, ses('ready')]), [`POST ${HOST}/sessions/ses-1/ticket`]: TICKET };
  const { s, seen } = session();
  await assert.rejects(s.start(), /operator2 has it/);
  assert.equal(seen.texts.at(-1), 'operator2 has it since 14:00');
  await s.start(true);
  assert.equal(asked.filter((a) => a[1].endsWith('/sessions'))[1][2].takeOver, true);
  s.close();
});

/** @param {any} [more] */
async function active(more = {}) {
  answers = { [`POST ${HOST}/sessions`]: [201, ses('ready')], [`POST ${HOST}/sessions/ses-1/ticket`]: TICKET,
    [`GET ${HOST}/sessions/ses-1`]: [200, ses('interrupted')], ...more };
  const all = session();
  await all.s.start();
  await until(() => sockets.length);
  sockets[0].note({ type: 'open' });
  return all;
}

test('a resumable close is resumed with a new ticket', async () => {
  for (const code of [1012, 4008, 4009, 4014, 1006]) {
    sockets = [];
    const { s, seen } = await active();
    sockets[0].drop(code);
    assert.equal(s.view.state, 'interrupted');
    assert.ok(s.view.text.endsWith('.') && s.view.retryAt > 0);
    await until(() => sockets.length === 2);
    sockets[1].note({ type: 'open' });
    assert.deepEqual(seen.states, ['opening', 'connecting', 'active', 'interrupted', 'connecting', 'active']);
    assert.equal(seen.opens, 2);
    s.close();
  }
});

test('other closes end with their sentence', async () => {
  for (const [code, reason, text] of /** @type {[number, string, RegExp][]} */ ([[4002, 'operator2 took it over', /^operator2 took it over\.$/],
    [4004, '', /want of input\.$/], [4999, 'Something new', /^Something new\.$/], [1000, '', /was closed/]])) {
    sockets = [];
    const { s } = await active();
    sockets[0].drop(code, reason);
    assert.equal(s.view.state, 'ended', String(code));
    assert.match(s.view.text, text);
  }
});

test('the note before the end says more than its code', async () => {
  const { s } = await active();
  sockets[0].note({ type: 'end', reason: 'idle', text: 'Ended after 15 min without input', resumable: false }).drop(1006);
  assert.deepEqual([s.view.state, s.view.text], ['ended', 'Ended after 15 min without input.']);
});

test('after a restart of the server a new session takes its place', async () => {
  let n = 0;
  const { s, seen } = await active({ [`POST ${HOST}/sessions/ses-1/ticket`]: turns(TICKET, null, [404, { message: 'no such session' }]),
    [`POST ${HOST}/sessions`]: () => [201, n++ ? ses('ready', { id: 'ses-2', resumed: 'The server was restarted', stream: `${HOST}/sessions/ses-2/stream` }) : ses('ready')],
    [`POST ${HOST}/sessions/ses-2/ticket`]: TICKET });
  sockets[0].drop(1012);
  await until(() => sockets.length === 2);
  assert.deepEqual(asked.filter((a) => a[1] === `${HOST}/sessions`)[1][2], { kind: 'kvm', viewOnly: false, resume: 'ses-1' });
  assert.match(sockets[1].url, /ses-2/);
  assert.ok(seen.texts.includes('The server stops or restarts.'), 'the cause stays while it is tried again');
  s.close();
});

test('a server that still holds the old viewer is asked again, with pauses', async () => {
  const { s } = await active({ [`GET ${HOST}/sessions/ses-1`]: turns([200, ses('active')], [200, ses('active')], [200, ses('active')], [200, ses('interrupted')]),
    [`POST ${HOST}/sessions/ses-1/ticket`]: turns(TICKET, [409, {}], [409, {}], [409, {}], TICKET) });
  sockets[0].drop(1006);
  await until(() => sockets.length === 2);
  assert.ok(asked.length < 16, `${asked.length} questions`);
  s.close();
});

test('a link that is down is waited for, and said', async () => {
  const { s, seen } = await active({ [`POST ${HOST}/sessions/ses-1/ticket`]: turns(TICKET, [409, { message: 'Not connected' }], [409, { message: 'Not connected' }], [409, { message: 'Not connected' }], TICKET) });
  sockets[0].drop(4009, 'The link was lost');
  await until(() => sockets.length === 2);
  assert.ok(seen.texts.includes('The link was lost. Not connected.'), seen.texts.join('|'));
  s.close();
});

test('after a restart, too: the node comes back later than the server', async () => {
  const { s } = await active({ [`POST ${HOST}/sessions/ses-1/ticket`]: turns(TICKET, [404, {}], [404, {}], [404, {}]), [`POST ${HOST}/sessions/ses-2/ticket`]: TICKET,
    [`POST ${HOST}/sessions`]: turns([201, ses('ready')], [409, { message: 'Not connected' }], [409, { message: 'Not connected' }], [201, ses('ready', { id: 'ses-2' })]) });
  sockets[0].drop(1012);
  await until(() => sockets.length === 2);
  s.close();
});

test('a right that was lost ends it', async () => {
  const { s } = await active({ [`POST ${HOST}/sessions/ses-1/ticket`]: turns(TICKET, [403, { message: 'Your role is viewer' }]) });
  sockets[0].drop(4009);
  await until(() => s.over);
  assert.equal(s.view.text, 'Your role is viewer');
});

test('a session that ended meanwhile says why', async () => {
  const { s } = await active({ [`POST ${HOST}/sessions/ses-1/ticket`]: turns(TICKET, [409, {}]),
    [`GET ${HOST}/sessions/ses-1`]: [200, ses('ended', { text: 'Ended: the resume window passed' })] });
  sockets[0].drop(4009);
  await until(() => s.over);
  assert.equal(s.view.text, 'Ended: the resume window passed');
});

test('it is not tried for ever: the window of the server, or ours', async () => {
  const gone = () => ({ [`POST ${HOST}/sessions/ses-1/ticket`]: turns(TICKET, null) });
  const a = await active({ ...gone(), [`GET ${HOST}/sessions/ses-1`]: () => [200, ses('interrupted', { resumeUntil: new Date(Date.now() + 30).toISOString() })] });
  sockets[0].drop(4009);
  await until(() => a.s.over);
  assert.match(a.s.view.text, /could not be resumed in time/);
  sockets = [];
  const b = await active({ ...gone(), [`GET ${HOST}/sessions/ses-1`]: null });
  b.s.secondMs = 0.5;
  const began = Date.now();
  sockets[0].drop(4009);
  await until(() => b.s.over);
  assert.ok(Date.now() - began > 100, 'five minutes, at this speed');
});

test('the operator can try at once', async () => {
  const { s } = await active();
  s.secondMs = 100000;
  sockets[0].drop(4009);
  s.retryNow();
  await until(() => sockets.length === 2);
  s.close();
});

test('a page of orch-cli makes no call but one, and asks again to come back', async () => {
  answers = { 'GET /local.json': [200, { kind: 'sol', host: 'node003', title: 'node003 (SOL)', stream: '/stream', protocol: ['outband.v1', 'ticket.X'] }] };
  const { s, seen } = session(new LocalSource());
  await s.start();
  await until(() => sockets.length);
  assert.deepEqual([sockets[0].url, sockets[0].protocols[1], s.info?.host], ['wss://out.example:8443/stream', 'ticket.X', 'node003 (SOL)']);
  sockets[0].note({ type: 'open' }).drop(4009);
  await until(() => sockets.length === 2);
  s.close();
  assert.deepEqual(asked.map((a) => a[1]), ['/local.json', '/local.json']);
  assert.equal(seen.states.at(-1), 'ended');
});
