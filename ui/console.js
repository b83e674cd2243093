// SPDX-License-Identifier: Apache-2.0
// The console page: what surrounds a KVM or SOL view: its state in words, consent, interruptions, the end.
// @ts-check

import { Problem, call, sentence, server } from './api.js';
import { $, button, clock, dialog, input, make, minutes } from './dom.js';
import { LocalSource, ServerSource, Session } from './session.js';

const VIEWS = { kvm: async () => (await import('./kvm.js')).Kvm, sol: async () => (await import('./sol.js')).Sol };
const wanted = new URLSearchParams(location.search);
const local = wanted.has('local');
const kinds = { kvm: 'KVM', sol: 'SOL' };

/** @type {import('./kvm.js').Kvm|import('./sol.js').Sol} */ let view;
/** @type {Session} */ let session;
let hint = '';

// --- the line of words ---

/** @type {Record<string, [string, string]>} a word and a tone */
const WORDS = { opening: ['opening', 'wait'], consent: ['waits for consent', 'wait'], connecting: ['connecting', 'wait'], active: ['connected', 'up'],
  interrupted: ['interrupted', 'wait'], ended: ['ended', 'over'] };

/** @param {string} text */
function say(text) { $('news').textContent = text; $('hint').textContent = text; setTimeout(() => { if ($('hint').textContent === text) $('hint').textContent = hint; }, 6000); }
/** @param {string} text */
function setHint(text) { hint = text; $('hint').textContent = text; }
/** Focus goes to the page; what fills the screen gives it back. */
function leave() {
  if (document.fullscreenElement) document.exitFullscreen();
  /** @type {HTMLElement} */ ($('tools').querySelector('button, summary') || $('leave')).focus();
}

/** @param {string} title @param {string} text @param {HTMLElement[]} acts */
function overlay(title, text, acts) {
  const was = $('overlay').hidden;
  $('overlay').hidden = title === '';
  $('overlay-title').textContent = title;
  $('overlay-text').textContent = text;
  $('overlay-clock').textContent = '';
  $('overlay-acts').replaceChildren(...acts);
  if (was && acts.length) acts[0].focus();
}

// --- the session tells ---

/** @param {import('./session.js').View} v */
function onState(v) {
  const [word, tone] = WORDS[v.state];
  if ($('state').textContent !== word) $('state').textContent = word;
  $('state').className = `live ${tone}`;
  $('tools').hidden = v.state !== 'active';
  $('leave').textContent = v.state === 'ended' ? 'Close' : 'Disconnect';
  if (v.state !== 'consent' && dialog('consent').open) dialog('consent').close();
  if (v.state !== 'active') hideBanners();
  if (v.state === 'active') overlay('', '', []);
  else if (v.state === 'interrupted') onInterrupted(v);
  else if (v.state === 'ended') onEnded(v);
  else if (v.state === 'connecting' && v.text) overlay('Connecting again', v.text, []);
  else overlay(v.state === 'consent' ? 'The node asks for consent' : v.state === 'opening' ? 'Opening the session' : 'Connecting', '', []);
  if (v.state !== 'active') setHint('');
  tickClocks();
}

let wasInterrupted = ''; /* what the view makes of it */
/** @param {import('./session.js').View} v */
function onInterrupted(v) {
  wasInterrupted = view?.closed(v.code) || wasInterrupted;
  overlay('The session was interrupted', [v.text, wasInterrupted].filter(Boolean).join(' '),
    [button('Try now', () => session.retryNow(), 'primary'), button('Give up', () => session.close())]);
}

/** @param {import('./session.js').View} v */
function onEnded(v) {
  const words = view?.closed(v.code) || '';
  overlay('The session has ended', [v.text, words].filter(Boolean).join(' '), local
    ? [] : [button('Open again', () => begin(), 'primary'), button('Close', () => goBack())]);
}

/** @param {any} e @param {() => void} takeOver */
function onRefused(e, takeOver) {
  const held = e instanceof Problem && e.status === 409;
  const acts = [button('Try again', () => begin(), held ? '' : 'primary')];
  if (e instanceof Problem && e.status === 401) acts.splice(0, 1, button('Sign in', () => { location.href = '/'; }, 'primary'));
  if (held) acts.push(button('Take it over', takeOver, 'danger'));
  overlay('No session', sentence(e), [...acts, button('Close', () => goBack())]);
}

/** The deadlines that are shown; each second they are written anew. */
function tickClocks() {
  const v = session?.view;
  if (v?.state === 'interrupted') {
    const next = Math.max(0, Math.ceil((v.retryAt - Date.now()) / 1000));
    $('overlay-clock').textContent = `Next try in ${next} s; it can be resumed for ${minutes(v.until - Date.now())} more.`;
  }
  tickConsent();
  tickIdle();
  $('facts').textContent = v?.state === 'active' ? view?.facts() || '' : '';
}
setInterval(tickClocks, 1000);

// --- notes ---

let idleAt = 0, mute = false;
function hideBanners() { idleAt = 0; $('banner').hidden = $('notice').hidden = true; }
function tickIdle() {
  if (!idleAt) return;
  $('banner-text').textContent = `The session ends in ${Math.max(0, Math.ceil((idleAt - Date.now()) / 1000))} s for want of input. Any key or pointer move keeps it.`;
}
/** @param {string} text */
function notice(text) {
  $('notice').hidden = text === '';
  $('notice-text').textContent = text;
}

