#!/usr/bin/env bash
# Compares Tidegate with nginx and with the floor (a bare epoll loop): the same load against each
# in turn, in interleaved rounds, one core for the server and the others for the load.
# What is measured and how to read it: benches/README.md. Usage: benches/compare.sh --help.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

# ---- Settings -----------------------------------------------------------------------------------

all_cases=(plaintext pipeline c1000 connect idle workers2
  tls tls_full tls_resumed tls_1m tls_idle tls_storm)
all_servers=(tidegate nginx floor)

rounds=5
seconds=4
cases=("${all_cases[@]}")
servers=("${all_servers[@]}")
out=$here/results
server_cpu=0
second_cpu=1
load_cpus=
idle_connections=9000
nginx_bin=${NGINX_BIN:-nginx}
wrk_bin=${WRK_BIN:-wrk}
tidegate_bin=${TIDEGATE_BIN:-}

usage() {
  cat <<USAGE
usage: benches/compare.sh [options]
  --rounds N         rounds of every case and server, the median counts (default 5)
  --seconds S        length of one measurement (default 4)
  --cases LIST       of ${all_cases[*]} (comma between; default all)
  --servers LIST     of ${all_servers[*]} (default all)
  --out DIR          where compare.csv, compare.md and compare.svg go (default benches/results)
  --quick            one round of one second: does it run at all?
  --server-cpu N     the core of the server (default 0)
  --second-cpu N     its other core in the case workers2 (default 1)
  --load-cpus LIST   cores of the load, as taskset takes them (default: the last core);
                     wrk runs one thread on each
environment: NGINX_BIN, WRK_BIN, TIDEGATE_BIN: binaries to use (TIDEGATE_BIN: nothing is built)
USAGE
}

# ---- Cases --------------------------------------------------------------------------------------
# A case is one function, called with the name of the server before that server is started. It sets
#   kind              load (wrk runs), idle (connections are held open) or storm (handshakes arrive
#                     while others are served)
#   target            path to ask for; $body is what it must answer, byte for byte
#   wrk_args          what is added to wrk's command line; $pipeline: requests sent at once
#   workers           workers of the server; more than one run on $second_cpu too
#   nginx_server      lines for nginx's server block
#   secure            non-empty: over TLS, with this kind of key (ecdsa or rsa)
#   tickets           whether sessions may be resumed
#   tidegate_args, floor_args   further arguments
#   skip              non-empty: why this server does not take part
# from the defaults of case_defaults, and is named in all_cases above. Files go below $tmp.

case_defaults() {
  kind=load
  target=/plaintext
  body='Hello, World!'
  wrk_args=(-c 64)
  pipeline=1
  workers=1
  secure=
  tickets=on
  nginx_server='location = /plaintext { default_type text/plain; return 200 "Hello, World!"; }'
  tidegate_args=(--demo)
  floor_args=()
  skip=
}

case_plaintext() { :; }

case_pipeline() { pipeline=16; }

case_c1000() { wrk_args=(-c 1000); }

case_connect() { wrk_args=(-c 64 -H 'Connection: close'); }

case_idle() { kind=idle; }

case_workers2() {
  workers=2
  if [[ $1 = floor ]]; then skip='it has one thread'; fi
}

# Without an argument of its own a case over TLS is the one in the clear.
over_tls() {
  secure=$1
  if [[ $2 = floor ]]; then skip='it speaks no TLS'; fi
}

case_tls() { over_tls ecdsa "$1"; }

case_tls_full() {
  over_tls ecdsa "$1"
  tickets=off
  case_connect
}

case_tls_resumed() {
  over_tls ecdsa "$1"
  case_connect
}

case_tls_1m() {
  over_tls ecdsa "$1"
  wrk_args=(-c 16)
  target=/1m.bin
  body=@$tmp/root/1m.bin
  nginx_server="root $tmp/root;"
  tidegate_args=("$tmp/root")
  if [[ -e $tmp/root/1m.bin ]]; then return; fi
  mkdir -p "$tmp/root"
  head -c 1048576 /dev/urandom >"$tmp/root/1m.bin"
}

case_tls_idle() {
  over_tls ecdsa "$1"
  kind=idle
}

case_tls_storm() {
  over_tls rsa "$1"
  kind=storm
}

# ---- Servers ------------------------------------------------------------------------------------
# A server is one function that sets `command` to what serves on 127.0.0.1:$port.

command_floor() {
  command=("$examples/floor" --listen "127.0.0.1:$port" "${floor_args[@]}")
}

command_tidegate() {
  local listen=(-l "127.0.0.1:$port")
  if [[ -n $secure ]]; then
    listen=(-l "unix:$tmp/tidegate.sock" --admin-listen "unix:$tmp/admin.sock"
      --tls-listen "127.0.0.1:$port" --tls-session-tickets "$tickets"
      --tls-cert "$tmp/$secure.crt" --tls-key "$tmp/$secure.key")
  fi
  command=("$tidegate_bin" "${listen[@]}" --workers "$workers" --access-log off
    --max-requests 0 "${tidegate_args[@]}")
}

