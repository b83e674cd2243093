/* SPDX-License-Identifier: Apache-2.0 */
/* hosts: how a host's JSON is said to people: table rows, one-line states, descriptions. Any thread but for
 * what prints. Source: docs/api.md. */
#pragma once

#include "cli/cli.h"
#include "cli/table.h"

enum { SAY_CAP = 400 };

/* Observed power: "on", "on (4 min ago)" when stale, "unknown (was on, 14 min ago)". Returns out. */
const char *host_power_text(const json_t *host, char out[SAY_CAP]);
/* "on" for POWER_STATE_ON and so on; "-" when nothing is wanted. Borrowed text. */
const char *power_word(const char *emf);
/* What is wrong in one sentence: the worst finding, a mismatch, or an operation under way; "" when nothing.
 */
const char *host_problem(const json_t *host, char out[SAY_CAP]);
/* "none, because on as desired; looks again at …" of a decision object. */
void decision_text(const json_t *decision, char *out, size_t cap);
/* Name, or the id when it has none. Borrowed from host. */
const char *host_label(const json_t *host);
enum colour link_colour(const char *state);
enum colour severity_colour(const char *severity);

/* A table with the heads of -o table or wide; rows; NULL when out of memory. */
struct table *hosts_table_new(bool wide);
void hosts_table_row(struct table *t, const json_t *host, bool wide);
/* "n1 (host-1a2b3c4d): off (0 s ago), wanted on; link up since 14:02:11; <problem>" */
void host_state_line(struct cli *c, const json_t *host);
/* Everything about one host as lines "Key: value". */
void host_describe(struct cli *c, const json_t *host);

/* Read hosts page by page. query: filter and order, may be NULL. *out owns an array. An exit code. */
int hosts_fetch(struct cli *c, const char *filter, const char *order, json_t **out);
