/* SPDX-License-Identifier: Apache-2.0 */
/* session_rows: rows of a script that play the server's sessions API for host n1. */
#pragma once

#include "scripted.h"

#define H "/v1/projects/default/compute/hosts/n1"
#define SES_MORE(kind, st, more)                                                                             \
    "{\"id\":\"ses-1\",\"host\":\"host-1\",\"hostName\":\"node003\",\"kind\":\"" kind "\",\"state\":\"" st   \
    "\",\"user\":\"op1\",\"text\":\"over\"" more "}"
#define SES(kind, st)   SES_MORE(kind, st, "")
#define CONSENT(fields) ",\"consent\":{" fields "}"
#define ASKS                                                                                                 \
    CONSENT("\"required\":\"all\",\"state\":\"displayed\",\"action\":\"enter-code\",\"triesLeft\":3,"        \
            "\"reuseSeconds\":null,\"displaySeconds\":271,\"nextCodeAt\":null")
#define PROBLEM(type, text) "{\"type\":\"/problems/" type "\",\"message\":\"" text "\"}"

#define ROW_TICKET                                                                                           \
    { .method = "POST", .target = H "/sessions/ses-1/ticket", .status = 201, .body = "{\"ticket\":\"T1\"}" }
#define ROW_STREAM(fn)                                                                                       \
    { .method = "GET", .target = H "/sessions/ses-1/stream", .status = 101, .play = fn }
#define ROW_GET(json)                                                                                        \
    { .method = "GET", .target = H "/sessions/ses-1", .status = 200, .body = json }
#define ROW_DELETE                                                                                           \
    { .method = "DELETE", .target = H "/sessions/ses-1", .status = 204 }
#define ROW_POST(json)                                                                                       \
    { .method = "POST", .target = H "/sessions", .status = 201, .body = json }
#define ROW_CODE(st, json)                                                                                   \
    { .method = "POST", .target = H "/consent", .status = st, .body = json }
/* a session that is ready at once */
#define ROWS_READY(kind, fn)                                                                                 \
    ROW_TICKET, ROW_STREAM(fn), ROW_GET(SES(kind, "ready")), ROW_DELETE, ROW_POST(SES(kind, "ready"))

#define HELLO                                                                                                \
    "{\"type\":\"hello\",\"session\":\"ses-1\",\"kind\":\"sol\",\"host\":\"node003\",\"resumed\":\"\"}"
#define OPEN "{\"type\":\"open\"}"
