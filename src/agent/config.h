/* SPDX-License-Identifier: Apache-2.0 */
/* config: what pm-agent is told: an INI file without sections, from one table. Owner: main. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum { AGENT_CONFIG_CAP = 256 };
#define AGENT_CONFIG_PATH "/etc/outband/pm-agent.conf"

/* C(member, name, default, what it is) */
#define AGENT_CONFIG_TABLE(C)                                                                                \
    C(server, "server", "", "https://HOST:8443 of the Outband server")                                       \
    C(ca, "ca", "", "file with the server's ca.pem; empty: the system's certificates")                       \
    C(key_file, "key-file", "/etc/outband/enrolment.key", "file with the enrolment key, for pm-agent enrol") \
    C(state_dir, "state-dir", "/var/lib/pm-agent", "directory of the agent's identity")                      \
    C(mei, "mei", "", "/dev/mei0, or unix:PATH; empty: every /dev/mei*")                                     \
    C(sysfs, "sysfs", "/sys", "where the kernel shows the machine")                                          \
    C(systemctl, "systemctl", "/usr/bin/systemctl", "what starts and stops the login on the serial port")    \
    C(sessions, "sessions", "/run/systemd/sessions", "where logind keeps who is signed in")
struct agent_config {
#define C(member, ...) char member[AGENT_CONFIG_CAP];
    AGENT_CONFIG_TABLE(C)
#undef C
};

void agent_config_defaults(struct agent_config *c);
/* What the file names takes the place of what c has. ERR_IO; ERR_SYNTAX, ERR_INVALID with the line and the
 * name. */
NODISCARD int agent_config_read(struct agent_config *c, const char *path, struct errinfo *ei);
/* The same from text; shown: what it is called. */
NODISCARD int agent_config_parse(struct agent_config *c, const char *text, const char *shown,
                                 struct errinfo *ei);
/* The table with its defaults, for --help. */
void agent_config_help(struct buf *out);
