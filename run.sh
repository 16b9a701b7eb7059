#!/usr/bin/env bash
# Virtual try-on: sets up missing parts, then runs a command. Works from any folder.
#
#   bash run.sh                              start everything and print the page's address: in containers
#                                            if a Docker engine answers, else in one process
#   bash run.sh --embedded --port 9000       force a mode (--docker, --embedded, --processes,
#                                            --orchestrated), a port
#   bash run.sh tryon PERSON CLOTH -o OUT    make one picture
#   bash run.sh test [PYTEST ARGUMENTS]      run every check and test
#   bash run.sh services                     show the state of every service of the running system
#   bash run.sh models | stop | logs         weights, stop the servers, follow their logs
#   bash run.sh models add FILE --as NAME    convert a published network's weights, once
#
# Python packages go into .venv in this folder, weights into the user's cache folder. Containers have
# both in images and a volume, and need no Python here.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
VENV=$ROOT/.venv
STAMP=$VENV/.tryon-installed
TORCH=(torch==2.13.0 safetensors==0.8.0)
NEEDS_TORCH=4 # exit status of `tryon models add` without PyTorch
CHILD=

say() { printf '%s\n' "$*" >&2; }
die() { say "run.sh: $*"; exit 1; }

# Runs a command so that a signal to this script alone stops the command too.
watched() {
  "$@" &
  CHILD=$!
  local status=0
  wait "$CHILD" || status=$?
  CHILD=
  return "$status"
}

interrupted() {
  trap - INT TERM
  if [[ -n $CHILD ]]; then
    kill -TERM "$CHILD" 2>/dev/null || true
    wait "$CHILD" 2>/dev/null || true
  fi
  exit "$1"
}
trap 'interrupted 130' INT
trap 'interrupted 143' TERM

recent_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3.14 python3 python; do
    if command -v "$candidate" >/dev/null && recent_enough "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  die "needs Python 3.11 or newer and found none; install it, or name it: PYTHON=/path/to/python bash run.sh"
}

make_venv() {
  local python
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    die "$python lacks its venv module; on Debian or Ubuntu: apt-get install python3-venv"
  say "Making .venv with $("$python" --version) ..."
  rm -rf -- "$VENV"
  watched "$python" -m venv "$VENV"
}

# A checksum of everything that the installation depends on.
wanted_stamp() {
  {
    "$VENV/bin/python" --version
    printf '%s\n' "$ROOT"
    find "$ROOT/protos" -name '*.proto' | LC_ALL=C sort | while IFS= read -r proto; do cat -- "$proto"; done
    cat -- "$ROOT/requirements.lock" "$ROOT/pyproject.toml" "$ROOT/hatch_build.py"
  } | cksum
}

install_packages() {
  local pip=("$VENV/bin/python" -m pip --disable-pip-version-check --no-input)
  say "Installing $(grep -c '==' "$ROOT/requirements.lock") Python packages into .venv (once; some minutes) ..."
  watched "${pip[@]}" install --quiet --require-hashes --no-deps -r "$ROOT/requirements.lock" ||
    die "the Python packages could not be installed; pip's message is above. Run this again to go on."
  say "Installing this project and generating its gRPC code ..."
  watched "${pip[@]}" install --quiet --no-build-isolation --no-deps -e "$ROOT" ||
    die "this project could not be installed; the message is above."
}

set_up() {
  local stamp
  # Nothing to do, as in nearly every run; what follows starts Python several times.
  if [[ -x $VENV/bin/python && -f $STAMP && -d $ROOT/generated/tryon ]]; then
    stamp=$(wanted_stamp)
    [[ $(<"$STAMP") != "$stamp" ]] || return 0
  fi
  if ! recent_enough "$VENV/bin/python" || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    make_venv
  fi
  stamp=$(wanted_stamp)
  if [[ ! -f $STAMP || $(<"$STAMP") != "$stamp" || ! -d $ROOT/generated/tryon ]]; then
    rm -f -- "$STAMP"
    install_packages
    printf '%s\n' "$stamp" >"$STAMP"
  fi
}

# Two runs at once must not install into the same folder.
set_up_alone() {
  mkdir -p -- "$ROOT/.run"
  if command -v flock >/dev/null; then
    exec 9>"$ROOT/.run/setup.lock"
    flock -n 9 || { say "Waiting for another run.sh to finish setting up ..."; flock 9; }
    set_up 9>&-
    exec 9>&-
  else
    set_up
  fi
}

# The locked packages stay as they are.
install_torch() {
  say "Installing PyTorch into .venv (once; 0.2 GB to download for the CPU alone, some 3 GB if pip takes the build for GPUs, as on Linux; docs/published-networks.md names the setting for the small one) ..."
  watched "$VENV/bin/python" -m pip --disable-pip-version-check --no-input install --quiet "${TORCH[@]}" ||
    die "PyTorch could not be installed; pip's message is above. Run this again to go on."
}

