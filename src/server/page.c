/* SPDX-License-Identifier: Apache-2.0 */
/* page: the pages and their parts, embedded into the binary (ui/). */
#include "server/api.h"

#include "server/request.h"
#include "ui_files.h"

void api_page(struct request *r) {
    const struct ui_file *f = ui_file_find(r->params[0]);
    if (!f) {
        reply_fail(r, ERR_NOT_FOUND, "", "there is no such file");
        return;
    }
    request_put_header(r, "ETag", f->tag);
    if (etag_listed(r->headers[REQUEST_H_IF_NONE_MATCH], f->tag))
        reply_empty(r, 304);
    else
        reply_bytes(r, 200, f->type, slice_of(f->bytes, *f->n_bytes));
}
