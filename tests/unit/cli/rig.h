/* SPDX-License-Identifier: Apache-2.0 */
/* rig: the real orch-cli run against a scripted server: its words, what it printed, its exit code. */
#pragma once

#include "unit.h"

#include "scripted.h"

#include <stdlib.h>

struct rig {
    struct scripted *server;
    char dir[64];    /* scratch; the configuration is dir/config */
    char origin[64]; /* http://127.0.0.1:PORT or https://localhost:PORT */
    /* of the last run */
    char *out, *err, *log;
    int code;
};
extern struct rig rig;

/* argv[1] of the test is the program. Starts a plain server and pretends a login to it. */
int rig_begin(const char *program);
int rig_end(void);
const char *rig_program(void);
/* The next rig_run() reads this file; NULL: /dev/null. */
void rig_input(const char *path);
/* Write dir/config: a token for origin; ca_pem may be NULL. */
void rig_login(const char *origin, const char *ca_pem);
/* Make a file dir/NAME and give its path (valid until the next call). */
const char *rig_file(const char *name, const char *text);
/* Play rows (NULL: the last ones) and run orch-cli with these words, ended by NULL. stdin is /dev/null. */
void rig_run(const struct script *rows, ...) __attribute__((sentinel));
/* The whole of what was printed, with a readable failure. */
void rig_expect(int code, const char *out_has, const char *err_has);