command_nginx() {
  write_nginx_config >"$tmp/nginx.conf"
  command=("$nginx_bin" -p "$tmp" -c "$tmp/nginx.conf")
}

write_nginx_config() {
  # Workers that gave up root could not read what a case puts below $tmp.
  if ((EUID == 0)); then echo 'user root root;'; fi
  cat <<CONFIG
worker_processes $workers;
daemon off;
master_process on;
pid $tmp/nginx.pid;
error_log $tmp/nginx.log warn;
events { worker_connections 20000; }
http {
  access_log off;
  server_tokens off;
  keepalive_requests 1000000000;
  sendfile on;
  client_body_temp_path $tmp/nginx-body;
  proxy_temp_path $tmp/nginx-proxy;
  fastcgi_temp_path $tmp/nginx-fastcgi;
  uwsgi_temp_path $tmp/nginx-uwsgi;
  scgi_temp_path $tmp/nginx-scgi;
  log_format resumed '\$ssl_session_reused';
  server {
    listen 127.0.0.1:$port ${secure:+ssl} reuseport backlog=4096;
    $(nginx_tls)
    $nginx_server
  }
}
CONFIG
}

# Tidegate's own settings: TLS 1.2 and 1.3, tickets and no cache of sessions. Where every request has
# a handshake, its kind goes to a log that is buffered: that cost is not to be seen beside it.
nginx_tls() {
  [[ -n $secure ]] || return 0
  echo "ssl_certificate $tmp/$secure.crt; ssl_certificate_key $tmp/$secure.key;"
  echo "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets $tickets;"
  if [[ ${wrk_args[*]} = *close* ]]; then
    echo "access_log $tmp/resumed.log resumed buffer=1m flush=1s;"
  fi
}

# ---- Talking and checking -----------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }

die() {
  say "compare.sh: $*"
  exit 1
}

need() {
  command -v "$1" >/dev/null || die "$1 is missing. $2"
}

contains() {
  local wanted=$1 word
  shift
  for word in "$@"; do [[ $word != "$wanted" ]] || return 0; done
  return 1
}

read_options() {
  local option
  while (($# > 0)); do
    option=$1
    shift
    case $option in
      --quick) rounds=1 seconds=1 && continue ;;
      -h | --help) usage && exit 0 ;;
      --*) (($# > 0)) || die "$option wants a value (see --help)" ;;
    esac
    case $option in
      --rounds) rounds=$1 ;;
      --seconds) seconds=$1 ;;
      --cases) IFS=', ' read -r -a cases <<<"$1" ;;
      --servers) IFS=', ' read -r -a servers <<<"$1" ;;
      --out) out=$1 ;;
      --server-cpu) server_cpu=$1 ;;
      --second-cpu) second_cpu=$1 ;;
      --load-cpus) load_cpus=$1 ;;
      *) die "unknown option $option (see --help)" ;;
    esac
    shift
  done
  [[ $rounds =~ ^[1-9][0-9]*$ && $seconds =~ ^[1-9][0-9]*$ ]] ||
    die '--rounds and --seconds want whole numbers from 1'
  local word
  for word in "${cases[@]}"; do
    contains "$word" "${all_cases[@]}" || die "no case $word (there are: ${all_cases[*]})"
  done
  for word in "${servers[@]}"; do
    contains "$word" "${all_servers[@]}" || die "no server $word (there are: ${all_servers[*]})"
  done
}

prepare() {
  [[ $(uname -s) = Linux ]] || die 'CPU time and memory are read from /proc: Linux only'
  need "$wrk_bin" 'Install it: apt-get install wrk'
  need taskset 'Install it: apt-get install util-linux'
  need curl 'Install it: apt-get install curl'
  need awk 'Install it: apt-get install mawk'
  if contains nginx "${servers[@]}"; then need "$nginx_bin" 'Install it: apt-get install nginx'; fi
  (($(nproc --all) >= 2)) || die 'two cores are needed: one for the server, one for the load'
  [[ -r /proc/self/schedstat ]] || die 'no /proc/PID/schedstat: the kernel lacks CONFIG_SCHED_INFO'
  [[ -r /proc/self/smaps_rollup ]] || die 'no /proc/PID/smaps_rollup: the kernel is too old'
  [[ -n $load_cpus ]] || load_cpus=$(($(nproc --all) - 1))
  threads=$(taskset -c "$load_cpus" nproc) || die "no such cores: $load_cpus"
  taskset -c "$server_cpu" true || die "no such core: $server_cpu"
  if shares_load "$server_cpu"; then die "core $server_cpu cannot be the server's and the load's"; fi
  # Room for the connections of a case at both ends, each end a process of its own.
  ulimit -n "$(ulimit -Hn)"
  local descriptors
  descriptors=$(ulimit -n)
  if [[ $descriptors != unlimited ]] && ((descriptors < idle_connections + 100)); then
    idle_connections=$((descriptors - 100))
    say "only $descriptors descriptors a process: the idle case holds $idle_connections connections"
  fi
  build
  mkdir -p "$out"
  make_certificates
  # Whatever this script runs itself stays away from the server's core.
  taskset -c -p "$load_cpus" $$ >/dev/null
}

