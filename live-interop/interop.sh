#!/usr/bin/env bash
# Installs encoders and WebSocket clients from Debian, npm and Maven Central, runs them against live on every transport,
# and writes docs/interoperability.md. All traffic stays on the loopback interface; every process ends with this script.
#
#   live-interop/interop.sh                    # all languages
#   live-interop/interop.sh Python Go          # only these; the page keeps the rows of the others
set -euo pipefail
cd "$(dirname "$0")"
out=target/interop

# JavaScript and Java need only npm and Maven.
needs_debian=false
for language in "${@:-all}"; do
  case $language in JavaScript | Java) ;; *) needs_debian=true ;; esac
done

install_packages() {
  local packages missing=() sudo=()
  mapfile -t packages < <(sed 's/#.*//; /^ *$/d' debian.txt)
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get > /dev/null || { echo "These Debian 12 packages are required, but apt-get is not available: ${missing[*]}" >&2; exit 2; }
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || { echo "Run this script as root or install sudo. apt-get must install: ${missing[*]}" >&2; exit 2; }
    sudo=(sudo)
  fi
  "${sudo[@]}" apt-get update -q
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

build_programs() {
  mkdir -p $out/{go,rust/src,rust/.cargo,cpp,csharp}
  for program in encoders clients live; do
    (cd languages/go/$program && GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= /usr/bin/go build -o "../../../$out/go/$program" .)
  done
  cp languages/rust/Cargo.toml $out/rust/
  cp languages/rust/src/main.rs $out/rust/src/
  printf '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "/usr/share/cargo/registry"\n' > $out/rust/.cargo/config.toml
  (cd $out/rust && cargo build --quiet --offline && cp target/debug/interop encoders)
  local flags=(-std=c++17 -fPIC)
  # shellcheck disable=SC2046 # word splitting is intended
  g++ "${flags[@]}" -DMSGPACK_NO_BOOST languages/cpp/encoders.cpp -o $out/cpp/encoders $(pkg-config --cflags --libs Qt6Core)
  # shellcheck disable=SC2046
  g++ "${flags[@]}" languages/cpp/clients.cpp -o $out/cpp/clients $(pkg-config --cflags --libs Qt6Core Qt6Network Qt6WebSockets) -pthread
  g++ "${flags[@]}" languages/cpp/live.cpp -o $out/cpp/live -pthread
  mcs -out:$out/csharp/live.exe languages/csharp/Live.cs
}

(cd npm && npm ci --no-audit --no-fund --ignore-scripts)
if $needs_debian; then
  install_packages
  build_programs
fi
quoted=""
for language in "$@"; do quoted+=" '$language'"; done
cd ..
mvn -q -B -pl live-interop -am compile exec:java -Dlive.interop.home="$PWD/live-interop" -Dexec.args="${quoted# }"
