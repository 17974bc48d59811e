#!/usr/bin/env bash
# Make .venv from requirements.lock and find Java; with --browser, Chromium too. Does nothing that is done already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv STAMP=.venv/installed.txt LOG=.venv/install.log
export PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '%s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3; do
        if fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or 3.12 was not found. Install it (Debian 12: sudo apt-get install python3 python3-venv)," \
        "or say where it is: make env PYTHON=/path/to/python3.11"
}

# Its programs name its place and its Python: it does not work once it was moved or that Python is gone.
venv_works() { fits "$VENV/bin/python" && { [ ! -f "$STAMP" ] || grep -qxF "$(pwd -P)" "$STAMP"; }; }

make_venv() {
    local python
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments. Install its venv module:" \
            "$("$python" -c 'import sys; print("sudo apt-get install python%d.%d-venv" % sys.version_info[:2])')"
    say "environment: $VENV with $("$python" --version) ($python)"
    "$python" -m venv --clear "$VENV"
}

# pip's output in; a line now and then out.
progress() {
    local line seen=0
    while IFS= read -r line; do
        case $line in
            "Collecting "* | "Processing "* | "Requirement already satisfied"*)
                seen=$((seen + 1))
                if ((seen % 50 == 0)); then say "  $seen packages looked up"; fi
                ;;
            "Installing collected packages"*) if ((seen >= 50)); then say "  unpacking"; fi ;;
        esac
    done
}

pip_install() {
    if ! "$VENV/bin/python" -m pip install --progress-bar off --no-compile "$@" 2>&1 | tee -a "$LOG" | progress; then
        tail -n 25 "$LOG" >&2
        fail "pip could not install the packages; the whole log is in $LOG"
    fi
}

# A line of the lock.
locked() { grep -E "^$1==" requirements.lock; }

install_packages() {
    local began=$SECONDS
    : >"$LOG"
    say "environment: $(locked torch)"
    pip_install "$(locked pip)"
    pip_install --constraint requirements.lock "$(locked torch)"
    say "environment: $(grep -c == requirements.lock) packages of requirements.lock, a minute or two"
    pip_install --requirement requirements.lock
    pip_install --no-deps --no-build-isolation --editable .
    "$VENV/bin/python" -m pip check >>"$LOG" || fail "the packages do not fit together; start again with: rm -r $VENV; make env"
    say "  byte-compiling"
    # pip would do it with one core. Some packages ship files that are not meant to compile.
    "$VENV/bin/python" -m compileall -qq -j 0 -x '/tests?/' "$VENV/lib" || :
    say "environment: ready after $((SECONDS - began)) s"
}

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_install() {
    say "installing Debian's $*"
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@" >>"$LOG" 2>&1 || {
        tail -n 15 "$LOG" >&2
        fail "apt-get could not install $*; the whole log is in $LOG"
    }
}

find_java() {
    local package=openjdk-17-jre-headless
    if ! "$VENV/bin/python" -m spark_jobs.java >/dev/null 2>&1 && may_install; then
        apt-get update >>"$LOG" 2>&1 || :
        # Debian releases after 12 have no 17 any more; their default is newer.
        apt-cache show "$package" >/dev/null 2>&1 || package=default-jre-headless
        apt_install "$package"
    fi
    "$VENV/bin/python" -m spark_jobs.java >/dev/null
}

find_browser() {
    if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then return; fi
    may_install || fail "the browser tests need Chromium; make test-fast runs without it. Install it with:" \
        "sudo apt-get install chromium chromium-driver"
    apt-get update >>"$LOG" 2>&1 || :
    apt_install chromium chromium-driver
}

wanted() {
    pwd -P
    sha256sum requirements.lock pyproject.toml
}

venv_works || make_venv
find_java
if [ "$(cat "$STAMP" 2>/dev/null)" != "$(wanted)" ]; then
    install_packages
    wanted >"$STAMP"
fi
"$VENV/bin/python" -m spark_jobs.kernels
if [ "${1:-}" = --browser ]; then find_browser; fi