# A certificate of each kind for localhost, made anew.
make_certificates() {
  [[ " ${cases[*]} " = *' tls'* ]] || return 0
  need openssl 'Install it: apt-get install openssl'
  local kind key
  for kind in ecdsa rsa; do
    key=(rsa:2048)
    if [[ $kind = ecdsa ]]; then key=(ec -pkeyopt ec_paramgen_curve:P-256); fi
    openssl req -x509 -newkey "${key[@]}" -nodes -days 30 -subj /CN=localhost \
      -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
      -keyout "$tmp/$kind.key" -out "$tmp/$kind.crt" 2>/dev/null
  done
}

# Whether a core is one of the load's.
shares_load() { (($(taskset -c "$load_cpus,$1" nproc) == threads)); }

# Whether any case has a client other than wrk.
needs_client() { [[ " ${cases[*]} " = *idle* || " ${cases[*]} " = *storm* ]]; }

build() {
  local target=${CARGO_TARGET_DIR:-$root/target}
  examples=$target/release/examples
  if contains floor "${servers[@]}" || needs_client; then
    need cargo 'Install Rust: https://rustup.rs'
    say 'building the floor and the clients ...'
    (cd "$root" && cargo build --quiet --release --example floor --example idle --example storm)
  fi
  if contains tidegate "${servers[@]}" && [[ -z $tidegate_bin ]]; then
    need cargo 'Install Rust: https://rustup.rs'
    say 'building tidegate ...'
    (cd "$root" && cargo build --quiet --release)
    tidegate_bin=$target/release/tidegate
  fi
}

# ---- Starting and ending processes --------------------------------------------------------------

server_pids=()
client_pid=

# A port below the ephemeral ones on which nothing listens. Each start takes a new one, so that
# connections of the last run in TIME_WAIT are in nobody's way.
pick_port() {
  local used
  used=$(awk '$4 == "0A" { split($2, a, ":"); print a[length(a)] }' /proc/net/tcp /proc/net/tcp6)
  while true; do
    port=$((12000 + RANDOM % 20000))
    [[ " ${used//$'\n'/ } " != *" $(printf '%04X' "$port") "* ]] && return
  done
}

