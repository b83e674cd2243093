/* SPDX-License-Identifier: Apache-2.0 */
/* plain: bare OpenSSL on loopback, for the programs that say what the machine could do at best. A failure
 * ends the program. Owner: one program; one thread. */
#pragma once

#include "base/ossl.h"
#include "net/pki.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <time.h>

_Noreturn void plain_die(const char *what);
double plain_seconds(clockid_t clock);
struct sockaddr_in plain_loopback(uint16_t port);
/* A listening, non-blocking socket on a free port of loopback. */
int plain_listen(uint16_t *port);
/* A context with a fresh certificate for localhost of that kind of key. */
SSL_CTX *plain_server_ctx(enum pki_key kind);
