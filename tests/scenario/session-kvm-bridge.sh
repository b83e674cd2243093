# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Any VNC viewer of this machine shows a node's screen: orch-cli kvm-bridge, Debian's gvnccapture, and a viewer of our own
# that stays as long as the story wants.
NODE=node002

# bridge_start [options…]: BRIDGE_PID, PORT
bridge_start() {
    : >"$WORK/bridge.out"
    "$BUILD/src/cli/orch-cli" kvm-bridge host $NODE --listen 127.0.0.1:0 "$@" >"$WORK/bridge.out" 2>"$WORK/bridge.err" &
    BRIDGE_PID=$!
    wait_until 10 "the bridge waits for a viewer" grep -q "^$NODE: waiting for a VNC viewer on 127.0.0.1:" "$WORK/bridge.out"
    PORT=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\)$/\1/p' "$WORK/bridge.out")
}
bridge_stop() {
    kill -TERM "$BRIDGE_PID"
    wait "$BRIDGE_PID" || fail "the bridge ended with $?: $(cat "$WORK/bridge.err")"
}
# viewer_start: a viewer that stays; asks LINE…: an order and its answer
viewer_start() {
    coproc VIEWER { python3 tests/scenario/vnc.py "$PORT"; }
    VIEWER_HOLD=$VIEWER_PID
    answer
}
answer() { read -r -t 30 -u "${VIEWER[0]}" ANSWER || fail "the viewer says nothing: $(cat "$WORK/bridge.err")"; }
asks() {
    printf '%s\n' "$*" >&"${VIEWER[1]}"
    answer
    [ "$ANSWER" = ok ] || fail "$*: $ANSWER"
}
viewer_end() {
    printf 'quit\n' >&"${VIEWER[1]}"
    wait "$VIEWER_HOLD"
}
# shows FILE LINE…: what a picture must have
shows() {
    local file=$1 line
    shift
    python3 tests/scenario/screen.py "$file" >"$file.text" || fail "$file cannot be read"
    for line in "size 800x600" "bars right" "border right" "noise right" "name $NODE" "$@"; do
        grep -qxF -- "$line" "$file.text" || fail "$file: not '$line' but: $(cat "$file.text")"
    done
}
session_is() { cli list session $NODE -o json | jq -e ".sessions[0] | $1" >/dev/null; }

story() {
    world 2
    ctl consent-policy '*' none >/dev/null
    ctl kvm $NODE size 800x600 >/dev/null
    bridge_start
    say "$(cat "$WORK/bridge.out")"
    gvnccapture --quiet "127.0.0.1:$((PORT - 5900))" "$WORK/debian.png" >"$WORK/gvnc.log" 2>&1 || fail "gvnccapture: $(cat "$WORK/gvnc.log")"
    shows "$WORK/debian.png" "echo > _"
    say "Debian's gvnccapture: bars, border and noise are right in every pixel, and it reads '$(grep ^name "$WORK/debian.png.text")'."
    wait_until 10 "the session ends with its viewer" session_is '.state == "ended"'
    say "The session ended with the viewer."

    viewer_start
    case $ANSWER in open*) ;; *) fail "the viewer was not let in: $ANSWER" ;; esac
    asks type hello
    asks png "$WORK/typed.png"
    shows "$WORK/typed.png" "echo > hello_"
    session_is '.state == "active" and .kind == "kvm" and .user == "admin" and .viewOnly == false and .bytesToViewer > 100000' ||
        fail "the session in the list: $(cli list session $NODE)"
    say "A viewer that stays: what it types is on the screen, and the session is in the list:"
    cli list session $NODE | sed -n 1,2p
    local second
    second=$(python3 tests/scenario/vnc.py "$PORT" </dev/null) || fail "the second viewer: $second"
    [[ $second == "refused "*"another viewer has this screen"* ]] || fail "the second viewer: $second"
    gvnccapture --quiet "127.0.0.1:$((PORT - 5900))" "$WORK/second.png" >/dev/null 2>&1
    [ -e "$WORK/second.png" ] && fail "gvnccapture got a picture beside another viewer"
    say "A second viewer is told, in RFB's words: $second."

    ctl session-close $NODE kvm >/dev/null || fail "ctl session-close"
    wait_until 10 "the session is interrupted" grep -q "taking the KVM session up again" "$WORK/bridge.err"
    wait_until 20 "the session is back" grep -q "$NODE: back after" "$WORK/bridge.err"
    asks type " again"
    asks png "$WORK/again.png"
    shows "$WORK/again.png"
    grep -q '^echo > .*again_' "$WORK/again.png.text" || fail "keys after the firmware's close: $(cat "$WORK/again.png.text")"
    say "The firmware closed the session; behind the viewer it was taken up again: $(grep 'back after' "$WORK/bridge.err")."
    viewer_end
    bridge_stop
    [ "$(ctl sessions $NODE | grep -c kvm)" = 0 ] || fail "left at the firmware: $(ctl sessions $NODE)"

    bridge_start --view-only
    viewer_start
    asks type secret
    asks png "$WORK/views.png"
    shows "$WORK/views.png"
    grep -q '^echo.*secret' "$WORK/views.png.text" && fail "a viewer that may only look has typed"
    session_is '.viewOnly == true' || fail "the list does not tell view-only"
    say "With --view-only what is typed goes nowhere."
    kill -TERM "$BRIDGE_PID"
    wait "$BRIDGE_PID" || fail "the bridge ended with $?"
    wait_until 10 "the session ends with the bridge" session_is '.state == "ended"'
    printf 'png %s\n' "$WORK/late.png" >&"${VIEWER[1]}"
    answer
    [ "$ANSWER" = ok ] && fail "a picture came from a bridge that has ended"
    viewer_end
    say "The bridge ended while a viewer was there: its session ended, the viewer was let go."
    [ "$(ctl sessions $NODE | grep -c kvm)" = 0 ] || fail "left at the firmware: $(ctl sessions $NODE)"
}
