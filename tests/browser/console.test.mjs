// SPDX-License-Identifier: Apache-2.0
// The console in a real browser against a server that a test plays: what is shown, and each byte that goes out.
// @ts-check
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { be32, hello, rect, tile, update } from '../ui/rfb_server.mjs';
import { Fake } from './fake.mjs';
import { complaints, launch, missing, until } from './world.mjs';

const H = '/v1/projects/default/compute/hosts/host-1';
const CONSENT = { required: 'kvm', state: 'displayed', action: 'enter-code', text: 'Enter the six digits that the node\'s screen shows', triesLeft: 3,
  displaySeconds: 271, reuseSeconds: null, nextCodeAt: null };
const key = (/** @type {number} */ sym, /** @type {number} */ down) => [4, down, 0, 0, ...be32(sym)];
const both = (/** @type {number[]} */ ...syms) => [...syms.flatMap((s) => key(s, 1)), ...syms.reverse().flatMap((s) => key(s, 0))];

/** @type {import('playwright-core').Browser} */ let browser;
/** @type {Fake} */ let fake;
/** @type {string} state that the fake gives to sessions */ let state = 'ready';
/** @type {import('playwright-core').Page[]} */ const pages = [];

before(async () => { if (!missing) browser = await launch(); });
after(async () => { await browser?.close(); });
afterEach(async () => {
  for (const p of pages.splice(0)) await p.context().close();
  fake?.stop();
});

const ses = (/** @type {string} */ kind, /** @type {any} */ more = {}) => ({ id: 'ses-1', host: 'host-1', hostName: 'node003', kind, state, viewOnly: false, resumeUntil: null,
  resumed: '', text: '', stream: `${H}/sessions/ses-1/stream`, consent: CONSENT, ...more });

/** @param {string} query @param {any} [options] @param {any} [routes] */
async function open(query, options = {}, routes = {}) {
  fake = await new Fake().start();
  let kind = 'kvm', viewOnly = false;
  state = 'ready';
  fake.routes = {
    'GET /api/v1/session': () => [200, { user: 'operator1', role: 'operator', project: '', csrfToken: 'token-of-the-page' }],
    [`POST ${H}/sessions`]: (b) => { kind = b.kind; viewOnly = b.viewOnly; return [201, ses(kind, { viewOnly })]; },
    [`GET ${H}/sessions/ses-1`]: () => [200, ses(kind, { viewOnly })],
    [`POST ${H}/sessions/ses-1/ticket`]: () => [201, { ticket: 'T1' }],
    [`DELETE ${H}/sessions/ses-1`]: () => [204],
    ...routes,
  };
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, ...options }), page = await context.newPage();
  pages.push(page);
  const bad = complaints(page);
  await page.goto(`${fake.origin}/ui/console.html?${query}`);
  return { page, bad };
}
const KVM = 'project=default&host=host-1&kind=kvm', SOL = 'project=default&host=host-1&kind=sol';

/** @param {number} n @param {number} [w] @param {number} [h] */
async function screen(n, w = 640, h = 480) {
  const peer = await until('a stream is opened', () => fake.peers[n]);
  peer.note({ type: 'open' });
  peer.send([...hello(w, h), ...update(rect(0, 0, w, 1, 0, Array(w * 2).fill(255)), tile(64, 64, 64, 64, [1, 0, 0xf8]))]);
  await until('the next picture is asked for', () => peer.got.subarray(-10).equals(Buffer.from([3, 1, 0, 0, 0, 0, w >> 8, w & 255, h >> 8, h & 255])));
  peer.take();
  return peer;
}
/** @param {import('./fake.mjs').Peer} peer @param {number[]} want @param {string} [what] */
async function sends(peer, want, what = '') {
  await until(`${what || 'bytes'} go out`, () => peer.got.length >= want.length, 5).catch(() => {});
  await new Promise((r) => setTimeout(r, 100));
  assert.deepEqual(peer.take(), want, what);
}
const look = (/** @type {import('playwright-core').Page} */ page, /** @type {string} */ id) => page.textContent(id).then((t) => (t || '').trim());

