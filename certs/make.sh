#!/bin/sh
# Makes a development CA and two certificates for localhost that it has signed, with openssl alone.
# The CA's private key lives in this script's memory, is never written, and is gone when it ends:
# nobody can sign anything else with a CA that somebody has come to trust.
set -eu
umask 077

DAYS=825 # the most that Apple's systems accept

usage() {
    cat <<'END'
usage: make.sh [-o FOLDER] [NAME...]

Makes in FOLDER (that of this script if it is not given):
  ca.crt                         a development CA, to be trusted by browsers and curl
  server.crt, server.key         a certificate with an ECDSA P-256 key, and the key
  server-rsa.crt, server-rsa.key one with an RSA key of 2048 bits, and the key
Both are for localhost, *.localhost, 127.0.0.1, ::1, and every NAME: a host, a wildcard like
*.example.test, or an IP address.
END
}

fail() {
    printf 'make.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

# Runs openssl; what it says is shown if it fails only.
quietly() {
    if ! said=$("$@" 2>&1); then
        fail "this failed: $*
$said"
    fi
}

# The subjectAltName's entry for a name.
entry() {
    case $1 in
        '' | -* | *[!A-Za-z0-9.:*-]*) fail "not a name or an address: '$1'" 2 ;;
        *:*) printf 'IP:%s' "$1" ;;
        *[!0-9.]*) printf 'DNS:%s' "$1" ;;
        *) printf 'IP:%s' "$1" ;;
    esac
}

# A serial number of 127 bits that cannot be guessed.
serial() {
    printf '0x5%s' "$(openssl rand -hex 16 | cut -c 2-)"
}

# sign NAME USAGE: has the CA sign a certificate for the key $made/NAME.key.
sign() {
    cat >"$made/$1.cnf" <<END
[req]
distinguished_name = subject
prompt = no
[subject]
CN = localhost
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, $2
extendedKeyUsage = serverAuth
subjectAltName = $names
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
    quietly openssl req -new -sha256 -config "$made/$1.cnf" -key "$made/$1.key" -out "$made/$1.csr"
    # The shell's own printf: the key is in no command line either.
    printf '%s\n' "$ca_key" | quietly openssl x509 -req -sha256 -days "$DAYS" \
        -in "$made/$1.csr" -CA "$made/ca.crt" -CAkey /dev/stdin -set_serial "$(serial)" \
        -extfile "$made/$1.cnf" -extensions leaf -out "$made/$1.crt"
    quietly openssl verify -purpose sslserver -CAfile "$made/ca.crt" "$made/$1.crt"
}

folder=$(dirname -- "$0")
case ${1-} in --help) usage && exit 0 ;; esac
while getopts ho: option; do
    case $option in
        h) usage && exit 0 ;;
        o) folder=$OPTARG ;;
        *) usage >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))

command -v openssl >/dev/null || fail 'openssl is not installed'
[ -d "$folder" ] || fail "there is no folder $folder" 2
folder=$(cd -- "$folder" && pwd)

names='DNS:localhost, DNS:*.localhost, IP:127.0.0.1, IP:::1'
for name in "$@"; do
    added=$(entry "$name")
    names="$names, $added"
done

# Everything is made beside its place, and moved there when all of it is complete.
made=$(mktemp -d "$folder/.making.XXXXXX")
trap 'rm -rf -- "$made"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

cat >"$made/ca.cnf" <<END
[req]
distinguished_name = subject
x509_extensions = authority
prompt = no
[subject]
CN = Tidegate development CA $(openssl rand -hex 4)
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
END
ca_key=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
    -pkeyopt ec_param_enc:named_curve 2>/dev/null) || fail 'openssl cannot make an ECDSA key'
printf '%s\n' "$ca_key" | quietly openssl req -x509 -new -sha256 -days "$DAYS" \
    -config "$made/ca.cnf" -key /dev/stdin -set_serial "$(serial)" -out "$made/ca.crt"

quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
    -pkeyopt ec_param_enc:named_curve -out "$made/server.key"
quietly openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$made/server-rsa.key"
sign server digitalSignature
sign server-rsa 'digitalSignature, keyEncipherment'
unset ca_key

chmod 600 "$made/server.key" "$made/server-rsa.key"
chmod 644 "$made/ca.crt" "$made/server.crt" "$made/server-rsa.crt"
for file in server.key server.crt server-rsa.key server-rsa.crt ca.crt; do
    mv -f -- "$made/$file" "$folder/$file"
done

cat <<END
Made in $folder, in force for $DAYS days:
  server.crt      server.key      ECDSA P-256
  server-rsa.crt  server-rsa.key  RSA-2048
  ca.crt          $(openssl x509 -noout -subject -nameopt oneline -in "$folder/ca.crt")
For: $names
The CA's key was never written and is gone: it will sign nothing else.

Next:
  tidegate --tls-dir '$folder'
  curl --cacert '$folder/ca.crt' https://localhost:8443/
  To have browsers trust it, see README.md beside make.sh.
END
