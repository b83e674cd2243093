/* SPDX-License-Identifier: Apache-2.0 */
/* completion: scripts for shells, and the candidates they ask for. A script is a few lines that call
 * `orch-cli completion candidates -- WORDS…`, so every shell completes from the one command table. Main
 * thread. */
#pragma once

#include "cli/cli.h"

/* The script for "bash", "zsh" or "fish"; false for another word. */
bool completion_print(const char *shell, FILE *out);
/* What could stand for the last word, one a line: the word, and for most a tab and a help text; or ":files".
 * Names are asked of the server. words may be empty. */
void completion_candidates(struct cli *c, const char *const *words, size_t n);
