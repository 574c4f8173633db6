#!/bin/sh
# NEST with MPI into a virtual environment: builds a wheel from NEST's source distribution, once,
# and keeps it where pip looks for wheels (find-links), or in .wheels/.
#   sh scripts/nest-mpi.sh .venv/bin/python
# Takes about half an hour on 2 cores (46 minutes of processor time). The registry's wheel has no MPI.
set -eu
python=$1
version=$("$python" -c 'from importlib.metadata import version as v; print(v("nest-simulator"))')

mkdir -p .wheels
places=.wheels
keep=.wheels
for place in $("$python" -m pip config get global.find-links 2>/dev/null || true); do
    [ -d "$place" ] || continue
    places="$place $places"
    [ ! -w "$place" ] || keep=$place
done
tag=$("$python" -c 'import sys; print(f"cp{sys.version_info[0]}{sys.version_info[1]}")')

# a wheel built here is for linux_*, those of the registry are for manylinux_*
find_wheel() {
    # shellcheck disable=SC2086  # a list of folders
    find $places -maxdepth 1 -name "nest_simulator-$version-$tag-*-linux_*.whl" | head -n 1
}

if [ -z "$(find_wheel)" ]; then
    missing=""
    command -v cmake >/dev/null || missing="$missing cmake"
    command -v mpicxx >/dev/null || missing="$missing libopenmpi-dev openmpi-bin"
    command -v gsl-config >/dev/null || missing="$missing libgsl-dev"
    [ -e /usr/include/boost/version.hpp ] || missing="$missing libboost-dev"
    [ -e /usr/include/ltdl.h ] || missing="$missing libltdl-dev"
    [ -z "$missing" ] || echo "Perhaps missing, on Debian: apt-get install$missing" >&2
    # NEST's CMake calls whatever `python3` comes first, which a version manager may have put there
    PATH=$(cd "$(dirname "$python")" && pwd):$PATH
    export PATH
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    # the cache would give a wheel built earlier, whatever its settings
    "$python" -m pip wheel --no-cache-dir --no-deps --no-binary nest-simulator --wheel-dir "$build" \
        --config-settings=cmake.define.with-mpi=ON "nest-simulator==$version"
    mv "$build"/nest_simulator-*.whl "$keep"
fi
wheel=$(find_wheel)
echo "wheel: $wheel"
# by its path: of two wheels of one version pip takes the registry's
"$python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
PYNEST_QUIET=1 "$python" - <<'END'
import sys
import nest
if not nest.build_info["have_mpi"]:
    sys.exit("this NEST has no MPI: its wheel was not built by this script; delete it")
print("NEST", nest.build_info["version"], "with MPI")
END
