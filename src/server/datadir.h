/* SPDX-License-Identifier: Apache-2.0 */
/* datadir: the files of a server's data directory: master key, root and leaf certificates with their keys;
 * the database lies beside them. Made once by `outbandd init`; after that only the leaf is ever renewed.
 * Blocking; not on a loop thread. Owner: init.c and serve.c. */
#pragma once

#include "net/pki.h"
#include "store/seal.h"

#define DATADIR_MASTER_KEY "master.key"
#define DATADIR_CA_CERT    "ca.pem"
#define DATADIR_CA_KEY     "ca.key"
#define DATADIR_LEAF_CERT  "server.pem"
#define DATADIR_LEAF_KEY   "server.key"
/* taken over from another MPS by `outbandd import-ca`: the authority of the CIRA port, and its leaf */
#define DATADIR_CIRA_CERT  "cira-ca.pem"
#define DATADIR_CIRA_KEY   "cira-ca.key"
#define DATADIR_CIRA_LEAF  "cira.pem"
#define DATADIR_CIRA_LEAFK "cira.key"
#define DATADIR_AGENT_CERT "agent-ca.pem"
#define DATADIR_AGENT_KEY  "agent-ca.key"

enum { DATADIR_PATH_CAP = 4096, DATADIR_NAME_CAP = 128, DATADIR_LEAF_DAYS = 825, DATADIR_RENEW_DAYS = 30 };

/* A server certificate with its key. */
struct datadir_leaf {
    struct buf chain_pem; /* leaf, then root */
    struct buf key_pem;
    struct pki_facts facts;
};
struct datadir {
    char dir[DATADIR_PATH_CAP];
    struct seal_key *seal;
    struct buf ca_pem;
    struct datadir_leaf leaf;
    struct buf agent_ca_pem, agent_key_pem; /* empty: a directory of before the agents */
    struct buf cira_ca_pem;                 /* imported; empty: the CIRA port is signed by ca_pem, too */
    struct datadir_leaf cira;               /* then of the CIRA port */
};

/* Make keys and certificates in a directory that has none (the directory is made, too, mode 0700). hostname
 * "" = this machine's name. Nothing that exists is touched: ERR_EXISTS names it. On failure what was made is
 * removed again. */
NODISCARD int datadir_make(const char *dir, const char *hostname, enum pki_key leaf_key, struct wall now,
                           struct errinfo *ei);
/* The authority of the agents, in a directory that has none: `outbandd init --agent-ca`. ERR_EXISTS,
 * ERR_NOT_FOUND (no data directory), ERR_IO. */
NODISCARD int datadir_make_agent_ca(const char *dir, struct wall now, struct errinfo *ei);
/* Take over the authority of another MPS, so that nodes that trust it come here without being touched: from
 * the next start on it signs the CIRA port's certificate, whose CN is name (as the nodes were told). cert,
 * key: PEM, the key not encrypted. ERR_INVALID (no authority, not its key, expired), ERR_EXISTS (one was
 * imported before), ERR_NOT_FOUND (no data directory), ERR_IO. */
NODISCARD int datadir_import_cira_ca(const char *dir, struct slice cert, struct slice key, const char *name,
                                     enum pki_key leaf_key, struct wall now, struct errinfo *ei);
/* Undo datadir_make(): for a later step of init that failed. */
void datadir_unmake(const char *dir);
/* Read all of it. A missing file is an error that names it: nothing is made here. The leaf is renewed with
 * the same root when it expires within DATADIR_RENEW_DAYS, or when hostname (not "") is no longer its name.
 */
NODISCARD int datadir_open(struct datadir *d, const char *dir, const char *hostname, enum pki_key leaf_key,
                           struct wall now, struct errinfo *ei);
/* Read (or renew) the leaf again: SIGHUP. On failure d keeps what it had. */
NODISCARD int datadir_reload(struct datadir *d, const char *hostname, enum pki_key leaf_key, struct wall now,
                             struct errinfo *ei);
/* The name that the leaf was made for, and that of the CIRA port: their CN. */
void datadir_server_name(const struct datadir *d, char out[DATADIR_NAME_CAP]);
void datadir_cira_name(const struct datadir *d, char out[DATADIR_NAME_CAP]);
/* What the CIRA port shows, and the root that nodes trust for it. */
const struct datadir_leaf *datadir_cira_leaf(const struct datadir *d);
struct slice datadir_cira_root(const struct datadir *d);
/* Wipes the keys. */
void datadir_close(struct datadir *d);
/* A small file into out; ERR_NOT_FOUND, ERR_IO, ERR_LIMIT. */
NODISCARD int datadir_read_file(const char *path, struct buf *out, struct errinfo *ei);
