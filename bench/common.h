/* SPDX-License-Identifier: Apache-2.0 */
/* common: what the clients of bench/ share. A failure ends the program. Owner: one program; one thread. */
#pragma once

#include "base/buf.h"
#include "net/loop.h"

_Noreturn void die(const char *what, const char *why);
int64_t now_us(void);
/* CPU time of all threads of a process. */
int64_t cpu_ns(long pid);
/* Appends. */
void read_file(const char *path, struct buf *out);
/* Ascending. */
void sort_samples(uint32_t *samples, size_t n);
