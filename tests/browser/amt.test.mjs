// SPDX-License-Identifier: Apache-2.0
// AMT in the page: a node is deactivated, its activation is cancelled, ordered again, and done from inside the node; its secrets are rotated; one is given up.
// @ts-check
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BUILD, World, complaints, launch, missing, until } from './world.mjs';

/** @type {World} */ let world;
/** @type {import('playwright-core').Browser} */ let browser;
/** @type {import('playwright-core').Page} */ let list;
const SHOTS = process.env.SHOTS || '';

before(async () => {
  if (missing) return;
  world = new World();
  mkdirSync(join(world.dir, 'mei'));
  await world.start(2, [], ['--mei', join(world.dir, 'mei')]);
  browser = await launch();
  list = await world.signIn(browser, { viewport: { width: 1440, height: 800 } });
});
after(async () => {
  await browser?.close();
  await world?.stop();
});

const says = (/** @type {string} */ where, /** @type {RegExp} */ what, seconds = 20) =>
  until(`${where} says ${what}`, async () => what.test(await list.textContent(where) || ''), seconds);
const press = (/** @type {string} */ label) => list.click(`#detail .amt button:text-is("${label}")`);
/** @param {string} name */
async function shot(name) {
  if (SHOTS) await list.screenshot({ path: join(SHOTS, `${name}.png`) });
}

test('deactivate, cancel, activate', { skip: missing }, async () => {
  const bad = complaints(list), row = '#rows tr:has-text("node001")';
  await says(`${row} td.amt`, /provisioned.*no agent/);
  await list.click(`${row} th button`);
  await says('#detail .amt', /provisioned/);
  assert.equal(await list.isVisible('#detail .amt button:text-is("Activate")'), false);
  await press('Deactivate');
  await list.click('#confirm-yes');
  await says('#detail .amt', /□ unprovisioned.*deactivate: done/);
  await says(`${row} td.amt`, /□ unprovisioned/);
  await press('Activate');
  await says('#detail .amt', /activate: preflight|activate: waiting/);
  await shot('waiting');
  await press('Cancel');
  await says('#detail .amt', /activate: cancelled/);
  await press('Activate');
  await says('#detail .amt', /activate:/);
  const key = JSON.parse(world.cli('create', 'enrolment-key', 'k', '-o', 'json')).key;
  writeFileSync(join(world.dir, 'key'), key, { mode: 0o600 });
  const rpc = spawn(join(BUILD, 'src/rpc/rpc'), ['activate', '--mei', `unix:${join(world.dir, 'mei/node001')}`, '--url', `${world.origin.replace('https', 'wss')}/activate`,
    '--profile', 'default_ccm', '--ca', join(world.dir, 'data/ca.pem'), '--key-file', join(world.dir, 'key')], { stdio: 'ignore' });
  world.children.push(rpc);
  await says('#detail .amt', /■ provisioned.*activate: done/, 60);
  await shot('wide');
  await list.setViewportSize({ width: 400, height: 800 });
  await shot('narrow-panel');
  await list.click('#detail button:text-is("Close")');
  await shot('narrow');
  await list.setViewportSize({ width: 1440, height: 800 });
  await shot('table');
  assert.deepEqual(bad, []);
});

test('rotate; a node out of reach is deleted by force, and its firmware is an orphan in the quarantine; the report', { skip: missing }, async () => {
  const bad = complaints(list), before = world.ctl('secrets', 'node001');
  await list.click('#rows tr:has-text("node001") th button');
  await press('Rotate');
  await list.click('#confirm-yes');
  await says('#detail .amt', /✔ rotate-all: done.*passwords are new/, 60);
  assert.notEqual(world.ctl('secrets', 'node001'), before);
  await list.keyboard.press('Escape');

  world.ctl('stop', 'node002');
  await says('#rows tr:has-text("node002") td.link', /down/);
  await list.click('#rows tr:has-text("node002") th button');
  await press('Delete');
  await list.click('#confirm-yes');
  await says('#confirm-text', /cannot be reached/);
  await shot('force');
  await list.check('#confirm-box');
  await list.click('#confirm-yes');
  await says('#detail-body', /node002 is deleted.*Left behind: The firmware of node002 is still set up/);
  await shot('left-behind');
  await list.keyboard.press('Escape');
  await until('the row is gone', async () => !/node002/.test(await list.textContent('#rows') || ''));

  world.ctl('start', 'node002');
  await list.click('#views a:text-is("Quarantine")');
  await says('#quarantine-rows', /! Orphan\. This was node002 .* until admin deleted it/);
  await list.click('#views a:text-is("Compliance")');
  await says('#compliance-rows', /node001/);
  assert.match(await list.textContent('#compliance-tally') || '', /^Control amt-bios-switch: 1 \w+\.$/);
  await list.click('#views a:text-is("Nodes")');
  assert.deepEqual(bad, []);
});

test('a viewer sees it and has no buttons', { skip: missing }, async () => {
  writeFileSync(join(world.dir, 'viewer'), 'Viewer-Passw0rd\n', { mode: 0o600 });
  world.cli('create', 'user', 'v', '--role', 'viewer', '--password-file', join(world.dir, 'viewer'));
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  await page.goto(world.origin);
  await page.fill('#username', 'v');
  await page.fill('#password', 'Viewer-Passw0rd');
  await page.keyboard.press('Enter');
  await page.click('#rows tr:has-text("node001") th button');
  await page.waitForSelector('#detail .amt');
  assert.equal(await page.locator('#detail .amt button').count(), 0);
});
