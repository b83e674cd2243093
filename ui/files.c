/* SPDX-License-Identifier: Apache-2.0 */
#include "ui_files.h"

#include <string.h>

#define HTML "text/html; charset=utf-8"
#define JS   "text/javascript; charset=utf-8"
#define CSS  "text/css; charset=utf-8"

/* F(symbol, name, type); the symbols are made by meson.build */
#define FILE_TABLE(F)                                                                                        \
    F(index_html, "", HTML)                                                                                  \
    F(app_js, "app.js", JS)                                                                                  \
    F(style_css, "style.css", CSS)                                                                           \
    F(icon_svg, "icon.svg", "image/svg+xml")                                                                 \
    F(console_html, "console.html", HTML)                                                                    \
    F(console_css, "console.css", CSS)                                                                       \
    F(amt_js, "amt.js", JS)                                                                                  \
    F(api_js, "api.js", JS)                                                                                  \
    F(ask_js, "ask.js", JS)                                                                                  \
    F(compliance_js, "compliance.js", JS)                                                                    \
    F(dom_js, "dom.js", JS)                                                                                  \
    F(events_js, "events.js", JS)                                                                            \
    F(findings_js, "findings.js", JS)                                                                        \
    F(keys_js, "keys.js", JS)                                                                                \
    F(kvm_js, "kvm.js", JS)                                                                                  \
    F(panel_js, "panel.js", JS)                                                                              \
    F(paste_js, "paste.js", JS)                                                                              \
    F(provisioning_js, "provisioning.js", JS)                                                                \
    F(quarantine_js, "quarantine.js", JS)                                                                    \
    F(removal_js, "removal.js", JS)                                                                          \
    F(session_js, "session.js", JS)                                                                          \
    F(sol_js, "sol.js", JS)                                                                                  \
    F(console_js, "console.js", JS)                                                                          \
    F(inflate_js, "inflate.js", JS)                                                                          \
    F(pixels_js, "pixels.js", JS)                                                                            \
    F(rfb_js, "rfb.js", JS)                                                                                  \
    F(xterm_js, "xterm.js", JS)                                                                              \
    F(xterm_css, "xterm.css", CSS)

#define F(symbol, name, type)                                                                                \
    extern const unsigned char ui_##symbol[];                                                                \
    extern const size_t ui_##symbol##_n;                                                                     \
    extern const char ui_##symbol##_tag[];
FILE_TABLE(F)
#undef F

static const struct ui_file FILES[] = {
#define F(symbol, name, type) {name, type, ui_##symbol, &ui_##symbol##_n, ui_##symbol##_tag},
    FILE_TABLE(F)
#undef F
};

const struct ui_file *ui_file_find(const char *name) {
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        if (strcmp(FILES[i].name, name) == 0)
            return &FILES[i];
    return NULL;
}
