/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { NUMBERS = sizeof numbers / sizeof *numbers };
static struct sigaction before[NUMBERS];
static int ends[2] = {-1, -1};
static volatile sig_atomic_t came;

static void on_signal(int number) {
    int kept = errno;
    came = 1;
    ssize_t n = write(ends[1], "", 1); /* full: it is readable already */
    (void)n;
    errno = kept;
}

int signals_begin(void) {
    if (ends[0] >= 0)
        return 0;
    if (pipe(ends) < 0)
        return ERR_IO;
    came = 0;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    struct sigaction sa = {.sa_handler = on_signal};
    sigemptyset(&sa.sa_mask);
    for (int i = 0; i < NUMBERS; i++) {
        sigaction(numbers[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) /* nohup */
            sigaction(numbers[i], &sa, NULL);
    }
    return 0;
}

int signals_fd(void) {
    return ends[0];
}

bool signals_came(void) {
    return came != 0;
}

void signals_end(void) {
    if (ends[0] < 0)
        return;
    for (int i = 0; i < NUMBERS; i++)
        sigaction(numbers[i], &before[i], NULL);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        ends[i] = -1;
    }
}
