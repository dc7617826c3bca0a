#!/usr/bin/env bash
# Compares Tidegate with nginx, for files with h2o too, and with the floor (a bare epoll loop): the
# same load against each in turn, in interleaved rounds, one core for the server and the others for
# the load. What is measured and how to read it: benches/README.md. Usage: see --help.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
parts=$here/compare

# shellcheck source=compare/cases.sh
source "$parts/cases.sh"
# shellcheck source=compare/servers.sh
source "$parts/servers.sh"
# shellcheck source=compare/measure.sh
source "$parts/measure.sh"
# shellcheck source=compare/report.sh
source "$parts/report.sh"

# ---- Settings -----------------------------------------------------------------------------------

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
h2o_bin=${H2O_BIN:-h2o}
wrk_bin=${WRK_BIN:-wrk}
tidegate_bin=${TIDEGATE_BIN:-}

usage() {
  cat <<USAGE
usage: benches/compare.sh [options]
  --rounds N         rounds of every case and server, the median counts (default 5)
  --seconds S        length of one measurement (default 4)
  --cases LIST       of ${all_cases[*]}
                     (comma between; default all; files is short for ${file_cases[*]})
  --servers LIST     of ${all_servers[*]} (default all)
  --out DIR          where compare.csv, compare.md and compare.svg go (default benches/results)
  --quick            one round of one second: does it run at all?
  --server-cpu N     the core of the server (default 0)
  --second-cpu N     its other core in the case workers2 (default 1)
  --load-cpus LIST   cores of the load, as taskset takes them (default: the last core);
                     wrk runs one thread on each
environment: NGINX_BIN, H2O_BIN, WRK_BIN, TIDEGATE_BIN: binaries to use (TIDEGATE_BIN: nothing is
built)
USAGE
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
      --cases) read_cases "$1" ;;
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

read_cases() {
  local words word
  IFS=', ' read -r -a words <<<"$1"
  cases=()
  for word in "${words[@]}"; do
    if [[ $word = files ]]; then cases+=("${file_cases[@]}"); else cases+=("$word"); fi
  done
}

# ---- Preparing ----------------------------------------------------------------------------------

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

prepare() {
  [[ $(uname -s) = Linux ]] || die 'CPU time and memory are read from /proc: Linux only'
  keep_contenders
  need_programs
  (($(nproc --all) >= 2)) || die 'two cores are needed: one for the server, one for the load'
  [[ -r /proc/self/schedstat ]] || die 'no /proc/PID/schedstat: the kernel lacks CONFIG_SCHED_INFO'
  [[ -r /proc/self/smaps_rollup ]] || die 'no /proc/PID/smaps_rollup: the kernel is too old'
  [[ -n $load_cpus ]] || load_cpus=$(($(nproc --all) - 1))
  threads=$(taskset -c "$load_cpus" nproc) || die "no such cores: $load_cpus"
  taskset -c "$server_cpu" true || die "no such core: $server_cpu"
  if shares_load "$server_cpu"; then
    die "core $server_cpu cannot be the server's and the load's"
  fi
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

# Leaves in servers only what takes part in one of the cases.
keep_contenders() {
  local wanted=("${servers[@]}") case server taking_part=()
  for case in "${cases[@]}"; do
    set_case "$case"
    taking_part+=("${contenders[@]}")
  done
  servers=()
  for server in "${wanted[@]}"; do
    if ! contains "$server" "${taking_part[@]}"; then continue; fi
    if [[ $server = h2o ]] && ! command -v "$h2o_bin" >/dev/null; then
      say 'h2o is missing and left out. Install it: apt-get install h2o'
      continue
    fi
    servers+=("$server")
  done
  ((${#servers[@]} > 0)) || die "no server is left for ${cases[*]}: of ${wanted[*]} none takes part"
}

need_programs() {
  need "$wrk_bin" 'Install it: apt-get install wrk'
  need taskset 'Install it: apt-get install util-linux'
  need curl 'Install it: apt-get install curl'
  need awk 'Install it: apt-get install mawk'
  if uses_nginx; then need "$nginx_bin" 'Install it: apt-get install nginx'; fi
}

uses_nginx() { [[ " ${servers[*]} " = *' nginx'* ]]; }

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
  local target=${CARGO_TARGET_DIR:-$root/target} examples_built=()
  examples=$target/release/examples
  if contains floor "${servers[@]}"; then examples_built+=(--example floor); fi
  if needs_client; then examples_built+=(--example idle --example storm); fi
  if ((${#examples_built[@]} > 0)); then
    need cargo 'Install Rust: https://rustup.rs'
    say 'building the floor and the clients ...'
    (cd "$root" && cargo build --quiet --release "${examples_built[@]}")
  fi
  if contains tidegate "${servers[@]}" && [[ -z $tidegate_bin ]]; then
    need cargo 'Install Rust: https://rustup.rs'
    say 'building tidegate ...'
    (cd "$root" && cargo build --quiet --release)
    tidegate_bin=$target/release/tidegate
  fi
}

# ---- Running ------------------------------------------------------------------------------------

set_case() {
  case_defaults
  "case_$1"
}

clean_up() {
  stop_client
  stop_server
  rm -rf "$tmp"
}

# Every server of a case once. Each round begins with another one, so that no place in the order is
# an advantage.
run_case() {
  local case=$1 round=$2 server taking_part=() i n
  set_case "$case"
  for server in "${servers[@]}"; do
    if contains "$server" "${contenders[@]}"; then taking_part+=("$server"); fi
  done
  n=${#taking_part[@]}
  for ((i = 0; i < n; i++)); do
    measure "$case" "${taking_part[(i + round - 1) % n]}" "$round"
  done
}

main() {
  local round case
  arguments=$*
  read_options "$@"
  tmp=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  prepare
  echo "$csv_head" >"$out/compare.csv"
  for ((round = 1; round <= rounds; round++)); do
    for case in "${cases[@]}"; do run_case "$case" "$round"; done
  done
  report
}

main "$@"
