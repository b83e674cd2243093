/* SPDX-License-Identifier: Apache-2.0 */
/* page: the plain page and its parts, embedded into the binary (ui/). */
#include "server/api.h"

#include "base/ossl.h"
#include "base/text.h"
#include "server/request.h"

#include <stdio.h>

#include <openssl/sha.h>

extern const unsigned char ui_index_html[], ui_app_js[], ui_style_css[], ui_icon_svg[];
extern const size_t ui_index_html_n, ui_app_js_n, ui_style_css_n, ui_icon_svg_n;

static const struct {
    const char *name, *type;
    const unsigned char *bytes;
    const size_t *n;
} FILES[] = {
    {"", "text/html; charset=utf-8", ui_index_html, &ui_index_html_n},
    {"app.js", "text/javascript; charset=utf-8", ui_app_js, &ui_app_js_n},
    {"style.css", "text/css; charset=utf-8", ui_style_css, &ui_style_css_n},
    {"icon.svg", "image/svg+xml", ui_icon_svg, &ui_icon_svg_n},
};

void api_page(struct request *r) {
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        if (strcmp(FILES[i].name, r->params[0]) != 0)
            continue;
        uint8_t hash[32];
        char tag[40], hex[33];
        struct slice body = slice_of(FILES[i].bytes, *FILES[i].n);
        SHA256(body.p, body.n, hash);
        snprintf(tag, sizeof tag, "\"%s\"", text_hex(slice_of(hash, 16), hex));
        request_put_header(r, "ETag", tag);
        if (etag_listed(r->headers[REQUEST_H_IF_NONE_MATCH], tag))
            reply_empty(r, 304);
        else
            reply_bytes(r, 200, FILES[i].type, body);
        return;
    }
    reply_fail(r, ERR_NOT_FOUND, "", "there is no such file");
}
