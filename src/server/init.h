/* SPDX-License-Identifier: Apache-2.0 */
/* init: `outbandd init`: keys, root, database, first admin. Blocking; the program's only thread. */
#pragma once

#include "server/settings.h"

struct init_opts {
    const struct settings *settings; /* data.dir, tls.hostname, tls.leaf_key */
    const char *admin_password_file; /* NULL: a password is made and printed once */
};
/* `outbandd init --agent-ca`: the authority of the agents for a data directory of before there were any. */
NODISCARD int init_agent_ca(const struct settings *s, struct errinfo *ei);
/* `outbandd import-ca`: the authority of another MPS signs the CIRA port from the next start on. Refused when
 * nodes of this server's own authority have connected before: they would be lost. */
NODISCARD int init_import_ca(const struct settings *s, const char *cert_file, const char *key_file,
                             struct errinfo *ei);
/* 0, or ei filled; then nothing is left behind. Prints where things are. */
NODISCARD int init_run(const struct init_opts *o, struct errinfo *ei);
