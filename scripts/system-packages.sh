#!/bin/sh
# What pip cannot bring: a Python of 3.11 or newer with venv, and a C++ compiler (Brian2 compiles
# its code). Installs Debian's packages where they are missing and this is possible.
# Optional, not installed here: chromium, in which the tests look at the report (skipped without).
set -eu
python=${1:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed as '$python' (make PYTHON=... names another)." >&2
    exit 1
fi
missing=""
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
command -v g++ >/dev/null || missing="$missing g++"
header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
[ -e "$header" ] || missing="$missing python3-dev"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
else
    echo "Missing:$missing. On Debian or Ubuntu: sudo apt-get install$missing" >&2
    exit 1
fi
