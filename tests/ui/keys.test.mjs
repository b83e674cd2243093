// SPDX-License-Identifier: Apache-2.0
// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHORDS, KEYSYMS, LAYOUTS, WayOut, chord, typing } from '../../ui/keys.js';

test('Ctrl-Alt-Del goes down in order and up in reverse', () => {
  assert.deepEqual(chord(CHORDS[0][1]), [[0xffe3, true], [0xffe9, true], [0xffff, true], [0xffff, false], [0xffe9, false], [0xffe3, false]]);
});

test('each chord and each key of each layout has a keysym', () => {
  for (const [name, codes] of CHORDS) assert.ok(codes.every((c) => KEYSYMS[c]), name);
  assert.deepEqual(['KeyA', 'KeyZ', 'Digit0', 'F1', 'F12', 'Numpad9', 'IntlBackslash'].map((c) => KEYSYMS[c]),
    [0x61, 0x7a, 0x30, 0xffbe, 0xffc9, 0xffb9, 0x17170056]);
  for (const [name, { rows }] of Object.entries(LAYOUTS)) {
    assert.deepEqual(rows.map((r) => r.map((l) => [...l].length <= [13, 12, 12, 11][rows.indexOf(r)])).flat().includes(false), false, name);
    assert.deepEqual(rows.map((r) => [[...r[0]].length, [...r[1]].length]), [[13, 13], [12, 12], [12, 12], [11, 11]], name);
  }
});

test('every layout types all of ASCII', () => {
  const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('') + '\n\t';
  for (const name of Object.keys(LAYOUTS)) {
    const { strokes, missing } = typing(ascii, name);
    assert.deepEqual(missing, [], name);
    assert.ok(strokes.flat(2).every((c) => KEYSYMS[c]), name);
  }
});

test('the same text is other keys on other keyboards', () => {
  const keys = (/** @type {string} */ t, /** @type {string} */ l) => typing(t, l).strokes.map((s) => s.map((k) => k.join('+')).join(' ')).join(', ');
  assert.equal(keys('yA/', 'us'), 'KeyY, ShiftLeft+KeyA, Slash');
  assert.equal(keys('yA/', 'de'), 'KeyZ, ShiftLeft+KeyA, ShiftLeft+Digit7');
  assert.equal(keys('aé1@', 'fr'), 'KeyQ, Digit2, ShiftLeft+Digit1, AltRight+Digit0');
  assert.equal(keys('|^é', 'de'), 'AltRight+IntlBackslash, Backquote Space, Equal KeyE');
  assert.equal(keys('{', 'it'), 'ShiftLeft+AltRight+BracketLeft');
  assert.equal(keys('ãÊ', 'pt'), 'Backslash KeyA, ShiftLeft+Backslash ShiftLeft+KeyE');
  assert.equal(keys('a\r\nb\rc\t', 'us'), 'KeyA, Enter, KeyB, Enter, KeyC, Tab');
});

test('what a layout cannot type is named, each once', () => {
  assert.deepEqual(typing('naïve €5 ☃☃ é', 'us').missing, ['ï', '€', '☃', 'é']);
  assert.deepEqual(typing('é ï', 'de').missing, ['ï']);
  assert.deepEqual(typing('\x1b', 'us').missing, ['\x1b']);
});

test('the way out: three modifiers, and nothing else', () => {
  const play = (/** @type {string} */ keys) => {
    const way = new WayOut();
    return keys.split(' ').map((k) => way.key({ type: k[0] === '+' ? 'keydown' : 'keyup', code: k.slice(1) })).indexOf(true);
  };
  assert.equal(play('+ControlLeft +AltLeft +ShiftLeft -AltLeft'), 3);
  assert.equal(play('+ShiftRight +ControlRight +AltRight -ShiftRight'), 3);
  assert.equal(play('+ControlLeft +AltLeft +ShiftLeft +F1 -F1 -ShiftLeft -AltLeft -ControlLeft'), -1);
  assert.equal(play('+ControlLeft +AltLeft +Delete -Delete -AltLeft -ControlLeft'), -1);
  assert.equal(play('+ControlLeft +AltLeft -AltLeft +ShiftLeft -ShiftLeft'), -1);
});
