#!/usr/bin/env bash
# Starts nginx and the watcher of DensePose replicas, and ends when either of them does.
# SIGTERM lets what is in flight finish. README.md lists the environment variables.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
RUN=${NGINX_RUN_DIR:-/tmp/nginx}

die() {
  printf 'nginx: %s\n' "$*" >&2
  exit 78
}

# setting NAME DEFAULT PATTERN: what goes into nginx.conf is checked, so that a slip is told by its name.
setting() {
  local value=${!1:-$2}
  [[ $value =~ ^($3)$ ]] || die "$1 is '$value', but it must match $3"
  values[$1]=$value
}

nameserver() {
  local key address
  while read -r key address _; do
    [[ $key == nameserver && $address != *:* ]] && echo "$address" && return
  done </etc/resolv.conf
  echo 127.0.0.11
}

declare -A values=()
NUMBER='[1-9][0-9]{0,9}'
NAME='[A-Za-z0-9._-]+'
setting NGINX_HTTP_PORT 8888 "$NUMBER"
setting NGINX_GRPC_PORT 50052 "$NUMBER"
setting NGINX_HEALTH_PORT 8889 "$NUMBER"
setting NGINX_GATEWAY gateway:8888 "$NAME:$NUMBER"
setting NGINX_RESOLVER "$(nameserver)" "$NAME(:$NUMBER)?"
setting NGINX_DENSEPOSE densepose:50052 "$NAME:$NUMBER"
export NGINX_DENSEPOSE=${values[NGINX_DENSEPOSE]}
setting NGINX_DENSEPOSE_TIMEOUT 8 "$NUMBER"
setting NGINX_RATE 60 "$NUMBER"
setting NGINX_BURST 20 "$NUMBER"
setting NGINX_CONNECTIONS 64 "$NUMBER"
setting NGINX_TRUSTED_PROXIES '' '[0-9a-fA-F.:/ ]*'
setting TRYON_MAX_UPLOAD_BYTES 20000000 "$NUMBER"
setting TRYON_MAX_MESSAGE_BYTES 134217728 "$NUMBER"

upload=${values[TRYON_MAX_UPLOAD_BYTES]}
values[NGINX_MAX_BODY]=$((2 * upload + 1000000))
values[NGINX_PHOTO_MB]=$((upload / 1000000))
((upload % 1000000)) && values[NGINX_PHOTO_MB]+=.$(printf '%06d' $((upload % 1000000)) | sed 's/0*$//')
# gRPC puts five bytes before a message.
values[NGINX_MAX_MESSAGE]=$((values[TRYON_MAX_MESSAGE_BYTES] + 5))

values[NGINX_REAL_IP]=
for proxy in ${values[NGINX_TRUSTED_PROXIES]}; do
  values[NGINX_REAL_IP]+="set_real_ip_from $proxy; "
done
[[ ${values[NGINX_REAL_IP]} ]] && values[NGINX_REAL_IP]+='real_ip_header X-Forwarded-For; real_ip_recursive on;'

# nginx 1.25.1 has a directive of its own for HTTP/2 and warns about the old way.
version=$(nginx -v 2>&1)
version=${version##*/}
port=${values[NGINX_GRPC_PORT]}
if [[ $(printf '%s\n' 1.25.1 "${version%% *}" | sort -V | head -n 1) == 1.25.1 ]]; then
  values[NGINX_GRPC_LISTEN]="listen $port; http2 on;"
else
  values[NGINX_GRPC_LISTEN]="listen $port http2;"
fi

mkdir -p "$RUN"
rm -f "$RUN/nginx.pid"
conf=$(<"$HERE/nginx.conf")
for name in "${!values[@]}"; do
  conf=${conf//"\${$name}"/"${values[$name]}"}
done
printf '%s\n' "$conf" >"$RUN/nginx.conf"
bash "$HERE/watch.sh" "$RUN" none

nginx -p "$RUN" -c "$RUN/nginx.conf" -e stderr -g 'daemon off;' &
server=$!
watcher=
stopping=
stop() {
  stopping=1
  [[ -z $watcher ]] || kill "$watcher" 2>/dev/null || true
  kill -QUIT "$server" 2>/dev/null || true
}
trap stop TERM INT QUIT

# Before it has written its process id, nginx would die of the watcher's signal.
until [[ -s $RUN/nginx.pid ]]; do
  kill -0 "$server" 2>/dev/null || die 'nginx did not start; its message is above'
  sleep 0.05
done
bash "$HERE/watch.sh" "$RUN" "$server" &
watcher=$!

wait -n "$server" "$watcher" || true
if [[ $stopping ]]; then
  # A signal ends `wait`, so wait again for the end itself.
  while kill -0 "$server" 2>/dev/null; do wait "$server" || true; done
  exit 0
fi
stop
wait "$server" || true
die 'nginx or the watcher ended unasked'
