/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tty.h"

void tty_set(struct tty *t, int fd, enum tty_mode mode) {
    if (t->changed || tcgetattr(fd, &t->old) < 0)
        return;
    struct termios now = t->old;
    if (mode == TTY_RAW)
        cfmakeraw(&now);
    else
        now.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    t->fd = fd;
    t->changed = tcsetattr(fd, TCSADRAIN, &now) == 0;
}

void tty_restore(struct tty *t) {
    if (t->changed)
        tcsetattr(t->fd, TCSADRAIN, &t->old);
    t->changed = false;
}
