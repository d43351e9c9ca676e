#!/usr/bin/env bash
# Installs what the build needs: Debian packages (with apt-get where it may be used) and Python packages into .deps/python. Safe to run again:
# what is there is not fetched twice.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  cat <<'TEXT'
usage: launch/setup/install.sh [--tests] [--clusters]
  --tests     also the Python packages that the tests compare with (transformers, PEFT, scikit-learn, ...)
  --clusters  also Slurm's programs and network tools, for launch/test.sh --clusters
  -h, --help
TEXT
}

tests=no clusters=no
for argument in "$@"; do
  case "$argument" in
    --tests) tests=yes ;;
    --clusters) clusters=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

debian_packages=(g++ cmake ninja-build ccache mold pkg-config git python3-venv libopenmpi-dev openmpi-bin libhdf5-dev libyaml-cpp-dev libgtest-dev libgmock-dev
  libbenchmark-dev nlohmann-json3-dev libcli11-dev libfmt-dev libpcre2-dev libutf8proc-dev libssl-dev libxxhash-dev zlib1g-dev)
# Slurm's daemons, which tests/slurm starts itself, with its own config; as services they don't start without one.
debian_cluster_packages=(slurmctld slurmd slurm-client iproute2)

install_debian_packages() {
  local missing=()
  for package in "${debian_packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then sudo=(sudo -n); else
      echo "These Debian packages are missing and need an administrator. Install them, then run this again:" >&2
      echo "  sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
      exit 1
    fi
  fi
  echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# libtorch's GPU libraries are loaded only by Python and by the cuda preset; all of them must be found before the system's toolkit will do.
has_cuda_toolkit() {
  local libraries library
  libraries=$(/sbin/ldconfig -p)
  for library in libcudart.so.13 libcupti.so.13 libcublas.so.13 libcusparse.so.12 libcufft.so.12 libcurand.so.10 libcudnn.so.9 libnccl.so.2; do
    [[ $libraries == *"$library"* ]] || return 1
  done
}

# install_python_packages STAMP REQUIREMENTS...: skipped where the stamp holds the hash of these very files.
install_python_packages() {
  local stamp=.deps/python/$1 hash
  shift
  hash=$(cat "$@" | sha256sum | cut -d' ' -f1)
  [ "$(cat "$stamp" 2>/dev/null)" != "$hash" ] || return 0
  # A venv whose making was broken off is finished by the same command.
  .deps/python/bin/python -m pip --version >/dev/null 2>&1 || python3 -m venv .deps/python
  echo "installing Python packages of ${*##*/} into .deps/python"
  local options=()
  for file in "$@"; do options+=(-r "$file"); done
  .deps/python/bin/python -m pip install -q --disable-pip-version-check --no-deps "${options[@]}"
  echo "$hash" > "$stamp"
}

if [ $clusters = yes ]; then debian_packages+=("${debian_cluster_packages[@]}"); fi
install_debian_packages
mkdir -p .deps
requirements=launch/setup
toolkit=no-toolkit
if has_cuda_toolkit; then toolkit=cuda-toolkit; fi
install_python_packages installed-runtime $requirements/requirements-runtime.txt $requirements/requirements-$toolkit.txt
if [ $tests = yes ]; then
  test_requirements=($requirements/requirements-tests.txt)
  # Python's torch loads all of libtorch's GPU libraries when it is imported, also where there is no GPU.
  if [ $toolkit = no-toolkit ]; then test_requirements+=($requirements/requirements-tests-no-toolkit.txt); fi
  install_python_packages installed-tests "${test_requirements[@]}"
fi
