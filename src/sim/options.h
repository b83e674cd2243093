/* SPDX-License-Identifier: Apache-2.0 */
/* options: the command line of amtsim, one table: option, argument, help. Owner: main. */
#pragma once

#include "base/err.h"
#include "sim/plan.h"

struct sim_options {
    struct sim_plan plan;
    struct sim_times times;
    const char *server, *ca, *csv_out, *control, *verify_name, *listen_direct, *redirection_listen, *mei,
        *provisioning_root, *dns_suffix;
    uint32_t direct, connect_rate, threads;
    bool wait, hold, legacy_tls, help;
};

/* 0 and *o filled with values of argv; ERR_INVALID and ei filled. help: print it and exit 0. */
NODISCARD int sim_options_parse(struct sim_options *o, int argc, char **argv, struct errinfo *ei);
int sim_options_help(struct buf *out);
