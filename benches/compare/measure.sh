# The measurements: one server in one case, one line of compare.csv. Sourced by compare.sh.

# `requests` to `handshakes_ms` are what a measure_KIND prints.
csv_head=case,server,round,requests,seconds,requests_per_s,cpu_us_per_request,core_percent
csv_head+=,p50_us,p99_us,pss_kib,idle_bytes,errors,others_percent,resumed_percent,handshakes_ms

client_pid=

# Of the case whose variables are set.
measure() {
  local case=$1 server=$2 round=$3 fields resumed
  say "round $round/$rounds $case $server ..."
  # Before nginx opens it.
  rm -f "$tmp/resumed.log"
  start_server "$server"
  "measure_$kind" >"$tmp/fields"
  resumed=
  if [[ $server = tidegate && -n $secure ]]; then resumed=$(resumed_by_tidegate); fi
  stop_server
  # nginx writes the rest of its log when it ends.
  if [[ -s $tmp/resumed.log ]]; then resumed=$(resumed_by_nginx); fi
  read -r fields <"$tmp/fields"
  echo "$case,$server,$round,${fields/RESUMED/$resumed}" >>"$out/compare.csv"
}

# ---- What the system counts ---------------------------------------------------------------------

# CPU time of the server so far, in ns: user and system, every thread of every process.
cpu_ns() {
  local pid file ns total=0
  for pid in "${server_pids[@]}"; do
    for file in "/proc/$pid/task/"*/schedstat; do
      read -r ns _ <"$file"
      total=$((total + ns))
    done
  done
  echo "$total"
}

# Its memory in KiB: proportional set size, so that pages shared by its processes count once.
pss_kib() {
  local pid files=()
  for pid in "${server_pids[@]}"; do files+=("/proc/$pid/smaps_rollup"); done
  awk '$1 == "Pss:" { sum += $2 } END { print sum }' "${files[@]}"
}

# Time the server's core was not idle so far, in clock ticks.
core_ticks() {
  awk -v cpu="cpu$server_cpu" '$1 == cpu { print $2 + $3 + $4 + $7 + $8 + $9 }' /proc/stat
}

# ---- Loads --------------------------------------------------------------------------------------

# One run of wrk: prints the fields of a CSV line from `requests` on.
measure_load() {
  local busy_before busy_after cpu_before cpu_after pss measured
  busy_before=$(core_ticks)
  cpu_before=$(cpu_ns)
  PIPELINE=$pipeline FILES=$many taskset -c "$load_cpus" "$wrk_bin" -t "$threads" -d "$seconds" \
    --timeout 10 --latency -s "$parts/wrk.lua" "${wrk_args[@]}" "${condition[@]}" \
    "$(url)" >"$tmp/wrk.out" 2>&1 &
  client_pid=$!
  # Halfway through, while the connections are there.
  sleep "$(awk -v s="$seconds" 'BEGIN { print s / 2 }')"
  pss=$(pss_kib)
  wait "$client_pid" || die "wrk failed: $(tail -n 1 "$tmp/wrk.out")"
  client_pid=
  # Closing the connections of the load belongs to its cost, too.
  sleep 0.05
  cpu_after=$(cpu_ns)
  busy_after=$(core_ticks)
  measured=$(grep '^MEASURED ' "$tmp/wrk.out") || die "wrk printed no result: see $tmp/wrk.out"
  check_bytes "$measured"
  awk -v cpu_ns=$((cpu_after - cpu_before)) -v ticks=$((busy_after - busy_before)) \
    -v hz="$(getconf CLK_TCK)" -v pss="$pss" -v workers="$workers" -v pipeline="$pipeline" '{
      seconds = $4 / 1e6
      others = workers > 1 ? "" : sprintf("%.1f", 100 * (ticks / hz - cpu_ns / 1e9) / seconds)
      if (others != "" && others < 0) others = "0.0"
      # wrk corrects its latencies for one request at a time, which makes nonsense of batches.
      if (pipeline > 1) $5 = $6 = ""
      printf "%d,%.3f,%.1f,%.4f,%.1f,%s,%s,%d,,%d,%s,RESUMED,\n", $2, seconds, $2 / seconds,
        cpu_ns / 1e3 / ($2 > 0 ? $2 : 1), cpu_ns / 1e7 / seconds, $5, $6, pss,
        $7 + $8 + $9 + $10 + $11, others
    }' <<<"$measured"
}

# That the load got what verify had seen. Half and double: curl and wrk send other fields, and what
# is under way when time is up counts as bytes but not as a request.
check_bytes() {
  local requests bytes
  read -r _ requests bytes _ <<<"$1"
  ((requests == 0)) ||
    ((bytes >= requests * answer_bytes / 2 && bytes <= 2 * requests * answer_bytes)) ||
    die "wrk got $((bytes / requests)) bytes an answer, curl $answer_bytes"
}

stop_client() {
  [[ -n $client_pid ]] || return 0
  kill -TERM "$client_pid" 2>/dev/null || true
  wait "$client_pid" 2>/dev/null || true
  client_pid=
}

# Memory before and with idle connections: prints the same fields, most of them empty.
measure_idle() {
  local before after held
  before=$(pss_kib)
  # The client ends with its standard input, which is ours to close.
  exec {hold}> >(exec taskset -c "$load_cpus" "$examples/idle" ${secure:+--tls} \
    "$idle_connections" "127.0.0.1:$port" "$target" >"$tmp/idle.out" 2>&1)
  client_pid=$!
  while ! held=$(grep '^held ' "$tmp/idle.out" 2>/dev/null); do
    kill -0 "$client_pid" 2>/dev/null || die "the idle client failed: $(cat "$tmp/idle.out")"
    sleep 0.05
  done
  after=$(pss_kib)
  exec {hold}>&-
  stop_client
  awk -v before="$before" -v after="$after" -v n="${held#held }" \
    'BEGIN { printf ",,,,,,,%d,%.0f,0,,,\n", before, (after - before) * 1024 / n }'
}

# Latencies of established connections while handshakes arrive: prints the same fields.
measure_storm() {
  taskset -c "$load_cpus" "$examples/storm" "127.0.0.1:$port" "$target" >"$tmp/storm.out" 2>&1 ||
    die "the storm client failed: $(cat "$tmp/storm.out")"
  awk -v pss="$(pss_kib)" \
    '$1 == "storm" { printf "%d,,,,,%d,%d,%d,,0,,,%d\n", $2, $3, $4, pss, $6 }' "$tmp/storm.out"
}

# The share of handshakes that resumed a session, in percent.
resumed_by_tidegate() {
  curl -s --unix-socket "$tmp/admin.sock" http://localhost/metrics | awk '
    /^tidegate_tls_handshakes_total/ { all += $2 }
    /^tidegate_tls_handshakes_total.*resumed/ { resumed = $2 }
    END { if (all) printf "%.0f", 100 * resumed / all }'
}

resumed_by_nginx() {
  awk '$1 == "r" { resumed++ } END { printf "%.0f", 100 * resumed / NR }' "$tmp/resumed.log"
}
