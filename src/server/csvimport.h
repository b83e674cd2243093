/* SPDX-License-Identifier: Apache-2.0 */
/* csvimport: the file of `create host --import-from-csv` (design 15): bytes to rows, or the first thing wrong
 * with its line, column and remedy; then nothing of the file is taken. Pure. Any thread.
 * RFC 4180 with these rules of ours: a header line names the columns in any order; a value ends on its line;
 * blank lines are skipped; LF or CRLF; a UTF-8 byte order mark is skipped. */
#pragma once

#include "base/map.h"
#include "server/fleet.h"

enum { CSV_ROWS_MAX = 100000, CSV_LINE_MAX = 4096 };

/* C(symbol, column, required, secret) */
#define CSV_COLUMN_TABLE(C)                                                                                  \
    C(NAME, "Name", true, false)                                                                             \
    C(AMT_UUID, "AmtUUID", false, false)                                                                     \
    C(SMBIOS_UUID, "SmbiosUUID", false, false)                                                               \
    C(SERIAL, "Serial", false, false)                                                                        \
    C(CIRA_USER, "CiraUser", true, false)                                                                    \
    C(CIRA_PASSWORD, "CiraPassword", true, true)                                                             \
    C(AMT_USER, "AmtUser", false, false)                                                                     \
    C(AMT_PASSWORD, "AmtPassword", false, true)                                                              \
    C(DESIRED, "DesiredPowerState", false, false)                                                            \
    C(CONTROL_MODE, "ControlMode", false, false)                                                             \
    C(CIRA_SHARED, "CiraShared", false, false)                                                               \
    C(MEBX_PASSWORD, "MebxPassword", false, true)

struct csv_hosts {
    struct host_new *rows; /* malloc()ed; project and actor are empty; may be taken over (set to NULL) */
    unsigned *lines;       /* where each row stands in the file */
    size_t n;
};

/* seed: random, stops collision floods by chosen names. 0; ERR_SYNTAX (the form), ERR_INVALID (a value, a
 * column), ERR_EXISTS (Name or CiraUser twice), ERR_LIMIT, ERR_NOMEM. ei: field is the column, the text names
 * the line; passwords are never in it. *bad_line (may be NULL): the line, 0 when it is about the whole file.
 */
NODISCARD int csvimport_parse(struct slice text, uint64_t seed, struct csv_hosts *out, struct errinfo *ei,
                              unsigned *bad_line);
/* Wipes and frees what is still there. */
void csvimport_free(struct csv_hosts *h);
