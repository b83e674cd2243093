/* SPDX-License-Identifier: Apache-2.0 */
/* fault: what can be wrong with a simulated node, one table: name, argument, help. Set at run time.
 * Owner: struct sim_node; its loop thread only. Source: reference protocol-cira-wsman 5.4. */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "sim/step_fault.h"

/* F(name, text, argument: name or NULL, default argument, help) */
#define SIM_FAULT_TABLE(F)                                                                                   \
    F(BLACKHOLE, "blackhole", NULL, 0, "nothing goes in or out, nothing is closed")                          \
    F(HALF_OPEN, "half-open", NULL, 0, "keepalives are answered, channel opens fail with reason 2")          \
    F(OPEN_BUSY, "open-busy", "N", 2,                                                                        \
      "the next N channel opens fail with reason 1 (forwards re-advertised)")                                \
    F(SLOW_DRIP, "slow-drip", "MS", 20, "one byte a TLS record, one record every MS")                        \
    F(COALESCE, "coalesce", "MS", 200, "output is held back and goes out in one piece every MS")             \
    F(CLOSE_EARLY, "close-early", NULL, 0, "the channel closes in the middle of an answer")                  \
    F(ENDLESS_BODY, "endless-body", NULL, 0, "an answer's body never ends")                                  \
    F(WRONG_RELATESTO, "wrong-relatesto", NULL, 0, "answers name another request")                           \
    F(UNAUTHORIZED, "401-forever", NULL, 0, "no password is right")                                          \
    F(ZERO_WINDOW, "zero-window", NULL, 0, "channel data is never worked off, no credit comes back")         \
    F(FORWARDS_MISSING, "forwards-missing", NULL, 0, "no port is forwarded after login")                     \
    F(CHUNK_GARBAGE, "chunk-garbage", NULL, 0, "chunk sizes are no hexadecimal numbers")                     \
    F(APF_GARBAGE, "apf-garbage", NULL, 0, "sends bytes that are no APF message (once)")                     \
    F(KEEPALIVE_STORM, "keepalive-storm", "N", 100, "N keepalive requests every 100 ms")                     \
    F(DUPLICATE_LOGIN, "duplicate-login", NULL, 0, "opens a second tunnel with the same credentials (once)") \
    F(REFUSE_POWER, "refuse-power", "VALUE", 2, "RequestPowerStateChange answers VALUE")                     \
    F(MEI_SLOW, "mei-slow", "MS", 1000, "answers of the host interface (MEI) come MS later")                 \
    F(REDIR_STATUS, "redir-status", "STATUS", 255, "a redirection start is answered with STATUS")            \
    F(LIE, "lie", NULL, 0, "power requests answer 0 and do nothing")                                         \
    F(STALE_POWER, "stale-power", NULL, 0, "the power state read is that of the moment of this fault")       \
    F(SILENT_HTTP, "silent-http", NULL, 0, "requests are read and never answered")                           \
    F(REDIR_MUTE, "redir-mute", NULL, 0, "redirection ports take everything and say nothing")                \
    F(REDIR_CUT, "redir-cut", NULL, 0, "redirection closes in the middle of accepting the login")            \
    F(REDIR_NO_DIGEST, "redir-no-digest", NULL, 0, "redirection offers no digest, only plain passwords")     \
    F(REDIR_BARE_REJECT, "redir-bare-reject", NULL, 0, "a wrong password is refused without a challenge")    \
    F(REDIR_BAD_LENGTH, "redir-bad-length", NULL, 0, "a field of the challenge is longer than its message")  \
    F(SOL_STRICT, "sol-strict", NULL, 0, "SOL stops after MaxTxBuffer bytes that nobody acknowledged")       \
    F(SOL_EMPTY, "sol-empty", NULL, 0, "an empty data message before each with data")                        \
    F(SOL_NO_CONSENT, "sol-no-consent", NULL, 0, "SOL opens without consent whatever the policy")            \
    F(KVM_PROMPT, "kvm-prompt", NULL, 0, "KVM opens without consent, shows the code, waits for it")          \
    F(IDER_REFUSE, "ider-refuse", NULL, 0, "IDE-R opens, and refuses to enable its drives")                  \
    F(MEI_BUSY, "mei-busy", NULL, 0, "somebody else has every MEI client that is for one only")              \
    F(MEI_RESET, "mei-reset", NULL, 0, "the firmware resets: all MEI connections are gone (once)")

enum sim_fault {
#define F(name, text, arg, def, help) SIM_FAULT_##name,
    SIM_FAULT_TABLE(F)
#undef F
        SIM_FAULT_COUNT,
    SIM_FAULT_ARGS = SIM_FAULT_REDIR_STATUS + 1 /* none behind it takes an argument */
};

struct sim_faults {
    uint64_t on; /* bit a fault */
    uint32_t arg[SIM_FAULT_ARGS];
    struct sim_step_fault step;
};

static inline bool sim_fault_on(const struct sim_faults *f, enum sim_fault id) {
    return (f->on & (UINT64_C(1) << id)) != 0;
}
const char *sim_fault_name(enum sim_fault id);
/* NULL when it takes none. */
const char *sim_fault_arg_name(enum sim_fault id);
const char *sim_fault_help(enum sim_fault id);
uint32_t sim_fault_default(enum sim_fault id);
/* SIM_FAULT_COUNT when unknown. */
enum sim_fault sim_fault_find(struct slice name);