test('KVM: the picture, the state, and no complaint of the browser', { skip: missing }, async () => {
  const { page, bad } = await open(KVM);
  const peer = await screen(0);
  assert.equal(peer.protocols, 'outband.v1, ticket.T1');
  assert.equal(await look(page, '#state'), 'connected');
  assert.equal(await page.title(), 'node003 KVM – Outband');
  const at = (/** @type {number} */ x, /** @type {number} */ y) => page.evaluate(([px, py]) => [.../** @type {any} */ (document.querySelector('canvas')).getContext('2d').getImageData(px, py, 1, 1).data], [x, y]);
  assert.deepEqual([await at(5, 0), await at(100, 100), await at(5, 5)], [[255, 255, 255, 255], [255, 0, 0, 255], [0, 0, 0, 255]]);
  await until('the facts are shown', async () => /640 × 480 · 65,536 colours · RLE\+RAW/.test(await look(page, '#facts')));
  assert.deepEqual(bad, []);
});

test('keys by their place, chords, keys that stay, release on blur, and the way out', { skip: missing }, async () => {
  const { page, bad } = await open(KVM);
  const peer = await screen(0);
  await page.keyboard.press('z');
  await sends(peer, both(0x7a), 'z');
  await page.keyboard.down('Shift');
  await page.keyboard.press('Tab');
  await page.keyboard.up('Shift');
  await sends(peer, [...key(0xffe1, 1), ...both(0xff09), ...key(0xffe1, 0)], 'Shift-Tab does not leave the screen');
  await page.click('text=Ctrl-Alt-Del');
  await sends(peer, both(0xffe3, 0xffe9, 0xffff), 'Ctrl-Alt-Del');
  await page.click('summary:has-text("Keys")');
  await page.click('.menu button:text-is("Alt-Tab")');
  await sends(peer, both(0xffe9, 0xff09), 'Alt-Tab');
  await page.click('.group button:text-is("Win")');
  await sends(peer, key(0xffeb, 1), 'Win stays');
  await page.keyboard.press('l');
  await sends(peer, [...both(0x6c), ...key(0xffeb, 0)], 'and goes with the next key');
  assert.equal(await page.getAttribute('.group button:text-is("Win")', 'aria-pressed'), 'false');
  await page.click('.group button:text-is("Ctrl")');
  await page.click('.group button:text-is("Alt")');
  await page.keyboard.press('F2');
  await sends(peer, [...key(0xffe3, 1), ...key(0xffe9, 1), ...both(0xffbf), ...key(0xffe3, 0), ...key(0xffe9, 0)], 'two that stay');
  await page.keyboard.down('a');
  await page.evaluate(() => /** @type {any} */ (document.querySelector('#leave')).focus());
  await sends(peer, both(0x61), 'nothing stays pressed');
  await page.keyboard.up('a');
  await page.focus('canvas');
  for (const k of ['Control', 'Alt', 'Shift']) await page.keyboard.down(k);
  await page.keyboard.up('Shift');
  await sends(peer, [...key(0xffe3, 1), ...key(0xffe9, 1), ...key(0xffe1, 1), ...key(0xffe1, 0), ...key(0xffe9, 0), ...key(0xffe3, 0)], 'the way out lets go');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Ctrl-Alt-Del');
  assert.match(await look(page, '#news'), /keyboard is yours/);
  assert.deepEqual(bad, []);
});

