/* SPDX-License-Identifier: Apache-2.0 */
/* maintain: commands of outbandd on a data directory that need no loop: backup, restore, audit-verify, and
 * the manual's table of events. Blocking; the program's only thread. */
#pragma once

#include "server/settings.h"

/* A consistent copy of the database into a new file; the server may run. Keys and certificates are not in it.
 */
NODISCARD int maintain_backup(const struct settings *s, const char *to, struct errinfo *ei);
/* Put a backup in the database's place. It is opened and checked first; the old database is kept beside it as
 * outband.db.before-restore. ERR_BUSY: a server runs. */
NODISCARD int maintain_restore(const struct settings *s, const char *from, struct errinfo *ei);
/* Prints the result; ERR_INVALID names the first bad record. */
NODISCARD int maintain_audit_verify(const struct settings *s, struct errinfo *ei);
void maintain_print_events(struct buf *out);
