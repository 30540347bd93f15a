# shellcheck shell=bash
# Shared by the scripts beside it (bash, sourced): where the repository is, building with a log,
# one way to fail. A script that sources this has `set -euo pipefail` and may run in any folder.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc 2>/dev/null || echo 2)

# ccache is used where it is and not needed; CMake reads this when a build folder is made.
if command -v ccache >/dev/null 2>&1; then
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache}
fi

say() { printf '== %s\n' "$*" >&2; }

# die STATUS TEXT...
die() {
  local status=$1
  shift
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit "$status"
}

# logged LOG COMMAND...: quiet while it works; on failure the end of the log and where it is.
logged() {
  local log=$1
  shift
  mkdir -p -- "$(dirname -- "$log")"
  if ! "$@" >"$log" 2>&1; then
    tail -n 60 -- "$log" >&2
    die 1 "failed: $* (whole output: $log)"
  fi
}

# build PRESET [TARGET...]: configures build/PRESET and builds everything, or the targets; first the
# page of `natlens report`, where there is npm.
build() {
  local preset=$1 dir=$root/build/$1
  shift
  if command -v npm >/dev/null 2>&1; then
    "$root/scripts/page" || say "going on without the page of natlens report"
  fi
  local targets=()
  if [ $# -gt 0 ]; then targets=(--target "$@"); fi
  say "building $preset (log: build/$preset/build.log)"
  logged "$dir/configure.log" env -C "$root" cmake --preset "$preset"
  logged "$dir/build.log" cmake --build "$dir" -j "$jobs" "${targets[@]}"
}
