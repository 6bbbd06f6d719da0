#!/bin/sh
# Puts the scripts of this folder and the npm packages of its lock file into FOLDER, from which the tests run them.
# usage: install.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for program in node npm; do
  command -v $program >/dev/null || { echo "no $program: apt-get install nodejs npm (Debian 12's do)"; exit 1; }
done
mkdir -p "$1"
cd "$1"
cp "$here"/*.mjs .
# Once per lock file: the registry is not to be asked at every run.
if cmp -s "$here/package-lock.json" installed-lock.json; then exit 0; fi
cp "$here/package.json" "$here/package-lock.json" .
npm ci --ignore-scripts --no-audit --no-fund
cp package-lock.json installed-lock.json
