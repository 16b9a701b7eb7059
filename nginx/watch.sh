#!/usr/bin/env bash
# Writes RUN/densepose.conf, the servers that nginx shares DensePose calls among, and has nginx read it anew.
#
#   watch.sh RUN none    write an empty list and end
#   watch.sh RUN PID     keep the list up to date; PID is nginx's
#
# Several times a second it resolves NGINX_DENSEPOSE (host:port) and asks every address, all at the same time, for
# its standard gRPC health. Only those that say SERVING are in the list.
set -uo pipefail

RUN=$1
SERVER=$2
HOST=${NGINX_DENSEPOSE%:*}
PORT=${NGINX_DENSEPOSE##*:}
PERIOD=0.25
ANSWER_SECONDS=1    # seconds an answer may take
MISSES=2            # answers in a row that may fail to come before a replica is given up
TIMED_OUT=28        # curl's exit status
SERVING=$'\x02\x08\x01'  # after four zero bytes: the message's length, then HealthCheckResponse{status: SERVING}

# publish ADDRESS...: replaces the list at once, never leaving half of one.
publish() {
  local address
  {
    for address in "$@"; do
      echo "server $address:$PORT max_fails=1 fail_timeout=1s;"
    done
    # nginx wants one server at least.
    (($#)) || echo 'server 127.0.0.1:9 down;'
  } >"$RUN/densepose.conf.new"
  mv "$RUN/densepose.conf.new" "$RUN/densepose.conf"
}

# Sets `known`. Where the name is not found, the name server may be what is gone: those known before stay,
# as long as they answer.
resolve() {
  local lines
  found=
  lines=$(timeout 2 getent ahostsv4 "$HOST") || return
  found=1
  mapfile -t known < <(cut -d ' ' -f 1 <<<"$lines" | sort -u)
}

# Sets `serving` to what may be used now.
check() {
  local address status url fields requests=() up=() slow=()
  local -A before=() statuses=()
  for address in "${serving[@]}"; do before[$address]=1; done
  for address in "${known[@]}"; do
    : >"$RUN/health/$address"
    requests+=(-o "$RUN/health/$address" "http://$address:$PORT/grpc.health.v1.Health/Check")
  done
  ((${#requests[@]})) && while read -r status url; do
    address=${url#http://}
    statuses[${address%%:*}]=$status
  done < <(curl -s --parallel --parallel-immediate --parallel-max 300 --noproxy '*' --max-time "$ANSWER_SECONDS" \
    --http2-prior-knowledge -H 'content-type: application/grpc' -H 'te: trailers' \
    --data-binary "@$RUN/question" -w '%{exitcode} %{url_effective}\n' "${requests[@]}" 2>/dev/null)
  for address in "${known[@]}"; do
    fields=()
    mapfile -d '' -t fields <"$RUN/health/$address"
    if [[ ${fields[4]-} == "$SERVING" ]]; then
      missed[$address]=0
      up+=("$address")
    elif [[ ${statuses[$address]-} == "$TIMED_OUT" && ${before[$address]-} ]]; then
      missed[$address]=$((${missed[$address]-0} + 1))
      if ((missed[$address] < MISSES)); then up+=("$address"); elif [[ $found ]]; then slow+=("$address"); fi
    fi
  done
  # Where all are slow, the machine is: a slow replica is better than none.
  ((${#up[@]})) || up=("${slow[@]}")
  serving=("${up[@]}")
}

if [[ $SERVER == none ]]; then
  publish
  exit
fi

mkdir -p "$RUN/health"
# A gRPC frame (not compressed, 20 bytes) with HealthCheckRequest{service: "tryon.v1.DensePose"}.
printf '\0\0\0\0\x14\x0a\x12tryon.v1.DensePose' >"$RUN/question"
declare -A missed=()
known=()
found=
serving=()
published=
while :; do
  resolve
  check
  if [[ ${serving[*]} != "$published" ]]; then
    publish "${serving[@]}"
    kill -HUP "$SERVER" || exit 1
    published=${serving[*]}
    printf '{"time":"%(%FT%T%z)T","logger":"nginx.watch","event":"replicas changed","serving":"%s"}\n' -1 "$published"
  fi
  sleep "$PERIOD"
done