# models_add FILE --as NAME: in the foreground, because it may ask about the licence.
models_add() {
  local status=0
  "$VENV/bin/tryon" models add "$@" || status=$?
  ((status == NEEDS_TORCH)) || exit "$status"
  install_torch
  exec "$VENV/bin/tryon" models add "$@"
}

fetch_weights() {
  watched "$VENV/bin/tryon" models fetch --quiet ||
    die "the weights are not complete; the reason is above. Run this again to go on."
}

compose() { docker compose --project-directory "$ROOT" "$@"; }

engine_answers() {
  command -v docker >/dev/null && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1
}

containers_run() {
  engine_answers && [[ -n $(compose ps --quiet 2>/dev/null) ]]
}

# serve_in_containers [--docker] [--port N] [--host ADDRESS]
serve_in_containers() {
  while (($#)); do
    case $1 in
      --docker) ;;
      --port=*) export TRYON_PORT=${1#*=} ;;
      --host=*) export TRYON_BIND=${1#*=} ;;
      --port | --host)
        [[ ${2:-} ]] || die "$1 needs a value."
        if [[ $1 == --port ]]; then export TRYON_PORT=$2; else export TRYON_BIND=$2; fi
        shift
        ;;
      *) die "containers do not take '$1': only --port and --host; see docker-compose.yml for more." ;;
    esac
    shift
  done
  # The engine refuses a limit above the machine's cores.
  [[ ${TRYON_CPUS:-} || $(nproc 2>/dev/null || echo 2) -ge 2 ]] || export TRYON_CPUS=1
  say "Making the images and starting the containers (the first time takes some minutes) ..."
  watched compose up --build --detach --wait || return
  say "Ready: http://${TRYON_BIND:-127.0.0.1}:${TRYON_PORT:-8888}/index (bash run.sh stop ends it, bash run.sh logs follows it)"
}

serve() {
  local words=" $* "
  if [[ $words == *" --docker "* ]]; then
    engine_answers || die "no Docker engine with compose answers here; start Docker, or use: bash run.sh --embedded"
    serve_in_containers "$@" || die "the containers did not start; the reason is above. Without Docker: bash run.sh --embedded"
    return
  fi
  if [[ ! ${TRYON_BACKEND:-} && ! $words =~ \ --(embedded|processes|remote|orchestrated?|help)\  ]] && engine_answers; then
    serve_in_containers "$@" && return
    say "The containers did not start; the reason is above. Going on without Docker ..."
  fi
  set_up_alone
  fetch_weights
  if [[ $words =~ \ --orchestrated?\  ]] && engine_answers; then
    say "Making the images (the first time takes some minutes) ..."
    watched compose build --quiet || die "the images could not be made; the reason is above. Without Docker: bash run.sh --embedded"
  fi
  exec "$VENV/bin/tryon" serve "$@"
}

stop() {
  if containers_run; then
    watched compose down
    say "Stopped the containers."
    running_natively || return 0
  fi
  set_up_alone
  exec "$VENV/bin/tryon" stop
}

running_natively() { compgen -G "$ROOT/.run/server-*.pid" >/dev/null; }

logs() {
  if containers_run && ! running_natively; then
    watched compose logs --follow --tail 20
    return
  fi
  set_up_alone
  exec "$VENV/bin/tryon" logs "$@"
}

find_browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && return
  done
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "Installing Chromium for the test of the page (apt-get install chromium) ..."
    if watched apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
      watched apt-get install -qq -y --no-install-recommends chromium >/dev/null; then
      return
    fi
  fi
  say "No Chromium here: the test of the page will tell how to install one."
}

usage() { sed -n '2,/^set /{/^set /d; s/^# \{0,1\}//; p;}' "${BASH_SOURCE[0]}"; }

case ${1:-} in
  -h | --help | help)
    usage
    ;;
  '' | -*)
    serve "$@"
    ;;
  stop) stop ;;
  logs)
    shift
    logs "$@"
    ;;
  tryon)
    set_up_alone
    shift
    exec "$VENV/bin/tryon" tryon --fetch "$@"
    ;;
  serve | services | models | version)
    set_up_alone
    if [[ $1 == models && ${2:-} == add ]]; then
      shift 2
      models_add "$@"
    fi
    exec "$VENV/bin/tryon" "$@"
    ;;
  test)
    shift
    set_up_alone
    fetch_weights
    find_browser
    cd -- "$ROOT"
    exec "$VENV/bin/python" -m tests.run "$@"
    ;;
  *)
    usage >&2
    die "there is no command '$1'."
    ;;
esac
