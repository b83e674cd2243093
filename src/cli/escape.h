/* SPDX-License-Identifier: Apache-2.0 */
/* escape: the few keys of a terminal session that are for orch-cli and not for the node: ~. ~r ~? ~# behind a
 * newline, and Ctrl-]. Sans-IO: any split of the keys gives the same. Owner: the session's command. */
#pragma once

#include "base/buf.h"

/* E(symbol, key behind ~, meaning) */
#define ESCAPE_TABLE(E)                                                                                      \
    E(QUIT, '.', "end the session (Ctrl-] does so anywhere)")                                                \
    E(RESIZE, 'r', "type \"stty rows R cols C\": the serial port cannot tell the window's size")             \
    E(STATUS, '#', "the session and what went through it")                                                   \
    E(HELP, '?', "this list")

enum escape_act {
    ESCAPE_NONE,
#define E(sym, ...) ESCAPE_##sym,
    ESCAPE_TABLE(E)
#undef E
};
enum { ESCAPE_CHAR = '~', ESCAPE_LEAVE = 0x1d };

struct escape {
    bool in_line; /* something was typed behind the last newline */
    bool tilde;   /* held back: the next key says what it is */
};

/* Take keys off *in until one is for orch-cli: which; ESCAPE_NONE when used up. Those for the node are
 * appended to out. ERR_NOMEM. */
NODISCARD int escape_input(struct escape *e, struct slice *in, struct buf *out);
/* "  ~.  end the session …" a line each, into out. */
void escape_help(struct buf *out);
