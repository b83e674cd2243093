/* SPDX-License-Identifier: Apache-2.0 */
/* screen: a fake KVM device behind a scripted session: an RFB server of AMT's kind that shows a pattern. */
#pragma once

#include "scripted.h"

enum { SCREEN_W = 320, SCREEN_H = 200 };

/* What a pixel shows, 5-6-5; turn: 0 the first session, 1 the next one. */
uint16_t screen_pixel(unsigned x, unsigned y, unsigned turn);

/* Plays of a row with status 101. Keys that reach the device are logged as "ws: key XXXX"; 'b' breaks the
 * link (4009, resumable), 'e' ends the session for good (4001). */
void screen_first(struct peer *p);
void screen_next(struct peer *p);
/* Sends SCREEN_FLOOD screens unasked, after the first request; then logs "ws: all is sent". */
enum { SCREEN_FLOOD = 250 };
size_t screen_bytes(void); /* of one, with its heads */
void screen_floods(struct peer *p);
/* Says no in RFB's words. */
void screen_refuses(struct peer *p);
