// SPDX-License-Identifier: Apache-2.0
// Keys of a remote machine. Its firmware makes USB codes of keysyms as if the keyboard were a US one: so a keysym says which key is meant,
// and what that key types is the affair of the layout that the machine itself has set.
// @ts-check

/** `KeyboardEvent.code` to the keysym of a US keyboard. @type {Record<string, number>} */
export const KEYSYMS = {
  Backquote: 0x60, Minus: 0x2d, Equal: 0x3d, BracketLeft: 0x5b, BracketRight: 0x5d, Backslash: 0x5c, Semicolon: 0x3b, Quote: 0x27,
  Comma: 0x2c, Period: 0x2e, Slash: 0x2f, Space: 0x20,
  /* Intel's own, for keys that a US keyboard lacks */
  IntlBackslash: 0x17170056, IntlRo: 0x17170073, IntlYen: 0x1717007d, NonConvert: 0x1717007b, Convert: 0x17170079, KanaMode: 0x17170070,
  Backspace: 0xff08, Tab: 0xff09, Enter: 0xff0d, Pause: 0xff13, ScrollLock: 0xff14, Escape: 0xff1b, Home: 0xff50, ArrowLeft: 0xff51,
  ArrowUp: 0xff52, ArrowRight: 0xff53, ArrowDown: 0xff54, PageUp: 0xff55, PageDown: 0xff56, End: 0xff57, PrintScreen: 0xff61,
  Insert: 0xff63, ContextMenu: 0xff67, NumLock: 0xff7f, Delete: 0xffff, CapsLock: 0xffe5,
  ShiftLeft: 0xffe1, ShiftRight: 0xffe2, ControlLeft: 0xffe3, ControlRight: 0xffe4, AltLeft: 0xffe9, AltRight: 0xffea,
  MetaLeft: 0xffeb, MetaRight: 0xffec,
  NumpadEnter: 0xff8d, NumpadMultiply: 0xffaa, NumpadAdd: 0xffab, NumpadComma: 0xffac, NumpadSubtract: 0xffad, NumpadDecimal: 0xffae,
  NumpadDivide: 0xffaf, NumpadEqual: 0xffbd,
};
for (let i = 0; i < 26; i++) KEYSYMS[`Key${String.fromCharCode(65 + i)}`] = 97 + i;
for (let i = 0; i < 10; i++) { KEYSYMS[`Digit${i}`] = 48 + i; KEYSYMS[`Numpad${i}`] = 0xffb0 + i; }
for (let i = 1; i <= 12; i++) KEYSYMS[`F${i}`] = 0xffbd + i;

export const MODIFIERS = { Ctrl: 'ControlLeft', Alt: 'AltLeft', Shift: 'ShiftLeft', Win: 'MetaLeft' };

/** What an operator's own machine would keep for itself. Codes, pressed in this order. @type {[string, string[]][]} */
export const CHORDS = [
  ['Ctrl-Alt-Del', ['ControlLeft', 'AltLeft', 'Delete']],
  ['Alt-Tab', ['AltLeft', 'Tab']],
  ['Alt-F4', ['AltLeft', 'F4']],
  ['Ctrl-Esc', ['ControlLeft', 'Escape']],
  ['Ctrl-Shift-Esc', ['ControlLeft', 'ShiftLeft', 'Escape']],
  ['Win', ['MetaLeft']],
  ['Win-L', ['MetaLeft', 'KeyL']],
  ['Win-R', ['MetaLeft', 'KeyR']],
  ['Print', ['PrintScreen']],
  ['Alt-Print', ['AltLeft', 'PrintScreen']],
  ['Ctrl-C', ['ControlLeft', 'KeyC']],
  ['Ctrl-W', ['ControlLeft', 'KeyW']],
  ...Array.from({ length: 6 }, (_, i) => /** @type {[string, string[]]} */ ([`Ctrl-Alt-F${i + 1}`, ['ControlLeft', 'AltLeft', `F${i + 1}`]])),
  ['Ctrl-Alt-F7', ['ControlLeft', 'AltLeft', 'F7']],
  ['F2', ['F2']], ['F10', ['F10']], ['F11', ['F11']], ['F12', ['F12']], ['Esc', ['Escape']], ['Tab', ['Tab']], ['Pause', ['Pause']],
];

/** Keys pressed in order and let go in reverse. @param {string[]} codes @returns {[number, boolean][]} */
export function chord(codes) {
  const down = codes.map((c) => KEYSYMS[c]);
  return [...down.map((k) => /** @type {[number, boolean]} */ ([k, true])), ...down.reverse().map((k) => /** @type {[number, boolean]} */ ([k, false]))];
}

/** The way out of a screen that takes every key: Ctrl, Alt and Shift pressed together, and let go with no other key between. */
export class WayOut {
  constructor() {
    /** @type {Set<string>} */ this.down = new Set();
    this.armed = false;
  }

  /** True: leave now. @param {{type: string, code: string}} e keydown or keyup */
  key(e) {
    const kind = /^(Control|Alt|Shift)/.exec(e.code)?.[1];
    if (e.type === 'keydown') {
      if (!kind) { this.armed = false; return false; }
      this.down.add(kind);
      this.armed = this.down.size === 3;
      return false;
    }
    const leave = this.armed && kind !== undefined;
    if (kind) this.down.delete(kind);
    if (kind) this.armed = false;
    return leave;
  }

  reset() {
    this.down.clear();
    this.armed = false;
  }
}
export const WAY_OUT = 'Ctrl+Alt+Shift';

// --- text as keys ---

