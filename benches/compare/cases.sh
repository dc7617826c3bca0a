# The cases: what is asked for, and how the servers are set for it. Sourced by compare.sh.
#
# A case is one function, called before each of its servers is started. It sets
#   contenders        servers that take part
#   kind              load (wrk runs), idle (connections are held open) or storm (handshakes arrive
#                     while others are served)
#   target            path to ask for; $body is what it must answer, byte for byte
#   further           more paths that must be answered, with the files of these names
#   wrk_args          what is added to wrk's command line; $pipeline: requests sent at once
#   many              non-empty: wrk asks for /many/NNNN.bin, so many files, in random order
#   coding            non-empty: the content coding that is asked for, and must be answered in
#   conditional       non-empty: requests carry the ETag of the first answer, and must get 304
#   workers           workers of the server; more than one run on $second_cpu too
#   nginx_server      lines for nginx's server block
#   secure            non-empty: over TLS, with this kind of key (ecdsa or rsa)
#   tickets           whether sessions may be resumed
#   tidegate_args, floor_args   further arguments
# from the defaults of case_defaults, and is named in all_cases below. Files go below $tmp.

all_cases=(plaintext pipeline c1000 connect idle workers2
  tls tls_full tls_resumed tls_1m tls_idle tls_storm
  file_1k file_16k file_1m files_10k not_modified gzip_off gzip_on)
# --cases files
file_cases=(file_1k file_16k file_1m files_10k not_modified gzip_off gzip_on)
# What varies so much that the report shows every round.
every_round=(file_1m)

# The level of gzip on both sides.
gzip_level=5
files_many=10000

case_defaults() {
  contenders=(tidegate nginx floor)
  kind=load
  target=/plaintext
  body='Hello, World!'
  further=()
  wrk_args=(-c 64)
  pipeline=1
  many=
  coding=
  conditional=
  workers=1
  secure=
  tickets=on
  nginx_server='location = /plaintext { default_type text/plain; return 200 "Hello, World!"; }'
  tidegate_args=(--demo)
  floor_args=()
}

case_plaintext() { :; }

case_pipeline() { pipeline=16; }

case_c1000() { wrk_args=(-c 1000); }

case_connect() { wrk_args=(-c 64 -H 'Connection: close'); }

case_idle() { kind=idle; }

case_workers2() {
  # The floor has one thread.
  contenders=(tidegate nginx)
  workers=2
}

# ---- Over TLS, which the floor does not speak ---------------------------------------------------

# Without an argument of its own a case over TLS is the one in the clear.
over_tls() {
  contenders=(tidegate nginx)
  secure=$1
}

case_tls() { over_tls ecdsa; }

case_tls_full() {
  over_tls ecdsa
  tickets=off
  case_connect
}

case_tls_resumed() {
  over_tls ecdsa
  case_connect
}

case_tls_1m() {
  over_tls ecdsa
  wrk_args=(-c 16)
  file 1m.bin 1048576
}

case_tls_idle() {
  over_tls ecdsa
  kind=idle
}

case_tls_storm() {
  over_tls rsa
  kind=storm
}

# ---- Files --------------------------------------------------------------------------------------

# Serves what is below $tmp/root. nginx looks at an open file again after a second, as Tidegate
# does.
from_directory() {
  target=$1
  body=@$tmp/root$1
  tidegate_args=("$tmp/root")
  floor_args=(--file "$tmp/root$1")
  nginx_server="root $tmp/root; default_type application/octet-stream; types { text/html html; }
    tcp_nopush on; open_file_cache max=20000 inactive=60s; open_file_cache_valid 1s;
    open_file_cache_errors on;"
  mkdir -p "$tmp/root"
}

# One file of this name and size.
file() {
  from_directory "/$1"
  if [[ ! -e $tmp/root/$1 ]]; then head -c "$2" /dev/urandom >"$tmp/root/$1"; fi
}

case_file_1k() {
  contenders=(tidegate nginx h2o floor)
  file 1k.bin 1024
}

case_file_16k() {
  contenders=(tidegate nginx h2o floor)
  file 16k.bin 16384
}

case_file_1m() {
  contenders=(tidegate nginx nginx_nosendfile h2o)
  wrk_args=(-c 16)
  file 1m.bin 1048576
}

case_files_10k() {
  contenders=(tidegate nginx)
  many=$files_many
  from_directory /many/0000.bin
  further=(/many/0815.bin /many/9999.bin)
  if [[ -d $tmp/root/many ]]; then return; fi
  mkdir "$tmp/root/many"
  head -c $((4096 * many)) /dev/urandom |
    split -b 4096 -d -a 4 --additional-suffix=.bin - "$tmp/root/many/"
}

case_not_modified() {
  contenders=(tidegate nginx)
  conditional=yes
  file 1k.bin 1024
}

# 16 KiB of HTML, compressed for each request: by Tidegate only as long as it keeps no files.
case_gzip_off() {
  case_gzip_on
  tidegate_args+=(--file-cache off)
}

case_gzip_on() {
  contenders=(tidegate nginx)
  coding=gzip
  wrk_args=(-c 64 -H "Accept-Encoding: $coding")
  from_directory /page.html
  tidegate_args+=(--compress gzip --precompressed off)
  nginx_server+=" gzip on; gzip_comp_level $gzip_level;"
  if [[ -e $tmp/root/page.html ]]; then return; fi
  awk -f "$parts/page.awk" >"$tmp/root/page.html"
}