test('the pointer: in the picture\'s pixels, moves gathered, buttons never, the wheel', { skip: missing }, async () => {
  const { page } = await open(KVM);
  const peer = await screen(0), box = /** @type {any} */ (await page.locator('canvas').boundingBox());
  const to = (/** @type {number} */ x, /** @type {number} */ y) => page.mouse.move(box.x + (x / 640) * box.width, box.y + (y / 480) * box.height);
  for (let i = 0; i <= 20; i++) await to(100 + i, 200);
  await new Promise((r) => setTimeout(r, 150));
  const moves = peer.take();
  assert.ok(moves.length < 10 * 6, `${moves.length / 6} moves are told`);
  const [x, y] = [moves.slice(-4, -2), moves.slice(-2)].map(([a, b]) => a * 256 + b);
  assert.ok(Math.abs(x - 120) <= 1 && Math.abs(y - 200) <= 1, `${x}, ${y}`);
  await page.mouse.down({ button: 'right' });
  await page.mouse.up({ button: 'right' });
  await page.mouse.down();
  await page.mouse.up();
  await new Promise((r) => setTimeout(r, 100));
  const masks = (/** @type {number[]} */ b) => b.filter((_, i) => i % 6 === 1);
  assert.deepEqual(masks(peer.take()), [4, 0, 1, 0]);
  await page.mouse.wheel(0, 200);
  await page.mouse.wheel(0, -100);
  await new Promise((r) => setTimeout(r, 150));
  assert.deepEqual(masks(peer.take()), [16, 0, 16, 0, 8, 0]);
});

test('view only sends neither keys nor pointer, and says so', { skip: missing }, async () => {
  const { page } = await open(`${KVM}&viewOnly=1`);
  const peer = await screen(0);
  assert.equal(fake.calls.find((c) => c[1].endsWith('/sessions'))?.[2].viewOnly, true);
  await page.click('canvas');
  await page.keyboard.press('a');
  await sends(peer, []);
  assert.match(await look(page, '#hint'), /View only/);
  assert.equal(await page.isVisible('text=Ctrl-Alt-Del'), false);
});

test('paste as typing: what cannot be typed is named first, then keys go one by one and can be stopped', { skip: missing }, async () => {
  const { page, bad } = await open(KVM);
  const peer = await screen(0);
  await page.click('text=Paste…');
  await page.fill('#paste-text', 'y☃');
  assert.match(await look(page, '#paste-error'), /US English keyboard cannot type: ☃/);
  assert.equal(await page.isDisabled('#paste-go'), true);
  await page.fill('#paste-text', 'yA\n');
  await page.selectOption('#paste-layout', 'de');
  await page.click('#paste-go');
  await page.waitForSelector('#paste:not([open])', { state: 'attached' });
  await sends(peer, [...both(0x7a), ...both(0xffe1, 0x61), ...both(0xff0d)], 'y is where a US keyboard has z');
  await page.click('text=Paste…');
  await page.selectOption('#paste-speed', '10');
  await page.fill('#paste-text', 'x'.repeat(200));
  await page.click('#paste-go');
  await until('some is typed', () => peer.got.length > 40);
  assert.match(await look(page, '#paste-count'), /of 200, \d+ s left/);
  await page.click('#paste-cancel');
  const typed = peer.take().length;
  await sends(peer, [], 'no more after Cancel');
  assert.ok(typed < 100 * 16);
  assert.deepEqual(bad, []);
});

test('a picture as PNG; 1:1; other colours', { skip: missing }, async () => {
  const { page, bad } = await open(KVM);
  const peer = await screen(0);
  await page.click('summary:has-text("Screen")');
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('text=Save a picture')]);
  assert.match(file.suggestedFilename(), /^node003-.*\.png$/);
  await page.click('summary:has-text("Screen")');
  await page.selectOption('.menu label:has-text("Size") select', 'natural');
  assert.deepEqual(await page.locator('canvas').boundingBox().then((b) => [b?.width, b?.height]), [640, 480]);
  await page.selectOption('.menu label:has-text("Colours") select', 'grey8');
  await sends(peer, [3, 0, 0, 0, 0, 0, 2, 128, 1, 224], 'the whole picture first');
  assert.deepEqual(bad, []);
});

