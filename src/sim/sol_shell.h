/* SPDX-License-Identifier: Apache-2.0 */
/* sol_shell: the far end of the serial line of one SOL session: the BIOS' words, a getty that takes any user
 * and password, and a small shell. Pure: time comes in, the machine's part is a wish. Owner: struct sol_side;
 * its loop thread. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "sim/machine.h"

/* C(name, usage, help) */
#define SOL_COMMAND_TABLE(C)                                                                                 \
    C(echo, "echo TEXT", "say it again")                                                                     \
    C(uname, "uname", "name of the system")                                                                  \
    C(uptime, "uptime", "since when the system runs")                                                        \
    C(count, "count N", "the numbers 1 to N, one a line, as seq does")                                       \
    C(flood, "flood N", "N bytes of a pattern, then their number and SHA-256")                               \
    C(sum, "sum", "takes bytes until ^D without echo, then tells their number and SHA-256")                  \
    C(poweroff, "poweroff", "shut the machine down")                                                         \
    C(reboot, "reboot", "restart it")                                                                        \
    C(exit, "exit", "back to the login")                                                                     \
    C(help, "help", "this list")

/* Byte number i of the flood: printable, and a lost or doubled stretch shows. */
static inline uint8_t sol_flood_byte(uint64_t i) {
    return (uint8_t)(0x21 + (i * 7 + i / 94) % 94);
}

struct sol_shell;
/* name: of the machine, must outlive the shell. up_at: since when the system runs. NULL: out of memory. */
struct sol_shell *sol_shell_new(const char *name, struct mono up_at);
void sol_shell_free(struct sol_shell **sh);
/* The system has started: its last boot messages, then the login. */
void sol_shell_boot(struct sol_shell *sh, struct mono now);
/* Somebody typed. */
void sol_shell_input(struct sol_shell *sh, struct slice in, struct mono now);
/* Append what it has to say, at most room bytes: the system waits for its serial port. */
void sol_shell_output(struct sol_shell *sh, struct buf *out, size_t room, struct mono now);
/* What `poweroff` or `reboot` asked of the machine, once; MACHINE_ACT_NONE. */
enum machine_action sol_shell_wish(struct sol_shell *sh);