/** @type {Record<string, (n: any) => void>} */
const NOTES = {
  hello: (n) => { if (n.resumed) notice(n.resumed); },
  idle: (n) => {
    idleAt = n.inSeconds > 0 ? Date.now() + n.inSeconds * 1000 : 0;
    tickIdle();
    $('banner').hidden = !idleAt;
    $('banner-act').hidden = false;
    $('banner-act').textContent = 'Stay';
  },
  queued: (n) => notice(n.text || ''),
  mute: (n) => { mute = true; notice([n.text, n.remedy].filter(Boolean).join(' ')); },
  power: (n) => { if (!n.on) notice('The firmware says that the node has no power.'); },
};
$('banner-act').addEventListener('click', () => view.wake());
$('notice-gone').addEventListener('click', () => { $('notice').hidden = true; });

// --- consent ---

/** @type {any} */ let consent = null;
let consentAt = 0;

/** @param {any} c */
function onConsent(c) {
  if (!c || session.view.state !== 'consent') return;
  const action = consent?.action;
  consent = c;
  consentAt = Date.now();
  $('consent-text').textContent = c.text || '';
  const can = c.action === 'enter-code';
  input('code').disabled = !can;
  /** @type {HTMLButtonElement} */ ($('consent-form').querySelector('[type=submit]')).disabled = !can;
  const d = dialog('consent');
  if (!d.open) { input('code').value = ''; $('consent-error').textContent = ''; d.showModal(); }
  tickConsent();
  if (can && action !== 'enter-code') input('code').focus();
}

/** Both clocks run here between two answers of the firmware. */
function tickConsent() {
  if (!dialog('consent').open || !consent) return;
  const gone = Date.now() - consentAt, lines = [];
  const left = (/** @type {number} */ s) => minutes(s * 1000 - gone);
  if (consent.displaySeconds != null) lines.push(`The code is on the screen for ${left(consent.displaySeconds)} more.`);
  if (consent.reuseSeconds != null) lines.push(`A code that was given is good for ${left(consent.reuseSeconds)} more.`);
  const next = consent.nextCodeAt ? Date.parse(consent.nextCodeAt) - server.aheadMs : 0;
  if (next > Date.now()) lines.push(`No new code before ${clock(next)} (${minutes(next - Date.now())}).`);
  if (consent.triesLeft != null) lines.push(`${consent.triesLeft} ${consent.triesLeft === 1 ? 'try' : 'tries'} left.`);
  $('consent-clocks').replaceChildren(...lines.map((l) => make('li', l)));
  /** @type {HTMLButtonElement} */ ($('consent-new')).disabled = next > Date.now();
}

$('consent-form').addEventListener('submit', async (e) => {
  e.preventDefault();
  const code = input('code').value;
  if (!/^\d{6}$/.test(code)) { $('consent-error').textContent = 'A code is six digits; zeros at its beginning count.'; return; }
  $('consent-error').textContent = '';
  try { await session.giveCode(code); } catch (err) {
    $('consent-error').textContent = sentence(err);
    input('code').select();
  }
});
$('consent-new').addEventListener('click', async () => {
  $('consent-error').textContent = '';
  try { await session.askCode(); } catch (err) { $('consent-error').textContent = sentence(err); }
});
$('consent-cancel').addEventListener('click', () => session.cancelCode());
dialog('consent').addEventListener('cancel', (e) => { e.preventDefault(); session.cancelCode(); });

// --- start and end ---

function goBack() {
  window.close();
  if (!local) setTimeout(() => { location.href = '/'; }, 100); /* a page that no script opened stays */
}
$('leave').addEventListener('click', () => {
  if (session && !session.over) session.close();
  else goBack();
});
/* A page that goes away ends its session: what it leaves behind would keep others out. */
window.addEventListener('pagehide', () => session?.close('', true));

/** @param {boolean} [takeOver] */
async function begin(takeOver = false) {
  overlay('Opening the session', '', []);
  try {
    await session.start(takeOver);
  } catch (e) { onRefused(e, () => begin(true)); }
}

async function main() {
  const helper = local ? await call('GET', '/local.json') : null;
  const kind = /** @type {'kvm'|'sol'} */ (helper?.kind || wanted.get('kind'));
  if (!VIEWS[kind] || (!local && !wanted.get('host'))) {
    overlay('No session', 'The address of this page wants host=ID and kind=kvm or kind=sol.', []);
    return;
  }
  if (!local) server.csrfToken = (await call('GET', '/api/v1/session')).csrfToken || '';
  const source = local ? new LocalSource(helper) : new ServerSource(wanted.get('project') || 'default', wanted.get('host') || '', kind, wanted.has('viewOnly'));
  session = new Session(source, {
    state: (v) => { if (session.info) setTitle(); onState(v); },
    consent: onConsent,
    open: () => {
      wasInterrupted = '';
      view.setInfo(/** @type {import('./session.js').Info} */ (session.info));
      view.opened();
    },
    data: (b) => {
      if (mute) { mute = false; notice(''); }
      view.data(b);
    },
    note: (n) => { NOTES[n.type]?.(n); view.note(n); },
  });
  const setTitle = () => {
    $('title').textContent = `${session.info?.host}, ${kinds[kind]}`;
    document.title = `${session.info?.host} ${kinds[kind]} – Outband`;
  };
  const View = await VIEWS[kind]();
  view = new View({ screen: $('screen'), tools: $('tools'), session, say, hint: setHint, leave });
  await begin();
}
main().catch((e) => onRefused(e, () => {}));
