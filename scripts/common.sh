# Sourced by the other scripts: where things are, and how they speak.
# shellcheck shell=bash

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

# Where cargo builds; the usual variable moves it.
target="${CARGO_TARGET_DIR:-$root/target}"
visavis="$target/release/visavis"
export VISAVIS_MODELS="${VISAVIS_MODELS:-$root/models}"

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
fail() {
  printf '\033[31merror:\033[0m %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least HAVE WANT
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]; }