const ROWS = [
  ['Backquote', ...'1234567890'.split('').map((d) => `Digit${d}`), 'Minus', 'Equal'],
  [...'QWERTYUIOP'.split('').map((c) => `Key${c}`), 'BracketLeft', 'BracketRight'],
  [...'ASDFGHJKL'.split('').map((c) => `Key${c}`), 'Semicolon', 'Quote', 'Backslash'],
  ['IntlBackslash', ...'ZXCVBNM'.split('').map((c) => `Key${c}`), 'Comma', 'Period', 'Slash'],
];

/**
 * Keyboards of machines: for each row of keys what they type plain, with Shift, with AltGr, with both; a blank types nothing here.
 * `dead`: characters whose key waits for the next one.
 * @type {Record<string, {name: string, dead?: string, rows: string[][]}>}
 */
export const LAYOUTS = {
  us: { name: 'US English', rows: [['`1234567890-=', '~!@#$%^&*()_+'], ['qwertyuiop[]', 'QWERTYUIOP{}'],
    ['asdfghjkl;\'\\', 'ASDFGHJKL:"|'], [' zxcvbnm,./', ' ZXCVBNM<>?']] },
  uk: { name: 'UK English', rows: [['`1234567890-=', '¬!"£$%^&*()_+', '    €'], ['qwertyuiop[]', 'QWERTYUIOP{}'],
    ['asdfghjkl;\'#', 'ASDFGHJKL:@~'], ['\\zxcvbnm,./', '|ZXCVBNM<>?']] },
  de: { name: 'German', dead: '^´`', rows: [['^1234567890ß´', '°!"§$%&/()=?`', '  ²³   {[]}\\'],
    ['qwertzuiopü+', 'QWERTZUIOPÜ*', '@ €        ~'], ['asdfghjklöä#', 'ASDFGHJKLÖÄ\''], ['<yxcvbnm,.-', '>YXCVBNM;:_', '|      µ']] },
  fr: { name: 'French', dead: '^¨', rows: [['²&é"\'(-è_çà)=', ' 1234567890°+', '  ~#{[|`\\^@]}'],
    ['azertyuiop^$', 'AZERTYUIOP¨£', '  €        ¤'], ['qsdfghjklmù*', 'QSDFGHJKLM%µ'], ['<wxcvbn,;:!', '>WXCVBN?./§']] },
  es: { name: 'Spanish', dead: '`^´¨', rows: [['º1234567890\'¡', 'ª!"·$%&/()=?¿', '\\|@#~ ¬'],
    ['qwertyuiop`+', 'QWERTYUIOP^*', '  €       []'], ['asdfghjklñ´ç', 'ASDFGHJKLÑ¨Ç', '          {}'], ['<zxcvbnm,.-', '>ZXCVBNM;:_']] },
  it: { name: 'Italian', rows: [['\\1234567890\'ì', '|!"£$%&/()=?^', '           `~'],
    ['qwertyuiopè+', 'QWERTYUIOPé*', '  €       []', '          {}'], ['asdfghjklòàù', 'ASDFGHJKLç°§', '         @#'], ['<zxcvbnm,.-', '>ZXCVBNM;:_']] },
  pt: { name: 'Portuguese', dead: '´`~^¨', rows: [['\\1234567890\'«', '|!"#$%&/()=?»', '  @£§  {[]}'],
    ['qwertyuiop+´', 'QWERTYUIOP*`', '  €       ¨'], ['asdfghjklçº~', 'ASDFGHJKLÇª^'], ['<zxcvbnm,.-', '>ZXCVBNM;:_']] },
  se: { name: 'Swedish', dead: '´`¨^~', rows: [['§1234567890+´', '½!"#¤%&/()=?`', '  @£$  {[]}\\'],
    ['qwertyuiopå¨', 'QWERTYUIOPÅ^', '  €        ~'], ['asdfghjklöä\'', 'ASDFGHJKLÖÄ*'], ['<zxcvbnm,.-', '>ZXCVBNM;:_', '|      µ']] },
};
const LEVELS = [[], ['ShiftLeft'], ['AltRight'], ['ShiftLeft', 'AltRight']];
/** A combining mark (of a decomposed letter) and the dead key that makes it. @type {Record<string, string>} */
const MARKS = { '\u0300': '`', '\u0301': '´', '\u0302': '^', '\u0303': '~', '\u0308': '¨' };
/** @type {Record<string, string[]>} */
const PLAIN = { ' ': ['Space'], '\n': ['Enter'], '\t': ['Tab'] };

/** How a layout types each of its characters: keys of one stroke, modifiers first. @param {string} name @returns {Map<string, string[]>} */
function strokes(name) {
  const map = new Map(Object.entries(PLAIN));
  for (const level of [3, 2, 1, 0]) /* the simplest wins */
    LAYOUTS[name].rows.forEach((levels, row) => [...(levels[level] || '')].forEach((c, i) => {
      if (c !== ' ') map.set(c, [...LEVELS[level], ROWS[row][i]]);
    }));
  return map;
}

/** Text as strokes of that keyboard; `missing` are the characters that it cannot type, each once.
 * @param {string} text @param {string} layout @returns {{strokes: string[][][], missing: string[]}} for each character its strokes */
export function typing(text, layout) {
  const map = strokes(layout), dead = LAYOUTS[layout].dead || '', out = [], missing = new Set();
  for (const c of text.replace(/\r\n?/g, '\n').normalize('NFC')) {
    const stroke = map.get(c), [base, mark, ...more] = c.normalize('NFD');
    const accent = map.get(MARKS[mark]), letter = map.get(base);
    if (stroke) out.push(dead.includes(c) ? [stroke, PLAIN[' ']] : [stroke]);
    else if (mark && accent && letter && more.length === 0 && dead.includes(MARKS[mark])) out.push([accent, letter]);
    else missing.add(c);
  }
  return { strokes: out, missing: [...missing] };
}
