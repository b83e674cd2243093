/* SPDX-License-Identifier: Apache-2.0 */
/* secrets: where a command gets passwords from: files, the terminal without echo, never the command line. */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

/* The password of the file option o, or asked for on the terminal with question (twice when again). *out is
 * to be freed with secret_free(). Gives an exit code; without file and terminal EXIT_USAGE. */
int secret_get(struct cli *c, enum opt o, const char *question, bool again, char **out);
/* The password of the file option o; *out NULL when the option was not given. */
int secret_from_file(struct cli *c, enum opt o, char **out);
/* Member key: {"user","password"}; either may be NULL, and nothing is put when both are. */
void secret_put_account(struct json *j, const char *key, const char *user, const char *password);
/* Wipe and free the memory of a buffer that held a secret. */
void secret_buf_free(struct buf *b);