test('consent: both clocks, a wrong code, zeros at the beginning, cancel', { skip: missing }, async () => {
  const codes = /** @type {string[]} */ ([]);
  const { page, bad } = await open(KVM, {}, {
    [`POST ${H}/sessions`]: () => { state = 'consent'; return [201, ses('kvm', { consent: { ...CONSENT, nextCodeAt: new Date(Date.now() + 100000).toISOString() } })]; },
    [`POST ${H}/consent`]: (/** @type {any} */ b) => {
      codes.push(b.code);
      if (b.code !== '000042') return [409, { message: 'The code is wrong; 2 tries are left', consent: { ...CONSENT, triesLeft: 2 } }];
      state = 'ready';
      return [200, { ...CONSENT, action: 'none' }];
    },
    [`DELETE ${H}/consent`]: () => [200, CONSENT],
  });
  await page.waitForSelector('#consent[open]');
  const clocks = await look(page, '#consent-clocks');
  assert.match(clocks, /on the screen for 4:3\d more/);
  assert.match(clocks, /No new code before .* \(1:\d\d\)/);
  await page.fill('#code', '12345');
  await page.evaluate(() => /** @type {any} */ (document.querySelector('#code')).removeAttribute('pattern'));
  await page.click('#consent [type=submit]');
  assert.match(await look(page, '#consent-error'), /six digits/);
  await page.fill('#code', '999999');
  await page.click('#consent [type=submit]');
  await until('the refusal is shown', async () => /wrong; 2 tries/.test(await look(page, '#consent-error')));
  assert.match(await look(page, '#consent-clocks'), /2 tries left/);
  await page.fill('#code', '000042');
  await page.keyboard.press('Enter');
  await screen(0);
  assert.deepEqual(codes, ['999999', '000042']);
  assert.equal(await page.isVisible('#consent'), false);
  await page.click('#leave');
  state = 'consent';
  await page.click('text=Open again');
  await page.waitForSelector('#consent[open]');
  await page.click('#consent-cancel');
  await until('it is over', async () => (await look(page, '#overlay-text')).includes('You cancelled'));
  assert.ok(fake.calls.some((c) => c[0] === 'DELETE' && c[1] === `${H}/consent`));
  assert.deepEqual(bad, []);
});

test('an interruption: cause and countdown, then the screen again by itself', { skip: missing }, async () => {
  const { page, bad } = await open(KVM);
  const peer = await screen(0);
  await page.keyboard.down('a');
  peer.close(4009, 'The link to node003 was lost: no keepalive for 20 s');
  await page.waitForSelector('#overlay:not([hidden])');
  assert.match(await look(page, '#overlay-text'), /The link to node003 was lost: no keepalive for 20 s\./);
  assert.match(await look(page, '#overlay-clock'), /Next try in \d s; it can be resumed for [45]:\d\d more/);
  const again = await screen(1);
  assert.equal(await page.isVisible('#overlay'), false);
  await page.keyboard.up('a');
  await page.keyboard.press('b');
  await sends(again, [...key(0x61, 0), ...both(0x62)], 'keys go on');
  again.note({ type: 'end', reason: 'taken-over', text: 'operator2 took it over', resumable: false });
  again.close(4002, 'operator2 took it over');
  await until('the end is told', async () => /operator2 took it over\./.test(await look(page, '#overlay-text')));
  assert.equal(await look(page, '#state'), 'ended');
  assert.deepEqual(bad, []);
});

test('firmware that closes before a picture gets a second try with fewer colours', { skip: missing }, async () => {
  const { page } = await open(KVM);
  const peer = await until('a stream', () => fake.peers[0]);
  peer.note({ type: 'open' });
  peer.send(hello(2560, 1600));
  await until('the viewer asks', () => peer.got.length > 40);
  peer.close(4008, 'The node closed the session');
  const again = await until('it comes again', () => fake.peers[1]);
  again.note({ type: 'open' });
  again.send(hello(2560, 1600));
  await until('the viewer asks', () => again.got.length > 40);
  assert.deepEqual([...again.got.subarray(14, 14 + 20)], [0, 0, 0, 0, 8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 5, 2, 0, 0, 0, 0]);
  assert.ok(page);
});

