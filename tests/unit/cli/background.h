/* SPDX-License-Identifier: Apache-2.0 */
/* background: orch-cli that runs on while the test talks to the port that it opened. After rig_begin(). */
#pragma once

#include "rig.h"

#include <sys/types.h>

struct background {
    pid_t pid;
    int out_fd;
    char out[1024], err[4096];
    size_t n;
};

/* Play rows and start orch-cli with these words, ended by NULL (a NULL among them ends them, too). */
void background_start(struct background *b, const struct script *rows, ...);
/* Wait for stdout to say `text` and read the number behind it. */
unsigned background_port(struct background *b, const char *text);
/* Wait for a line of stdout that begins so; the rest of it is in b->out (valid until the next call). */
const char *background_line(struct background *b, const char *begins);
/* Bytes that it holds in memory, beside what a sanitizer needs (1 under one). */
size_t background_memory(const struct background *b);
/* Wait for its end; the exit code, and stderr in b->err. */
int background_end(struct background *b);
/* Wait until the server's log has text so often. */
void background_expect_log(const char *text, unsigned times);

/* Connect to a loopback port, send text, read until the other end closes. Ended by a NUL. */
size_t raw_exchange(unsigned port, const char *text, char *answer, size_t cap);
int raw_connect(unsigned port);
