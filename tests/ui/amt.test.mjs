// SPDX-License-Identifier: Apache-2.0
// What the page says of AMT, and what it orders: the words, the barrier and its force, findings, the compliance report, refused logins.
// @ts-check
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { SECRETS, allowed } from '../../ui/amt.js';
import { Problem, send } from '../../ui/api.js';
import { switches, tally, worstFirst } from '../../ui/compliance.js';
import { byGravity } from '../../ui/findings.js';
import { brief, circumstances, isOpen, phases } from '../../ui/provisioning.js';
import { reasonOf } from '../../ui/quarantine.js';
import { REMOVALS, forceQuestion, forceable, remove, staysBehind } from '../../ui/removal.js';
import { complianceRow, host, provisioning } from './hosts.mjs';

const problem = (/** @type {string} */ kind, message = 'it cannot be reached') => new Problem(409, { type: `/problems/${kind}`, message, remedy: 'Bring it back.' });

// --- a provisioning to read ---

test('a run says its phase; what waits or has ended says that', () => {
  const say = (/** @type {any} */ more) => brief(provisioning(more));
  assert.deepEqual(say({}), ['▶', 'activate: setup', 'warn']);
  assert.deepEqual(say({ state: 'connecting', phase: 'connect' }), ['▶', 'activate: connect', 'warn']);
  assert.deepEqual(say({ state: 'waiting', phase: 'cira' }), ['◷', 'activate: waiting', 'warn']);
  assert.deepEqual(say({ state: 'running', phase: '' }), ['▶', 'activate: running', 'warn']);
  assert.deepEqual(say({ state: 'done', phase: 'connect' }), ['✔', 'activate: done', 'good']);
  assert.deepEqual(say({ state: 'failed' }), ['✖', 'activate: failed', 'bad']);
  assert.deepEqual(say({ goal: 'deactivate', state: 'cancelled' }), ['–', 'deactivate: cancelled', 'none']);
  assert.deepEqual([null, provisioning(), provisioning({ state: 'failed' })].map(isOpen), [false, true, false]);
});

test('phases: behind, now, ahead; where it failed; none when it is over without a fault', () => {
  const at = (/** @type {any} */ more) => Object.fromEntries(phases(provisioning(more)));
  const setup = at({});
  assert.deepEqual([setup.preflight, setup.setup, setup.connect], ['behind', 'now', 'ahead']);
  assert.equal(at({ state: 'failed', phase: 'cira', step: 'cira' }).cira, 'failed');
  assert.deepEqual(phases(provisioning({ state: 'done', phase: 'connect' })), []);
  assert.deepEqual(phases(provisioning({ state: 'cancelled' })), []);
  assert.ok(Object.values(at({ state: 'waiting', phase: '', step: '' })).every((w) => w === 'ahead'));
  assert.equal(at({ phase: 'secrets', step: 'store' }).preflight, 'now');
  assert.deepEqual(phases(provisioning({ goal: 'deactivate', phase: 'release', step: 'release' })), [['preflight', 'behind'], ['unprovision', 'behind'], ['release', 'now']]);
  for (const s of Object.keys(SECRETS)) assert.equal(phases(provisioning({ goal: `rotate-${s}`, phase: 'preflight' }))[0][1], 'now', s);
});

test('who, how and when', () => {
  assert.match(circumstances(provisioning({ tries: 3 })), /^ordered by admin .*, profile default_ccm, by the agent, try 3$/);
  assert.match(circumstances(provisioning({ state: 'done', finishedAt: '2026-11-28T06:01:00Z' })), /profile default_ccm, ended .*2026/);
});

test('what an admin may order follows the state', () => {
  const may = (/** @type {any} */ oob) => Object.entries(allowed(host(1, oob))).filter(([, yes]) => yes).map(([what]) => what).join(' ');
  assert.equal(may({}), 'deactivate rotate remove');
  assert.equal(may({ provisioning: provisioning() }), 'cancel remove');
  assert.equal(may({ provisioning: provisioning({ state: 'failed' }), amt: { state: 'unprovisioned' } }), 'activate remove');
});

// --- the barrier ---

test('force is offered where the firmware is in the way, and nowhere else', () => {
  const failed = host(1, { provisioning: provisioning({ goal: 'deactivate', state: 'failed' }) }), busy = host(1, { provisioning: provisioning() });
  assert.equal(forceable(problem('unreachable'), host(1)), true);
  assert.equal(forceable(problem('timeout'), busy), true);
  assert.equal(forceable(problem('state'), failed), true);
  assert.equal(forceable(problem('state'), busy), false);
  assert.equal(forceable(problem('state'), host(1)), false);
  assert.equal(forceable(problem('denied'), failed), false);
  assert.equal(forceable(new TypeError('network'), failed), false);
});

test('the question names what is left behind, by mode, agent and verb', () => {
  const ccm = host(1), acm = host(2, { agent: { here: false, seenAt: null } }, { amtControlMode: 'AMT_CONTROL_MODE_ACM' });
  assert.match(staysBehind(ccm, 'deauthorize').join(' '), /node001 stays set up.*client control mode.*rpc deactivate --local\.$/);
  assert.match(staysBehind(acm, 'delete').join(' '), /admin control mode.*agent.*no longer in any list.*unprovision it in MEBx\.$/);
  assert.doesNotMatch(staysBehind(acm, 'delete').join(' '), /--local/);
  const q = forceQuestion(ccm, 'delete', problem('unreachable'));
  assert.match(q.text, /it cannot be reached\. Bring it back\./);
  assert.match(q.check || '', /node001/);
  assert.match(q.yes, /force/);
});

