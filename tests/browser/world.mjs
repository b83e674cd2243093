// SPDX-License-Identifier: Apache-2.0
// The real outbandd and amtsim on loopback, in a directory of their own, for a browser; and the browser.
// @ts-check
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createRequire } from 'node:module';


/** @type {typeof import('playwright-core')} */
const { chromium } = createRequire(new URL('../../ui/package.json', import.meta.url))('playwright-core');
const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
export const BUILD = resolve(process.env.BUILD || 'build');

export const launch = () => chromium.launch({ executablePath: CHROMIUM, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
/** Why there is no browser test; false when there can be one. */
export const missing = existsSync(CHROMIUM) ? false : `${CHROMIUM} is not there (Debian: chromium)`;

/** @template T @param {string} what @param {() => T|Promise<T>} fn @param {number} [seconds] @returns {Promise<NonNullable<T>>} */
export async function until(what, fn, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    const v = await fn();
    if (v) return v;
    await new Promise((r) => setTimeout(r, 50));
  }
  throw new Error(`not within ${seconds} s: ${what}`);
}

/** Every word that the browser's console and the page's errors said; refusals that a test provokes are its own. @param {import('playwright-core').Page} page */
export function complaints(page) {
  /** @type {string[]} */ const list = [];
  page.on('console', (m) => { if (m.type() === 'error' && !/status of 4\d\d|WebSocket connection/.test(m.text())) list.push(m.text()); });
  page.on('pageerror', (e) => list.push(String(e.stack || e)));
  return list;
}

export class World {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'outband-browser.'));
    this.password = 'Browser-Passw0rd';
    /** @type {import('node:child_process').ChildProcess[]} */ this.children = [];
    this.https = this.cira = 0;
    this.origin = '';
  }

  /** @param {string} name @param {string[]} args @param {string} out */
  run(name, args, out) {
    const log = join(this.dir, out), p = spawn('/bin/sh', ['-c', 'exec "$0" "$@" >"$LOG" 2>>"$LOG.err"', join(BUILD, name), ...args], { env: { ...process.env, LOG: log } });
    this.children.push(p);
    return p;
  }

  /** @param {string} file */
  read(file) {
    try { return readFileSync(join(this.dir, file), 'utf8'); } catch { return ''; }
  }

  /** @param {number} nodes @param {string[]} [settings] @param {string[]} [fleet] options of amtsim */
  async start(nodes, settings = [], fleet = []) {
    writeFileSync(join(this.dir, 'password'), `${this.password}\n`, { mode: 0o600 });
    writeFileSync(join(this.dir, 'conf'), `${settings.join('\n')}\n`);
    execFileSync(join(BUILD, 'src/server/outbandd'), ['init', '--data-dir', join(this.dir, 'data'), '--admin-password-file', join(this.dir, 'password'), '--hostname', 'localhost'],
      { stdio: 'pipe' });
    await this.serve();
    this.fleet = this.run('src/sim/amtsim', ['--server', `127.0.0.1:${this.cira}`, '--ca', join(this.dir, 'data/ca.pem'), '--count', String(nodes), '--csv-out', join(this.dir, 'nodes.csv'),
      '--control', join(this.dir, 'ctl'), '--seed', '7', ...fleet], 'amtsim');
    await until('amtsim has written its CSV', () => this.read('nodes.csv').includes('\n'));
    this.cli('login', 'admin', '--password-file', join(this.dir, 'password'), '--api-endpoint', this.origin, '--orch-ca', join(this.dir, 'data/ca.pem'));
    this.cli('create', 'host', '--import-from-csv', join(this.dir, 'nodes.csv'));
    await until('all links are up', () => JSON.parse(this.cli('summary', '-o', 'json')).link.up === nodes, 60);
    return this;
  }

  async serve() {
    this.server = this.run('src/server/outbandd', ['serve', '--data-dir', join(this.dir, 'data'), '--config', join(this.dir, 'conf'),
      '--https', `127.0.0.1:${this.https}`, '--cira', `127.0.0.1:${this.cira}`], 'outbandd');
    const port = (/** @type {string} */ what) => Number(new RegExp(`^listening ${what} .*:(\\d+)$`, 'm').exec(this.read('outbandd'))?.[1]);
    this.cira = await until('outbandd listens for tunnels', () => port('cira'));
    this.https = await until('outbandd listens for HTTPS', () => port('https'));
    this.origin = `https://localhost:${this.https}`;
  }

  /** @param {...string} args */
  cli(...args) {
    return execFileSync(join(BUILD, 'src/cli/orch-cli'), args, { env: { ...process.env, ORCH_CLI_CONFIG: join(this.dir, 'cli'), NO_COLOR: '1' }, stdio: 'pipe' }).toString();
  }

  /** @param {...string} args */
  ctl(...args) {
    return execFileSync(join(BUILD, 'src/sim/amtsim'), ['ctl', join(this.dir, 'ctl'), ...args], { stdio: 'pipe' }).toString();
  }

  /** @param {string} name */
  host(name) { return JSON.parse(this.cli('get', 'host', name, '-o', 'json')).resourceId; }

  /** A page that is signed in. @param {import('playwright-core').Browser} browser @param {import('playwright-core').BrowserContextOptions} [options] */
  async signIn(browser, options = {}) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options }), page = await context.newPage();
    await page.goto(`${this.origin}/`);
    await page.fill('#username', 'admin');
    await page.fill('#password', this.password);
    await page.click('#signin [type=submit]');
    await page.waitForSelector('#rows tr');
    return page;
  }

  /** @param {import('node:child_process').ChildProcess|undefined} p @param {NodeJS.Signals} [signal] */
  async end(p, signal = 'SIGTERM') {
    if (!p || p.exitCode !== null || p.signalCode !== null) return;
    const gone = new Promise((done) => p.once('exit', done));
    p.kill(signal);
    await gone;
  }

  async stop() {
    for (const p of this.children) await this.end(p, 'SIGKILL');
    if (!process.env.KEEP) rmSync(this.dir, { recursive: true, force: true });
  }
}