test('a picture that cannot be read ends with a sentence', { skip: missing }, async () => {
  const { page } = await open(KVM);
  const peer = await screen(0);
  peer.send(update(rect(0, 0, 8, 8, 7, [])));
  await until('the end is told', async () => /cannot be read: a rectangle of the unknown encoding 7/.test(await look(page, '#overlay-text')));
  await until('the stream is closed', () => peer.closedWith === 1000);
  await until('and the session', () => fake.calls.some((c) => c[0] === 'DELETE'));
  await page.click('text=Open again');
  const again = await until('a new stream', () => fake.peers[1]);
  again.note({ type: 'open' });
  again.send(hello(640, 480));
  await until('RAW is asked for', () => again.got.includes(Buffer.from([2, 0, 0, 2, 0, 0, 0, 0, 255, 255, 255, 33])));
});

test('a link that is lost before the first picture is not taken for the firmware\'s refusal', { skip: missing }, async () => {
  const { page } = await open(KVM);
  const peer = await until('a stream', () => fake.peers[0]);
  peer.note({ type: 'open' });
  peer.send(hello(2560, 1600));
  await until('the viewer asks', () => peer.got.length > 40);
  peer.close(4009, 'The link was lost');
  await page.waitForSelector('#overlay:not([hidden])');
  assert.equal(await look(page, '#overlay-text'), 'The link was lost.');
});

test('full screen: the whole page but its bars, and the way out leaves it', { skip: missing }, async () => {
  const { page } = await open(KVM);
  await screen(0);
  await page.click('text=Full screen');
  await until('it fills the screen', () => page.evaluate(() => document.fullscreenElement !== null));
  await until('the bar is gone', async () => !(await page.isVisible('.bar')));
  for (const k of ['Control', 'Alt', 'Shift']) await page.keyboard.down(k);
  for (const k of ['Shift', 'Alt', 'Control']) await page.keyboard.up(k);
  await until('it is left', () => page.evaluate(() => document.fullscreenElement === null));
  await until('the bar is there', () => page.isVisible('.bar'));
});

test('banners: idle with its way to stay, queued power, restart', { skip: missing }, async () => {
  const { page } = await open(KVM);
  const peer = await screen(0);
  peer.note({ type: 'queued', text: 'Power-off by operator1 waits for the end of this session, until 14:07:11' });
  peer.note({ type: 'idle', inSeconds: 60 });
  await until('the warning is shown', async () => /ends in (60|59) s/.test(await look(page, '#banner')));
  assert.match(await look(page, '#notice'), /Power-off by operator1/);
  await page.click('#banner-act');
  await sends(peer, [5, 0, 0, 0, 0, 0], 'a pointer event that moves nothing');
  peer.note({ type: 'idle', inSeconds: 0 });
  peer.note({ type: 'queued', text: '' });
  await until('both are gone', async () => !(await page.isVisible('#banner')) && !(await page.isVisible('#notice')));
});

test('a session that another has: who, and taking it over', { skip: missing }, async () => {
  let n = 0;
  const { page } = await open(KVM, {}, { [`POST ${H}/sessions`]: (/** @type {any} */ b) => (n++ === 0 ? [409, { message: 'operator2 has a KVM session since 14:00:01' }] : [201, ses('kvm', { by: b.takeOver })]) });
  await until('the refusal is shown', async () => /operator2 has a KVM session/.test(await look(page, '#overlay-text')));
  await page.click('text=Take it over');
  await screen(0);
  assert.equal(fake.calls.filter((c) => c[1].endsWith('/sessions'))[1][2].takeOver, true);
});

