#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# MeshCentral beside outbandd in one run: the same fleet, the same machine, the same minutes. Its MPS takes a
# device that gives the first 16 characters of a group's id as user and the server's MPS password. Sourced by
# bench/run. Needs npm and the network once, to install it into the build directory.
# shellcheck disable=SC2034,SC2154 # variables of the other files

free_port() {
    node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}
# mesh_ctrl WORDS…: MeshCentral's own command line; its certificate is its own, too
mesh_ctrl() {
    NODE_TLS_REJECT_UNAUTHORIZED=0 timeout 30 node "$mesh/node_modules/meshcentral/meshctrl" "$@" \
        --url "wss://127.0.0.1:$mesh_web" --loginuser admin --loginpass "$mesh_password" 2>/dev/null
}

# mesh_start: fresh database, kept certificates; sets OTHER, its real process in mesh_pid, and mesh_user
mesh_start() {
    local data=$mesh/meshcentral-data
    mesh_web=$(free_port) mesh_mps=$(free_port)
    mkdir -p "$data"
    rm -f "$data"/*.db
    # AMT manager off: outbandd is asked no more than to hold the tunnels, either
    jq -n --argjson web "$mesh_web" --argjson mps "$mesh_mps" --arg pass "$mesh_password" '{settings: {
        cert: "bench.example.com", port: $web, portBind: "127.0.0.1", redirPort: 0, mpsPort: $mps, mpsPortBind: "127.0.0.1",
        mpsPass: $pass, WANonly: true, fastCert: true, selfUpdate: false, exactPorts: true, amtManager: false,
        ignoreAgentHashCheck: true, autoBackup: false}, domains: {"": {title: "bench", newAccounts: false}}}' >"$data/config.json"
    (cd "$mesh" && timeout 60 node node_modules/meshcentral --createaccount admin --pass "$mesh_password" --name admin &&
        timeout 60 node node_modules/meshcentral --adminaccount user//admin) >"$dir/mesh-setup.log" 2>&1 || return 1
    (cd "$mesh" && exec taskset -c "$server_core" node node_modules/meshcentral) >"$dir/mesh.log" 2>&1 &
    OTHER=$!
    await 120 says "$dir/mesh.log" 'AMT server running' || return 1
    await 60 says "$dir/mesh.log" 'HTTPS server running' || return 1
    mesh_pid=$(pgrep -P "$OTHER" | head -n 1)
    [ -n "$mesh_pid" ] || mesh_pid=$OTHER
    mesh_user=$(mesh_ctrl adddevicegroup --name bench --amtonly | sed -n 's|^ok mesh//||p' | cut -c1-16 | tr '@$' X)
    [ "${#mesh_user}" = 16 ]
}

part_meshcentral() {
    local n=$storm_n from rss rate mem our_rate our_mem
    command -v npm >/dev/null || { say "meshcentral: npm is not here; nothing compared"; return; }
    mesh=$build/bench-meshcentral mesh_password=Bench1-$RANDOM-word
    mkdir -p "$mesh"
    [ -d "$mesh/node_modules/meshcentral" ] ||
        (cd "$mesh" && npm install --no-audit --no-fund --omit=dev meshcentral >npm.log 2>&1) ||
        { say "meshcentral: npm cannot install it, see $mesh/npm.log; nothing compared"; return; }

    storm ours 60000
    our_rate=$(calc "$n * 1e6 / $cpu" %.0f)
    sleep 5
    our_mem=$(calc "($(rss_kb "$SERVER") - $rss_before) * 1.024 / $n")
    stop_all

    dir=$tmp/meshcentral
    mkdir -p "$dir"
    mesh_start || { say "meshcentral does not start: $(tail -n 2 "$dir/mesh.log")"; stop_all; return; }
    sleep 3
    CIRA=127.0.0.1:$mesh_mps
    fleet_start "$n" --hold --threads 2 --latency 60000 --cira "$mesh_user:$mesh_password"
    rss=$(rss_kb "$mesh_pid") from=$(cpu_us "$mesh_pid")
    fleet start '*' >/dev/null
    await 120 all_connected || { say "meshcentral: not all nodes connected"; stop_all; return; }
    rate=$(calc "$n * 1e6 / ($(cpu_us "$mesh_pid") - $from)" %.0f)
    sleep 5
    mem=$(calc "($(rss_kb "$mesh_pid") - $rss) * 1.024 / $n")
    stop_all
    local version
    version="MeshCentral $(jq -r .version "$mesh/node_modules/meshcentral/package.json"), node $(node --version)"
    result "tunnels accepted per second of CPU, MeshCentral" "$rate" /s - '' "$version, RSA-2048, $n nodes at once"
    result "tunnels accepted per second of CPU, outbandd" "$our_rate" /s - '' "the same fleet"
    result "accepted: outbandd to MeshCentral" "$(calc "$our_rate / $rate")" times - ''
    result "memory per tunnel, MeshCentral" "$mem" kB - '' "$n tunnels, 5 s after the last"
    result "memory per tunnel, outbandd" "$our_mem" kB - '' "$n tunnels, each with a device card asked for and not answered yet"
    result "memory: MeshCentral to outbandd" "$(calc "$mem / $our_mem")" times - ''
}