# The process and all its descendants, into server_pids.
find_processes() {
  server_pids=("$1")
  local i=0 stat line
  while ((i < ${#server_pids[@]})); do
    for stat in /proc/[0-9]*/stat; do
      { read -r line <"$stat"; } 2>/dev/null || continue
      # After the command in parentheses: state, parent.
      line=${line##*) }
      line=${line#* }
      if [[ ${line%% *} = "${server_pids[i]}" ]]; then
        stat=${stat#/proc/}
        server_pids+=("${stat%/stat}")
      fi
    done
    i=$((i + 1))
  done
}

start_server() {
  local server=$1 cpus=$server_cpu i
  pick_port
  "command_$server"
  if ((workers > 1)); then cpus=$server_cpu,$second_cpu; fi
  taskset -c "$cpus" "${command[@]}" >"$tmp/$server.out" 2>&1 </dev/null &
  server_pids=("$!")
  for ((i = 0; i < 100; i++)); do
    kill -0 "${server_pids[0]}" 2>/dev/null || break
    if curl -sk -o /dev/null "$(url)"; then
      verify "$server"
      find_processes "${server_pids[0]}"
      return
    fi
    sleep 0.05
  done
  say "$server did not come up: ${command[*]}"
  tail -n 5 "$tmp/$server.out" "$tmp/nginx.log" >&2 2>/dev/null || true
  exit 1
}

url() { echo "http${secure:+s}://127.0.0.1:$port$target"; }

# Every server must answer the same, or the figures compare different work.
verify() {
  local status
  status=$(curl -sk -o "$tmp/answer" -w '%{http_code}' "$(url)")
  [[ $status = 200 ]] || die "$1 answered $target with status $status instead of 200"
  if [[ $body = @* ]]; then cat "${body#@}"; else printf '%s' "$body"; fi |
    cmp -s - "$tmp/answer" ||
    die "$1 answered $target with another body: $(head -c 100 "$tmp/answer" | tr -d '\0')"
}

stop_server() {
  ((${#server_pids[@]} > 0)) || return 0
  local i
  kill -TERM "${server_pids[0]}" 2>/dev/null || true
  for ((i = 0; i < 60; i++)); do
    # Succeeds as long as one of them is there.
    kill -0 "${server_pids[@]}" 2>/dev/null || break
    sleep 0.05
  done
  if ((i == 60)); then kill -KILL "${server_pids[@]}" 2>/dev/null || true; fi
  wait "${server_pids[0]}" 2>/dev/null || true
  server_pids=()
}

stop_client() {
  [[ -n $client_pid ]] || return 0
  kill -TERM "$client_pid" 2>/dev/null || true
  wait "$client_pid" 2>/dev/null || true
  client_pid=
}

clean_up() {
  stop_client
  stop_server
  rm -rf "$tmp"
}

# ---- Measuring ----------------------------------------------------------------------------------

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

# One run of wrk: prints the fields of a CSV line from `requests` on.
measure_load() {
  local busy_before busy_after cpu_before cpu_after pss measured
  busy_before=$(core_ticks)
  cpu_before=$(cpu_ns)
  PIPELINE=$pipeline taskset -c "$load_cpus" "$wrk_bin" -t "$threads" -d "$seconds" \
    --timeout 10 --latency -s "$here/wrk.lua" "${wrk_args[@]}" \
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
  awk -v cpu_ns=$((cpu_after - cpu_before)) -v ticks=$((busy_after - busy_before)) \
    -v hz="$(getconf CLK_TCK)" -v pss="$pss" -v workers="$workers" -v pipeline="$pipeline" '{
      seconds = $3 / 1e6
      others = workers > 1 ? "" : sprintf("%.1f", 100 * (ticks / hz - cpu_ns / 1e9) / seconds)
      if (others != "" && others < 0) others = "0.0"
      # wrk corrects its latencies for one request at a time, which makes nonsense of batches.
      if (pipeline > 1) $4 = $5 = ""
      printf "%d,%.3f,%.1f,%.4f,%.1f,%s,%s,%d,,%d,%s,RESUMED,\n", $2, seconds, $2 / seconds,
        cpu_ns / 1e3 / ($2 > 0 ? $2 : 1), cpu_ns / 1e7 / seconds, $4, $5, pss,
        $6 + $7 + $8 + $9 + $10, others
    }' <<<"$measured"
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

measure() {
  local case=$1 server=$2 round=$3 fields resumed
  case_defaults
  "case_$case" "$server"
  if [[ -n $skip ]]; then
    say "round $round/$rounds $case $server: left out, $skip"
    return
  fi
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

# ---- Reporting ----------------------------------------------------------------------------------

describe() {
  local model tidegate=
  model=$(awk -F ': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)
  echo "- Machine: ${model:-$(uname -m)}, $(nproc --all) cores, $(uname -sr)"
  echo "- Server on core $server_cpu, load on $load_cpus ($threads wrk thread(s));" \
    "$rounds round(s) of $seconds s"
  if contains tidegate "${servers[@]}"; then
    tidegate=$("$tidegate_bin" --version 2>/dev/null | head -n 1) || true
    echo "- ${tidegate:-tidegate (no version)}," \
      "commit $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
  fi
  if contains nginx "${servers[@]}"; then echo "- $("$nginx_bin" -v 2>&1)"; fi
  echo "- $("$wrk_bin" -v 2>&1 | awk 'NR == 1 { print $1, $2 }')"
  echo "- $(date -u '+%Y-%m-%d %H:%M UTC'): \`benches/compare.sh${arguments:+ $arguments}\`"
}

report() {
  {
    echo '# Comparison'
    echo
    describe
    echo
    awk -f "$here/median.awk" -f "$here/table.awk" "$out/compare.csv"
    if contains workers2 "${cases[@]}" && shares_load "$second_cpu"; then
      echo "- workers2: the second worker shared core $second_cpu with the load: no scaling shows here."
    fi
  } | tee "$out/compare.md"
  awk -f "$here/median.awk" -f "$here/chart.awk" "$out/compare.csv" >"$out/compare.svg"
  say "written: $out/compare.csv, compare.md, compare.svg"
}

main() {
  local round case i n
  arguments=$*
  read_options "$@"
  tmp=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  prepare
  echo 'case,server,round,requests,seconds,requests_per_s,cpu_us_per_request,core_percent,p50_us,p99_us,pss_kib,idle_bytes,errors,others_percent,resumed_percent,handshakes_ms' >"$out/compare.csv"
  n=${#servers[@]}
  for ((round = 1; round <= rounds; round++)); do
    for case in "${cases[@]}"; do
      # Every round begins with another server, so that no place in the order is an advantage.
      for ((i = 0; i < n; i++)); do
        measure "$case" "${servers[(i + round - 1) % n]}" "$round"
      done
    done
  done
  report
}

main "$@"
