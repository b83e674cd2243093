# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A node's screen in this machine's browser without the server's console: orch-cli's own page, in Debian's chromium.
NODE=node002

# asks LINE: an order to the page (tests/scenario/page.mjs), until it is done
done_orders() { [ "$(grep -c '^ok$' "$WORK/page.screen")" -ge "$1" ]; }
asks() {
    local n
    n=$(($(grep -c '^ok$' "$WORK/page.screen") + 1))
    type_in page "$*\n"
    wait_until 20 "the page has done: $*" done_orders "$n"
}
# the canvas as a file, and what must be read in it: canvas_has LINE…
canvas_has() {
    local line
    asks png "$WORK/canvas.png"
    python3 tests/scenario/screen.py "$WORK/canvas.png" >"$WORK/canvas" || return 1
    for line in "size 800x600" "bars right" "border right" "noise right" "name $NODE" "$@"; do
        grep -qxF -- "$line" "$WORK/canvas" || return 1
    done
}
state_now() { [ "$(grep '^state ' "$WORK/page.screen" | tail -n 1)" = "state $1" ]; }
# get CODE WORDS [curl options] PATH: how the page's server answers
get() {
    local code=$1 words=$2 got
    shift 2
    got=$(curl -s -o "$WORK/got" -w '%{http_code}' "$@")
    [ "$got" = "$code" ] && grep -q "$words" "$WORK/got" && return
    fail "$*: $got, $(cat "$WORK/got")"
}

story() {
    local url origin
    world 2
    ctl consent-policy '*' none >/dev/null
    ctl kvm $NODE size 800x600 >/dev/null
    on_terminal cli set host $NODE --session-type kvm --session-state start --no-browser
    shows cli '^http://127.0.0.1:[0-9]*/\?key='
    url=$(screen cli | grep -ao '^http://127.0.0.1:[0-9]*/?key=[0-9a-f]*') origin=${url%%/?key*}
    tell cli "$NODE: the screen"

    get 403 "the address that orch-cli printed" "$origin/?key=${url##*=}0"
    get 403 "the address that orch-cli printed" "$origin/ui/console.html?local=1"
    get 403 "This server has another name" -H "Host: evil.example:${origin##*:}" "$url"
    get 403 "the address that orch-cli printed" -H "Cookie: outband-kvm-${origin##*:}=0" "$origin/local.json"
    say "A wrong key, none, another Host, a wrong cookie: refused, and the key is still good."

    job_files page
    node tests/scenario/page.mjs "$url" <>"$WORK/page.keys" >"$WORK/page.screen" 2>"$WORK/page.said" &
    # shellcheck disable=SC2034
    JOB["page"]=$!
    shows page "^opened 200 $origin/ui/console.html"
    shows page '^state connected'
    wait_until 10 "the picture is whole" canvas_has "echo > _"
    say "The canvas in chromium: bars, border, noise and name are right in every pixel; the key is gone from the address."
    get 403 "was used already" "$url"
    asks type "Hello, AMT!"
    wait_until 10 "what was typed is on the screen" canvas_has "echo > Hello, AMT!_"
    say "Keys that the browser took came back as pixels: $(grep '^echo' "$WORK/canvas")"
    asks second
    shows page "^second overlay The session has ended .*Another tab of this browser shows $NODE"
    tell page '^second overlay'
    state_now connected || fail "the first page has lost its session: $(screen page | tail -n 5)"
    session_is $NODE kvm '.state == "active"' || fail "the session is not active any more"
    say "A second page does not get the stream and is told why; the first one keeps it."

    server_stop
    shows page '^state interrupted'
    tell page '^overlay The session was interrupted'
    server_start
    wait_until 30 "the link is back" test_summary ".link.up == 2"
    wait_until 30 "the page is connected again" state_now connected
    wait_until 10 "the picture is whole again" canvas_has
    asks type "?"
    wait_until 10 "keys go again" canvas_has "echo > ?_"
    [ "$(grep '^second state' "$WORK/page.screen" | tail -n 1)" = "second state ended" ] || fail "the second page has tried on: $(grep '^second' "$WORK/page.screen")"
    say "The server was restarted; page and session are back, and the second page has kept out of it."
    tell cli "back after"

    type_in cli '\003'
    ends cli
    [ "$ENDED" = 0 ] || fail "Ctrl-C: exit code $ENDED: $(screen cli)"
    wait_until 10 "the page says so" state_now ended
    tell page '^overlay The session has ended'
    wait_until 10 "the session has ended" session_is $NODE kvm '.state == "ended"'
    [ "$(ctl sessions $NODE | grep -c kvm)" = 0 ] || fail "left at the firmware: $(ctl sessions $NODE)"
    type_in page 'close\n'
    ends page
    grep '^complaint' "$WORK/page.screen" && fail "the browser complained"
    say "Ctrl-C ended page, session and the firmware's side."
}