test('SOL: bytes both ways, Backspace, BIOS function keys, log, mute hint', { skip: missing }, async () => {
  const { page, bad } = await open(SOL);
  const peer = await until('a stream is opened', () => fake.peers[0]);
  peer.note({ type: 'open' });
  peer.note({ type: 'mute', text: 'Nothing came from the node in 5 s.', remedy: 'On the node: systemctl enable --now serial-getty@ttyS4.service' });
  await until('the hint is shown', async () => /serial-getty@ttyS4/.test(await look(page, '#notice')));
  peer.send(Buffer.from('\x1b[31mnode003\x1b[0m login: \x1b[38;2;1;2;3mé\x1b[0m'));
  await until('the text is shown', async () => /node003 login: é/.test(await look(page, '.xterm-rows')));
  assert.equal(await page.isVisible('#notice'), false);
  await page.keyboard.type('ro');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('F2');
  await page.keyboard.press('Enter');
  await sends(peer, [...Buffer.from('ro\x7f\x1bOQ\r')]);
  await page.click('summary:has-text("Terminal")');
  await page.selectOption('.menu label:has-text("Backspace") select', 'bs');
  await page.selectOption('.menu label:has-text("Function keys") select', 'bios');
  await page.click('.xterm-screen');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('F2');
  await page.keyboard.press('F10');
  await sends(peer, [...Buffer.from('\x08\x1b2\x1b0')]);
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('text=Save the log')]);
  assert.match(file.suggestedFilename(), /^node003-.*\.log$/);
  await page.click('text=Clear');
  await page.click('.xterm-screen');
  for (const k of ['Control', 'Alt', 'Shift']) await page.keyboard.down(k);
  for (const k of ['Shift', 'Alt', 'Control']) await page.keyboard.up(k);
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Copy', 'the way out of the terminal');
  peer.close(4008, 'The node closed the session');
  const again = await until('it resumes', () => fake.peers[1]);
  again.note({ type: 'open' });
  again.send(Buffer.from('and on'));
  await until('what was there stays', async () => /and on/.test(await look(page, '.xterm-rows')));
  assert.deepEqual(bad, []);
});

test('a page of orch-cli asks /local.json alone', { skip: missing }, async () => {
  const { page, bad } = await open('local=1', {}, { 'GET /local.json': () => [200, { kind: 'kvm', host: 'node003', title: 'node003', stream: '/stream', protocol: ['outband.v1', 'ticket.L'] }] });
  const peer = await screen(0);
  assert.deepEqual([peer.url, peer.protocols], ['/stream', 'outband.v1, ticket.L']);
  peer.close(4009);
  await screen(1);
  assert.deepEqual(fake.calls.map((c) => c[1]), ['/local.json', '/local.json']);
  await page.click('#leave');
  assert.deepEqual(bad, []);
});

test('leaving the page ends the session', { skip: missing }, async () => {
  const { page } = await open(KVM);
  const peer = await screen(0);
  await page.goto('about:blank');
  await until('the stream is closed', () => peer.closedWith !== 0);
  await until('the session is deleted', () => fake.calls.some((c) => c[0] === 'DELETE'));
});

for (const [width, height, colorScheme] of /** @type {const} */ ([[390, 844, 'dark'], [1280, 800, 'light']]))
  test(`nothing runs out of ${width} pixels (${colorScheme})`, { skip: missing }, async () => {
    for (const query of [KVM, SOL]) {
      const { page } = await open(query, { viewport: { width, height }, colorScheme });
      if (query === KVM) await screen(0, 1920, 1080);
      else (await until('a stream', () => fake.peers[0])).note({ type: 'open' });
      await page.waitForSelector('#tools:not([hidden])');
      for (const summary of await page.locator('summary').all()) {
        await summary.click();
        const out = await page.evaluate(() => [...document.querySelectorAll('.bar, .bar *, .foot')].filter((e) => {
          const b = e.getBoundingClientRect();
          return e.checkVisibility() && b.width > 0 && (b.left < -1 || b.right > innerWidth + 1);
        }).map((e) => e.outerHTML.slice(0, 80)));
        assert.deepEqual(out, []);
        await page.keyboard.press('Escape');
      }
      if (query === KVM) fake.stop();
    }
  });
