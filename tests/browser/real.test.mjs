// SPDX-License-Identifier: Apache-2.0
// The pages, outbandd and amtsim together: what an operator does in a browser, from the list to the machine and back.
// @ts-check
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { World, complaints, launch, missing, until } from './world.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @type {World} */ let world;
/** @type {import('playwright-core').Browser} */ let browser;
/** @type {Page} */ let list;

before(async () => {
  if (missing) return;
  world = await new World().start(4);
  browser = await launch();
  list = await world.signIn(browser, { viewport: { width: 1280, height: 800 } });
});
after(async () => {
  await browser?.close();
  await world?.stop();
});

const look = (/** @type {Page} */ page, /** @type {string} */ id) => page.textContent(id).then((t) => (t || '').trim());
const state = (/** @type {Page} */ page, /** @type {string} */ word, seconds = 20) => until(`the page is ${word}`, async () => (await look(page, '#state')) === word, seconds);

/** The button of a node's row opens a page. @param {string} node @param {string} label */
async function console_(node, label) {
  const [page] = await Promise.all([list.context().waitForEvent('page'), list.click(`#rows tr:has-text("${node}") a:text-is("${label}")`)]);
  return { page, bad: complaints(page) };
}

/** What the node's screen shows, once it does. @param {string} node */
const codeOf = (node) => until('a code is shown', () => {
  try { return /^\t?(\d{6})$/m.exec(world.ctl('consent', node, 'code'))?.[1]; } catch { return ''; }
});

/** The code of the node's screen, typed into the page. @param {Page} page @param {string} node */
async function consent(page, node) {
  await page.waitForSelector('#consent[open]');
  await page.fill('#code', await codeOf(node));
  await page.keyboard.press('Enter');
}

/** How many colours the picture has. @param {Page} page */
const colours = (page) => page.evaluate(() => {
  const c = /** @type {HTMLCanvasElement} */ (document.querySelector('canvas'));
  return new Set(new Uint32Array(/** @type {CanvasRenderingContext2D} */ (c.getContext('2d')).getImageData(0, 0, c.width, c.height).data.buffer)).size;
});
const pictured = (/** @type {Page} */ page) => until('there is a picture', async () => (await colours(page)) > 3);
const sessions = (/** @type {string} */ node) => world.ctl('sessions', node);

test('KVM: consent, a wrong code first, the picture; it ends with its page', { skip: missing }, async () => {
  const { page, bad } = await console_('node001', 'KVM');
  await page.waitForSelector('#consent[open]');
  const code = await codeOf('node001');
  await until('its clock runs', async () => /on the screen for \d:\d\d more/.test(await look(page, '#consent-clocks')));
  await page.fill('#code', code === '000000' ? '000001' : '000000');
  await page.keyboard.press('Enter');
  await until('the refusal is shown', async () => (await look(page, '#consent-error')) !== '');
  assert.match(await look(page, '#consent-clocks'), /2 tries left/);
  await consent(page, 'node001');
  await state(page, 'connected');
  await pictured(page);
  await until('facts', async () => /1280 × 800 · 65,536 colours · .*zlib/.test(await look(page, '#facts')));
  assert.match(sessions('node001'), /kvm/);
  assert.deepEqual(bad, []);
  await page.close();
  await until('the firmware\'s session is closed', () => !/kvm/.test(sessions('node001')));
});

test('a larger display in mid-session: 8 bits where 16 do not fit', { skip: missing }, async () => {
  const { page, bad } = await console_('node001', 'KVM'); /* inside the reuse window: no code is asked for */
  await state(page, 'connected');
  await pictured(page);
  world.ctl('kvm', 'node001', 'size', '1366x768');
  await until('the new size', async () => /1366 × 768 · 65,536/.test(await look(page, '#facts')));
  world.ctl('kvm', 'node001', 'size', '3840x2160');
  await until('fewer colours', async () => /3840 × 2160 · 256 colours/.test(await look(page, '#facts')), 30);
  world.ctl('kvm', 'node001', 'size', '1280x800');
  await until('the old size', async () => /1280 × 800/.test(await look(page, '#facts')));
  assert.deepEqual(bad, []);
  await page.close();
});

test('a lost link: the overlay says it, and the session comes back by itself', { skip: missing }, async () => {
  const { page, bad } = await console_('node002', 'KVM');
  await consent(page, 'node002');
  await state(page, 'connected');
  await pictured(page);
  world.ctl('reset-tcp', 'node002');
  await page.waitForSelector('#overlay:not([hidden])');
  assert.match(await look(page, '#overlay-text'), /link/i);
  await state(page, 'connected', 60);
  await pictured(page);
  assert.deepEqual(bad, []);
  await page.close();
});

test('a restart of the server: the session is resumed without a new code', { skip: missing }, async () => {
  const { page, bad } = await console_('node003', 'KVM');
  await consent(page, 'node003');
  await state(page, 'connected');
  await world.end(world.server);
  await state(page, 'interrupted');
  await world.serve();
  await state(page, 'connected', 90);
  await pictured(page);
  assert.equal(await page.isVisible('#consent'), false);
  assert.deepEqual(bad.filter((t) => !/ERR_CONNECTION_REFUSED/.test(t)), []);
  await page.close();
});

test('SOL: a login on the serial line', { skip: missing }, async () => {
  await until('the link is up', () => JSON.parse(world.cli('summary', '-o', 'json')).link.up === 4, 60);
  const { page, bad } = await console_('node004', 'SOL');
  await state(page, 'connected');
  await page.keyboard.press('Enter');
  await until('a prompt', async () => /login:/.test(await look(page, '.xterm-rows')));
  await page.keyboard.type('operator\n');
  await until('it is answered', async () => /Password:/.test(await look(page, '.xterm-rows')));
  assert.deepEqual(bad, []);
  await page.close();
});

test('SOL: a mute line is explained', { skip: missing }, async () => {
  world.ctl('getty', 'node004', 'off');
  const { page } = await console_('node004', 'SOL');
  await state(page, 'connected');
  await until('the remedy', async () => (await look(page, '#notice-text')) !== '', 15);
  assert.match(await look(page, '#notice-text'), /getty/);
  await page.close();
});

test('a second viewer is told who has it, and may take over', { skip: missing }, async () => {
  const first = await console_('node004', 'KVM');
  await consent(first.page, 'node004');
  await state(first.page, 'connected');
  const second = await console_('node004', 'KVM');
  await until('the refusal', async () => /admin/.test(await look(second.page, '#overlay-text')));
  await second.page.click('text=Take it over');
  await state(second.page, 'connected');
  await pictured(second.page);
  await state(first.page, 'ended');
  await first.page.close();
  await second.page.close();
});