/** @type {[string, string][]} */ let sent = [];
/** A server that refuses without force. @param {string} kind @param {any} now */
function refusing(kind, now) {
  sent = [];
  globalThis.fetch = /** @type {any} */ (async (/** @type {string} */ url, /** @type {any} */ o) => {
    sent.push([o.method, url]);
    if (o.method === 'GET') return new Response(JSON.stringify(now));
    if (!url.includes('force=true')) return new Response(JSON.stringify({ type: `/problems/${kind}`, message: 'no', remedy: 'Wait.' }), { status: 409 });
    return new Response(o.method === 'DELETE' ? null : JSON.stringify(now), { status: o.method === 'DELETE' ? 204 : 200, headers: { 'X-Left-Behind': 'The firmware of node001' } });
  });
}
const realFetch = globalThis.fetch;
afterEach(() => { globalThis.fetch = realFetch; });

test('refused, asked again, forced: and what is left behind is told', async () => {
  for (const [verb, { method, path }] of Object.entries(REMOVALS)) {
    refusing('unreachable', host(1));
    /** @type {any[]} */ const asked = [];
    let begun = 0;
    const done = await remove(host(1), verb, { base: '/h', ask: async (q) => { asked.push(q); return true; }, begun: () => { begun++; } });
    assert.deepEqual(sent, [[method, `/h${path}`], ['GET', '/h'], [method, `/h${path}?force=true`]]);
    assert.equal(done?.left, 'The firmware of node001');
    assert.equal(done?.host?.name, verb === 'delete' ? undefined : 'node001');
    assert.deepEqual(asked.map((q) => q.check !== undefined), [false, true]);
    assert.equal(begun, 2);
  }
});

test('not asked for: nothing is sent; no to force, or no force to have: the refusal is what is told', async () => {
  refusing('unreachable', host(1));
  const use = (/** @type {boolean[]} */ ...answers) => ({ base: '/h', ask: async () => answers.shift() || false, begun: () => {} });
  assert.equal(await remove(host(1), 'delete', use(false)), null);
  assert.equal(sent.length, 0);
  await assert.rejects(remove(host(1), 'delete', use(true, false)), /^Error: no\. Wait\.$/);
  assert.ok(!sent.some(([, url]) => url.includes('force')));
  refusing('state', host(1, { provisioning: provisioning() }));
  await assert.rejects(remove(host(1), 'delete', use(true, true)), /no\. Wait\./);
  assert.ok(!sent.some(([, url]) => url.includes('force')));
});

test('send() gives headers; a problem has its kind', async () => {
  refusing('exists', {});
  assert.equal((await send('POST', '/x?force=true')).headers.get('X-Left-Behind'), 'The firmware of node001');
  await assert.rejects(send('POST', '/x'), (e) => e instanceof Problem && e.kind === 'exists' && e.status === 409);
});

// --- findings, compliance, quarantine ---

test('the gravest finding is first, and equals keep their order', () => {
  const f = (/** @type {string} */ id, /** @type {string} */ severity) => ({ id, severity, sentence: '', remedy: '' });
  assert.deepEqual(byGravity([f('a', 'info'), f('b', 'warning'), f('c', 'error'), f('d', 'warning'), f('e', 'new')]).map((x) => x.id), ['c', 'b', 'd', 'a', 'e']);
});

test('compliance: what wants an answer first; the tally; what switches AMT off', () => {
  const rows = [complianceRow('n4', 'compliant', { canBeDisabledBy: ['bios', 'firmware'], biosSwitch: 'present', knownBy: 'agent' }), complianceRow('n3', 'exception'),
    complianceRow('n2', 'deviation'), complianceRow('n5', 'unknown', { biosSwitch: 'unknown', knownBy: '' }), complianceRow('n1', 'deviation')];
  assert.deepEqual(worstFirst(rows).map((r) => r.name), ['n1', 'n2', 'n5', 'n3', 'n4']);
  assert.equal(tally(rows), '2 deviations, 1 unknown, 1 exception, 1 compliant');
  assert.deepEqual(switches(rows[0]), ['BIOS or firmware', 'the BIOS has a switch (read by the agent)']);
  assert.deepEqual(switches(rows[2]), ['nothing', 'the BIOS has no switch (table of boards)']);
  assert.deepEqual(switches(rows[3]), ['not known', 'whether the BIOS has a switch is not known']);
});

test('a refused login: an orphan, whose it was and what to do', () => {
  assert.deepEqual(reasonOf('orphan: this was node1 (host-1) until anna deleted it at 2026-11-28; deactivate it at the node with rpc deactivate, or adopt it'),
    { orphan: true, what: 'This was node1 (host-1) until anna deleted it at 2026-11-28.', remedy: 'Deactivate it at the node with rpc deactivate, or adopt it.' });
  assert.deepEqual(reasonOf('no host has this CIRA user'), { orphan: false, what: 'No host has this CIRA user.', remedy: '' });
  assert.deepEqual(reasonOf(''), { orphan: false, what: '', remedy: '' });
});
