/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/escape.h"

static const struct {
    enum escape_act act;
    char key;
    const char *meaning;
} rows[] = {
#define E(sym, key, meaning) {ESCAPE_##sym, key, meaning},
    ESCAPE_TABLE(E)
#undef E
};
enum { ROWS = sizeof rows / sizeof *rows };

static enum escape_act act_of(uint8_t key) {
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].key == (char)key)
            return rows[i].act;
    return ESCAPE_NONE;
}

int escape_input(struct escape *e, struct slice *in, struct buf *out) {
    while (in->n) {
        uint8_t key = in->p[0];
        *in = slice_skip(*in, 1);
        bool held = e->tilde;
        e->tilde = false;
        if (key == ESCAPE_LEAVE)
            return ESCAPE_QUIT;
        if (held && act_of(key) != ESCAPE_NONE)
            return (int)act_of(key);
        if (!held && !e->in_line && key == ESCAPE_CHAR) {
            e->tilde = true;
            continue;
        }
        /* ~~ is one ~; any other key behind it makes it an ordinary one */
        if (held && key != ESCAPE_CHAR && buf_put(out, SLICE_LIT("~")) < 0)
            return ERR_NOMEM;
        if (buf_put(out, slice_of(&key, 1)) < 0)
            return ERR_NOMEM;
        e->in_line = key != '\r' && key != '\n';
    }
    return ESCAPE_NONE;
}

void escape_help(struct buf *out) {
    for (size_t i = 0; i < ROWS; i++)
        buf_putf(out, "  ~%c  %s\n", rows[i].key, rows[i].meaning);
    buf_puts(out, "  ~~  a ~\nThey count behind a newline only.\n");
}
