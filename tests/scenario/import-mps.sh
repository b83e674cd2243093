# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The nodes of a public MPS, all with one CIRA user and password, come here without being touched: its root
# certificate, its list of devices (REST) and its secrets (an export of Vault) are taken over.
fake_mps() { # PORT-FILE: what the public MPS answers to a login and to a list of devices
    python3 - "$WORK/devices.json" "$1" <<'PY' &
import http.server, json, sys
class Mps(http.server.BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = self.path == "/api/v1/authorize" and given == {"username": "standalone", "password": "Mps-Passw0rd"}
        self.answer(200 if good else 401, {"token": "mps-token"} if good else {})
    def do_GET(self):
        good = self.headers["Authorization"] == "Bearer mps-token" and self.path.startswith("/api/v1/devices")
        self.answer(200 if good else 401, json.load(open(sys.argv[1])) if good else {})
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Mps)
open(sys.argv[2], "w").write(str(server.server_port))
server.serve_forever()
PY
    JOB[mps]=$!
    wait_until 10 "the other MPS listens" test -s "$1"
}

story() {
    server_init
    openssl req -x509 -newkey rsa:3072 -nodes -keyout "$WORK/mps.key" -out "$WORK/mps.pem" -days 3650 -subj "/CN=MPSRoot-1a2b3c" \
        -addext "basicConstraints=critical,CA:TRUE" 2>/dev/null || fail "openssl"
    "$BUILD/src/server/outbandd" import-ca --data-dir "$WORK/data" --cert "$WORK/mps.pem" --key "$WORK/data/ca.key" --hostname mps.old.example \
        >"$WORK/import-ca.log" 2>&1 && fail "a key that is not the certificate's was taken"
    say "import-ca with a wrong key: $(head -n 1 "$WORK/import-ca.log")"
    "$BUILD/src/server/outbandd" import-ca --data-dir "$WORK/data" --cert "$WORK/mps.pem" --key "$WORK/mps.key" --hostname mps.old.example \
        >"$WORK/import-ca.log" 2>&1 || fail "import-ca: $(cat "$WORK/import-ca.log")"
    server_start
    cli_login # over HTTPS our own root is still what is trusted
    "$BUILD/src/sim/amtsim" --server "127.0.0.1:$CIRA_PORT" --ca "$WORK/mps.pem" --verify-name mps.old.example --count 5 --csv-out "$WORK/nodes.csv" \
        --control "$WORK/ctl" --seed 7 --cira admin:Shared-Passw0rd >"$WORK/amtsim.log" 2>&1 &
    FLEET_PID=$!
    wait_until 20 "amtsim has written its CSV" test -s "$WORK/nodes.csv"
    say "Five nodes with one CIRA user dial the name and the root of the MPS they were activated for."
    wait_until 20 "they are refused before they are known" grep -q 'no host has this CIRA user' "$WORK/outbandd.log"

    # what the other MPS knows: list of devices, and Vault; node005's secrets are lost
    python3 - "$WORK" <<'PY' || fail "the exports"
import csv, json, sys
work = sys.argv[1]
rows = list(csv.DictReader(open(work + "/nodes.csv")))
json.dump([{"guid": r["AmtUUID"], "hostname": r["Name"], "mpsusername": "admin", "tags": ["lab"], "connectionStatus": True} for r in rows],
          open(work + "/devices.json", "w"))
json.dump({"devices/" + r["AmtUUID"]: {"AMT_PASSWORD": r["AmtPassword"], "MPS_PASSWORD": "Shared-Passw0rd"} for r in rows[:4]},
          open(work + "/vault.json", "w"))
PY
    fake_mps "$WORK/mps.port"
    printf 'Mps-Passw0rd\n' >"$WORK/mps.password"
    import() {
        cli import hosts --from-mps "http://127.0.0.1:$(cat "$WORK/mps.port")" --mps-user standalone --password-file "$WORK/mps.password" \
            --vault-json "$WORK/vault.json" "$@"
    }
    import --dry-run >"$WORK/dry" || fail "import --dry-run"
    [ "$(api GET /v1/projects/default/compute/hosts | jq .totalElements)" = 0 ] || fail "a dry run made hosts"
    grep -q 'node005.*identity only.*does not come over REST' "$WORK/dry" || fail "what cannot come over: $(cat "$WORK/dry")"
    say "A dry run tells: $(grep node005 "$WORK/dry" | tr -s ' ')"
    import >/dev/null || fail "import"
    wait_until 60 "the four nodes with secrets are up" test_summary '.link.up == 4'
    say "They reconnected by themselves: $(cli list host | grep -c ' up ') links, CIRA user $(host node001 .oob.aliases.ciraUser), shared: $(host node001 .oob.aliases.ciraShared)."
    for n in 1 2 3 4; do
        host_is "node00$n" '.oob.aliases.seenUuid == .oob.aliases.amtUuid' || fail "node00$n has another node's tunnel"
    done
    cli set host node002 --power off --wait --timeout 60 >/dev/null || fail "power off of node002"
    host_is node002 '.oob.power.state == "off"' || fail "node002 is not off"
    host_is node001 '.oob.power.state == "on"' || fail "another node of the shared user was switched"
    say "node002 was switched off, the others of the same CIRA user are still on."
    host_is node005 '.oob.link.state == "never"' || fail "node005 has no secret and must not connect"
    api GET /api/v1/quarantine | jq -e '.entries[] | select(.reason | test("has this UUID"))' >/dev/null || fail "node005 is not listed"
    say "node005: $(api GET /api/v1/quarantine | jq -r '.entries[] | select(.reason | test("has this UUID")) | .reason')"
    server_stop KILL
    server_start
    wait_until 60 "all come back after a crash" test_summary '.link.up == 4'
    say "After a crash of the server all four are back."
}
