# The servers: how each is started, checked and ended. Sourced by compare.sh.
#
# A server is one function command_NAME that sets `command` to what serves on 127.0.0.1:$port, and
# its name in all_servers.

all_servers=(tidegate nginx nginx_nosendfile h2o floor)

server_pids=()

# ---- Commands and their settings ----------------------------------------------------------------

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
  write_nginx_config on >"$tmp/nginx.conf"
  command=("$nginx_bin" -p "$tmp" -c "$tmp/nginx.conf")
}

command_nginx_nosendfile() {
  command_nginx
  write_nginx_config off >"$tmp/nginx.conf"
}

# Its argument: sendfile on or off.
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
  sendfile $1;
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

# Tidegate's own settings: TLS 1.2 and 1.3, tickets and no cache of sessions. Where every request
# has a handshake, its kind goes to a log that is buffered: that cost is not to be seen beside it.
nginx_tls() {
  [[ -n $secure ]] || return 0
  echo "ssl_certificate $tmp/$secure.crt; ssl_certificate_key $tmp/$secure.key;"
  echo "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets $tickets;"
  if [[ ${wrk_args[*]} = *close* ]]; then
    echo "access_log $tmp/resumed.log resumed buffer=1m flush=1s;"
  fi
}

# It takes part in cases with files alone. Without `access-log` there is none.
command_h2o() {
  {
    # As root it would become nobody, who cannot read what is below $tmp.
    if ((EUID == 0)); then echo 'user: root'; fi
    cat <<CONFIG
listen:
  host: 127.0.0.1
  port: $port
num-threads: $workers
max-connections: 20000
compress: OFF
hosts:
  default:
    paths:
      /:
        file.dir: $tmp/root
CONFIG
  } >"$tmp/h2o.conf"
  command=("$h2o_bin" -c "$tmp/h2o.conf")
}

# ---- Starting -----------------------------------------------------------------------------------

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

# ---- Checking -----------------------------------------------------------------------------------

origin() { echo "http${secure:+s}://127.0.0.1:$port"; }

url() { echo "$(origin)$target"; }

# Every server must answer the same, or the figures compare different work. Leaves in condition what
# wrk has to send beside wrk_args, and in answer_bytes the size of one answer.
verify() {
  local server=$1 path etag
  condition=()
  if [[ $body = @* ]]; then cat "${body#@}"; else printf '%s' "$body"; fi >"$tmp/wanted"
  ask "$server" "$target" 200 "$tmp/wanted"
  for path in "${further[@]}"; do ask "$server" "$path" 200 "$tmp/root$path"; done
  [[ -n $conditional ]] || return 0
  etag=$(answer_field ETag)
  [[ -n $etag ]] || die "$server sent no ETag with $target"
  condition=(-H "If-None-Match: $etag")
  ask "$server" "$target" 304 /dev/null
}

# Server, path, status and file with the body that must come.
ask() {
  local server=$1 path=$2 got_status got_coding headers=("${condition[@]}")
  if [[ -n $coding ]]; then headers+=(--compressed -H "Accept-Encoding: $coding"); fi
  : >"$tmp/answer"
  read -r got_status answer_bytes < <(curl -sk -o "$tmp/answer" -D "$tmp/answer.head" \
    "${headers[@]}" -w '%{http_code} %{size_header} %{size_download}\n' "$(origin)$path" |
    awk '{ print $1, $2 + $3 }')
  [[ $got_status = "$3" ]] ||
    die "$server answered $path with status $got_status instead of $3"
  cmp -s "$4" "$tmp/answer" ||
    die "$server answered $path with another body: $(head -c 100 "$tmp/answer" | tr -d '\0')"
  got_coding=$(answer_field Content-Encoding)
  [[ $got_coding = "$coding" ]] ||
    die "$server answered $path in the coding '$got_coding' instead of '$coding'"
}

# The value of a field of the last answer.
answer_field() {
  awk -v name="$1:" 'tolower($1) == tolower(name) { sub(/^[^ ]* /, ""); sub(/\r$/, ""); print }' \
    "$tmp/answer.head"
}
