#!/bin/sh
# Gets this machine ready: the packages named by "lab", the virtual environment named by "venv", and
# the "browser" that looks at the status page, which only a test needs. "prometheus" unpacks Debian's Prometheus
# into the folder PROMETHEUS: installed, it would run as a service.
# Does nothing, and needs no root, where everything is there already. Prints a line for each step; the
# output of a step is printed if it fails, or with V=1.
set -eu
cd "$(dirname "$0")/../.."

fail() {
    echo "$*" >&2
    exit 1
}

is_verbose() {
    [ "${V:-0}" != 0 ]
}

# Prints what is done ($1) and runs the rest of the arguments.
step() {
    echo "$1"
    shift
    if is_verbose; then
        "$@" </dev/null
        return
    fi
    log=$(mktemp)
    code=0
    "$@" </dev/null >"$log" 2>&1 || code=$?
    [ $code = 0 ] || cat "$log" >&2
    rm -f "$log"
    return $code
}

# Runs apt-get, its words in $said. It waits for every lock: apt-get itself waits for some only, and on a
# fresh machine apt-daily holds the others as well.
apt() {
    waited=0
    until said=$(LC_ALL=C apt-get -q -y "$@" </dev/null 2>&1); do
        lock=$(printf '%s\n' "$said" | grep -m 1 "Could not get lock") || return 1
        [ $waited -lt 600 ] || return 1
        [ $waited -gt 0 ] || echo "waiting up to 10 minutes: ${lock#E: }"
        sleep 2
        waited=$((waited + 2))
    done
    ! is_verbose || printf '%s\n' "$said"
}

install_packages() {
    [ "$(id -u)" = 0 ] || fail "missing: $*; run as root: apt-get install $*"
    echo "installing packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    # package lists may be absent or out of date
    apt install --no-install-recommends "$@" ||
        { apt update && apt install --no-install-recommends "$@"; } || fail "$said"
}

# Without ensurepip a Debian python3 cannot make an environment (it comes with python3-venv).
fits() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for python in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
        if fits "$python"; then
            echo "$python"
            return
        fi
    done
    return 1
}

venv() {
    if ! .venv/bin/python -c 'import pip' 2>/dev/null || ! fits .venv/bin/python; then
        python=$(find_python) || {
            install_packages python3 python3-venv
            python=$(find_python) || fail "Python 3.11 or newer is needed, as Debian 12 has it"
        }
        step "making the virtual environment .venv" "$python" -m venv .venv
    fi
    step "installing Python packages into .venv" \
        .venv/bin/python -m pip install --disable-pip-version-check -r requirements-dev.txt
    touch .venv/ready
}

lab() {
    set --
    command -v systemd-nspawn >/dev/null || set -- "$@" systemd-container
    command -v mmdebstrap >/dev/null || set -- "$@" mmdebstrap
    command -v ssh >/dev/null || set -- "$@" openssh-client
    command -v ip >/dev/null || set -- "$@" iproute2
    command -v mount >/dev/null || set -- "$@" mount
    [ $# = 0 ] || install_packages "$@"
}

browser() {
    set --
    command -v chromium >/dev/null || set -- "$@" chromium fonts-dejavu-core
    command -v chromedriver >/dev/null || set -- "$@" chromium-driver
    [ $# = 0 ] || install_packages "$@"
}

# apt-get checks what it downloads against the signed lists, which may be absent or out of date.
prometheus() {
    place=${PROMETHEUS:?}
    [ ! -x "$place/usr/bin/promtool" ] || return 0
    echo "unpacking the package prometheus into $place"
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    cd "$fresh"
    apt download prometheus || { apt update && apt download prometheus; } || fail "$said"
    dpkg-deb --extract prometheus_*.deb unpacked
    chmod 755 unpacked
    rm -rf "$place"
    mkdir -p "$(dirname "$place")"
    mv unpacked "$place"
    cd "$OLDPWD"
}

for part in "$@"; do
    "$part"
done
