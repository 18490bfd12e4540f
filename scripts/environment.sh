# Sourced by scripts/run and scripts/test: gives them $root, and a .venv that holds exactly what a lock file names.
#
# make_environment LOCK   builds or mends $root/.venv; says nothing when there is nothing to do.
# $PYTHON                 chooses the interpreter; otherwise the first of python3.11, 3.12, 3.13, python3 that is 3.11 or later.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv

say() { printf 'hedgelock: %s\n' "$*" >&2; }

usable_python() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# A half-made or half-removed .venv still answers as the machine's own Python; installing into that would be vandalism.
usable_venv() {
    [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '
import os, sys
sys.exit(sys.version_info < (3, 11) or os.path.realpath(sys.prefix) != sys.argv[1])' "$venv" >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if usable_python "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    say "needs Python 3.11 or later with its venv module; tried: ${PYTHON:-python3.11 python3.12 python3.13 python3}"
    say "Debian and Ubuntu: apt-get install python3-venv. Or name one: PYTHON=/path/to/python3.11 $0"
    return 1
}

# A stamp is the digest of the lock that was installed; an old, half-made or moved environment does not match it.
lock_digest() { "$1" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$2"; }

is_ready() {
    local stamp=$venv/.installed-$1
    [ -f "$stamp" ] && usable_venv &&
        [ "$(cat "$stamp")" = "$(lock_digest "$venv/bin/python" "$root/$1")" ]
}

make_environment() {
    local lock=$1 python smaller
    is_ready "$lock" && return
    python=$(find_python)
    # Two scripts at once: the second waits here and then finds the work done. The lock dies with this shell.
    exec 9<"$root/scripts/environment.sh"
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    if ! is_ready "$lock"; then
        if ! usable_venv || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
            say "making .venv with $python ($("$python" --version 2>&1))"
            rm -rf "$venv"
            "$python" -m venv "$venv"
        fi
        rm -f "$venv"/.installed-*
        # The lock is complete, so pip need not ask what else is wanted (one judge of the tests names a package that only its downloads use).
        say "installing the packages of $lock, each checked by its hash (a minute or two, only when the lock changes)"
        if ! "$venv/bin/python" -m pip --require-virtualenv --disable-pip-version-check install -qq --no-input \
            --root-user-action ignore --only-binary :all: --no-deps --require-hashes -r "$root/$lock"; then
            say "pip could not install $lock (its words are above); nothing was started. Mend the cause and call again."
            return 1
        fi
        # A larger lock holds everything that the smaller ones do, so it serves them too.
        local served
        case $lock in
            requirements-dev.lock) served="requirements.lock requirements-backtest.lock" ;;
            requirements-backtest.lock) served=requirements.lock ;;
            *) served= ;;
        esac
        for smaller in $served; do
            lock_digest "$venv/bin/python" "$root/$smaller" >"$venv/.installed-$smaller"
        done
        lock_digest "$venv/bin/python" "$root/$lock" >"$venv/.installed-$lock"
        say "environment ready"
    fi
    exec 9<&-
}
