/* SPDX-License-Identifier: Apache-2.0 */
/* tty: a terminal set to hand over keys as they are struck, and set back. Owner: who changes it; main thread.
 */
#pragma once

#include <stdbool.h>
#include <termios.h>

enum tty_mode {
    TTY_KEYS, /* no echo, no lines, no signals of keys; output as ever */
    TTY_RAW,  /* nothing is changed in either direction */
};

struct tty {
    int fd;
    bool changed;
    struct termios old;
};

/* Nothing when fd is no terminal. */
void tty_set(struct tty *t, int fd, enum tty_mode mode);
/* As it was; nothing when it was not changed. */
void tty_restore(struct tty *t);
