/* SPDX-License-Identifier: Apache-2.0 */
/* identity: who a host is by what operators recorded, its firmware said and its agent read. Pure; the host's
 * thread. Source: reference protocol-redir-activation 6. */
#pragma once

#include "core/host.h"

/* As recorded, else as the agent read it; nil: not told. */
struct uuid host_smbios_uuid(const struct host *h);
/* As the firmware last said it in a tunnel, else as the agent read it, else as recorded; nil: not told. */
struct uuid host_firmware_uuid(const struct host *h);

/* O(symbol, word): the AMT UUID beside the SMBIOS UUID */
#define UUID_ORDER_TABLE(O)                                                                                  \
    O(UNKNOWN, "")                                                                                           \
    O(SAME, "same")                                                                                          \
    O(SWAPPED, "swapped") /* one of them in the other byte order */                                          \
    O(DIFFERENT, "different")
enum uuid_order {
#define O(sym, word) UUID_ORDER_##sym,
    UUID_ORDER_TABLE(O)
#undef O
        UUID_ORDER_COUNT
};
const char *uuid_order_text(enum uuid_order o);
enum uuid_order host_uuid_order(const struct host *h);

/* The same address but for case, port and a dot at the end? */
bool mps_host_eq(const char *a, const char *b);

/* Can AMT be switched off in the BIOS? As the agent found, else as the table of boards says. */
struct bios_switch {
    enum agent_switch state;
    const char *source; /* "agent", "board-table", "" */
    const char *note;   /* of the table; "" */
};
struct bios_switch host_bios_switch(const struct host *h);
/* Can AMT be switched off by the firmware's own switch, from inside? As the agent found. */
enum agent_switch host_firmware_switch(const struct host *h);
/* Vendor, product and board, of the agent or else of the device card; "" not told. */
const char *host_vendor(const struct host *h);
const char *host_product(const struct host *h);
const char *host_board(const struct host *h);
/* The firmware's version with its build number where that is known; "" not told. */
const char *host_firmware_version(const struct host *h);
