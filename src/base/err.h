/* SPDX-License-Identifier: Apache-2.0 */
/* err: the one error space of Outband. Negative codes from one table; text for people where it arises.
 * Owner: nobody (plain values). Any thread. */
#pragma once

#include <stddef.h>

#define NODISCARD              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* E(name, number, short text). Numbers are stable: they appear in logs. */
#define ERR_TABLE(E)                                                                                         \
    E(NOMEM, 1, "out of memory")                                                                             \
    E(FULL, 2, "a queue is full")                                                                            \
    E(LIMIT, 3, "a limit was exceeded")                                                                      \
    E(SHORT, 4, "input ends too early")                                                                      \
    E(SYNTAX, 5, "input is malformed")                                                                       \
    E(PROTO, 6, "the peer broke the protocol")                                                               \
    E(STATE, 7, "not possible in the present state")                                                         \
    E(INVALID, 8, "a value is not acceptable")                                                               \
    E(NOT_FOUND, 9, "no such object")                                                                        \
    E(EXISTS, 10, "the object exists already")                                                               \
    E(DENIED, 11, "not allowed")                                                                             \
    E(AUTH, 12, "authentication failed")                                                                     \
    E(UNREACHABLE, 13, "the device is not connected")                                                        \
    E(TIMEOUT, 14, "no answer in time")                                                                      \
    E(CLOSED, 15, "the connection was closed")                                                               \
    E(BUSY, 16, "busy")                                                                                      \
    E(UNSUPPORTED, 17, "not supported")                                                                      \
    E(IO, 18, "input or output failed")                                                                      \
    E(STORE, 19, "the database refused the write")                                                           \
    E(STORE_FULL, 20, "the disk is full")                                                                    \
    E(CRYPTO, 21, "a cryptographic operation failed")                                                        \
    E(TLS, 22, "the TLS handshake or record failed")                                                         \
    E(FAULT, 23, "the device answered with a fault")                                                         \
    E(REFUSED, 24, "the device refused the request")                                                         \
    E(CANCELLED, 25, "cancelled")                                                                            \
    E(UNKNOWN_OUTCOME, 26, "the outcome is not known")                                                       \
    E(INTERNAL, 27, "internal error")

enum err {
    ERR_OK = 0,
#define E(name, num, text) ERR_##name = -(num),
    ERR_TABLE(E)
#undef E
};

/* Short text of a code, never NULL. */
const char *err_text(int code);
/* Symbol of a code in lower case with dashes, e.g. "not-found"; "ok" for 0. */
const char *err_name(int code);

/* A reason that a person will read, filled where it arises. field: the offending input ("" when none);
 * text: what happened and why; remedy: what to do next ("" when none). Zero-initialise before use. */
struct errinfo {
    int code;
    char field[64];
    char text[384];
    char remedy[256];
};

/* Fill ei (may be NULL) and return code, so that a failing function can `return err_set(...)`. */
int err_set(struct errinfo *ei, int code, const char *field, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Add the remedy to a filled errinfo (ei may be NULL). */
void err_remedy(struct errinfo *ei, const char *fmt, ...) PRINTF_LIKE(2, 3);
