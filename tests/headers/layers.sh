#!/bin/sh
# Checks what the files of include/flyhook include, against layers.txt beside this script:
#   - each includes only its own or lower layers, and every header has a layer;
#   - the standard library and flyhook apart, nothing is included outside impl/ (nlohmann in event.hpp excepted), and no
#     header includes <iostream>, <regex>, <fstream> or <locale>;
#   - guards are named after the path; header-only bodies are included last;
#   - src.hpp, the one file of compiled mode, brings every body (optional adapters' apart).
# usage: layers.sh INCLUDE_DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1/flyhook"

find . -name '*.hpp' -o -name '*.ipp' | sed 's|^\./||' | LC_ALL=C sort >"${TMPDIR:-/tmp}/flyhook-layers.$$"
trap 'rm -f "${TMPDIR:-/tmp}/flyhook-layers.$$"' EXIT

awk -v table="$here/layers.txt" -v list="${TMPDIR:-/tmp}/flyhook-layers.$$" '
function fail(where, what) { print where ": " what; failed = 1 }
# Bodies belong to the header of the same path; bodies in a folder named after a header are a part of that header.
function header_of(path) {
  if (path !~ /^impl\//) return path
  sub(/^impl\//, "", path)
  sub(/\.ipp$/, ".hpp", path)
  if (!(path in layer) && path ~ /\//) {
    whole = path
    sub(/\/[^\/]*$/, ".hpp", whole)
    if (whole in layer) return whole
  }
  return path
}
function is_part(path) { return path ~ /^impl\// && "impl/" header_of(path) != substr(path, 1, length(path) - 3) "hpp" }
# May a file of layer `from` include one of layer `to`?
function sees(from, to) {
  if (from == to || kind[from] == "roof") return 1
  if (kind[to] == "wing") return 0
  return rank[to] <= (kind[from] == "wing" ? rank[on[from]] : rank[from])
}
function guard_of(path) {
  path = toupper(path)
  gsub(/[^A-Z0-9]/, "_", path)
  return "FLYHOOK_" path
}
function check(path,    line, n, guard, target, header, last, lines, text, fixed, i) {
  header = header_of(path)
  if (!(header in layer)) { fail("flyhook/" path, "has no layer: add " header " to tests/headers/layers.txt"); return }
  while ((getline line < path) > 0) text[++lines] = line
  close(path)
  guard = guard_of(path)
  for (i = 1; i <= lines && text[i] !~ /^#/; ++i) if (text[i] !~ /^($|\/\/)/) break
  if (text[i] != "#ifndef " guard || text[i + 1] != "#define " guard) fail("flyhook/" path ":" i, "the guard must be " guard)
  if (text[lines] != "#endif") fail("flyhook/" path ":" lines, "must end with the guard")
  for (n = 1; n <= lines; ++n) {
    line = text[n]
    if (line ~ /^#[ \t]*pragma[ \t]+once/) fail("flyhook/" path ":" n, "guards, not #pragma once: generated headers rely on them")
    if (path ~ /^impl\// && line ~ /^static |^namespace \{|^using namespace/)
      fail("flyhook/" path ":" n, "bodies stand in many files of one program: no anonymous namespace, static function or using namespace")
    if (line !~ /^[ \t]*#[ \t]*include/) continue
    target = line
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", target)
    sub(/[ \t]*(\/\/.*)?$/, "", target)
    if (target !~ /^<.*>$/) { fail("flyhook/" path ":" n, "includes " target ": write <flyhook/...>"); continue }
    target = substr(target, 2, length(target) - 2)
    if (index(without[layer[header]], " " target " "))
      fail("flyhook/" path ":" n, "is of layer " layer[header] " and includes <" target ">, which that layer does without")
    if (target ~ /^flyhook\//) {
      sub(/^flyhook\//, "", target)
      if (target ~ /^impl\// && path !~ /^impl\// && header_of(target) != path && path != "src.hpp")
        fail("flyhook/" path ":" n, "includes the bodies of " header_of(target) "; include the header")
      if (path == "src.hpp" || is_part(target)) brought[target] = 1
      target = header_of(target)
      if (!(target in layer)) fail("flyhook/" path ":" n, "includes flyhook/" target ", which has no layer: add it to tests/headers/layers.txt")
      else if ((path, target) in excepted) used[path, target] = 1
      else if (!sees(layer[header], layer[target]))
        fail("flyhook/" path ":" n, "is of layer " layer[header] " and includes flyhook/" target " of layer " layer[target])
    } else if (path !~ /^impl\//) {
      if (target ~ /^nlohmann\// && path == "event.hpp") continue
      if (target !~ /^[a-z_]+$/) fail("flyhook/" path ":" n, "includes <" target ">: third-party and system headers stand in impl/ only")
      if (target ~ /^(iostream|regex|fstream|locale)$/) fail("flyhook/" path ":" n, "includes <" target ">, which costs every user")
    }
  }
  delete text
}
BEGIN {
  while ((getline line < table) > 0) {
    sub(/[ \t]*#.*$/, "", line)
    if (line ~ /^$/) continue
    n = split(line, word, " ")
    if (word[1] == "layer" || word[1] == "roof" || word[1] == "wing") {
      current = word[2]
      if (word[1] != "wing") rank[current] = ++ranks
      else { if (!(word[4] in rank)) fail(table, "wing " current " stands on " word[4] ", which is not above it"); on[current] = word[4] }
      kind[current] = word[1]
    } else if (word[1] == "except") {
      excepted[word[2], word[3]] = 1
    } else if (word[1] == "without") {
      without[current] = " " substr(line, index(line, word[2])) " "
    } else {
      if (n != 1 || current == "") fail(table, "cannot read: " line)
      if (word[1] in layer) fail(table, word[1] " is there twice")
      layer[word[1]] = current
    }
  }
  while ((getline path < list) > 0) { check(path); all[path] = 1; ++count }
  for (path in all)
    if (path ~ /^impl\// && !(path in brought) && path !~ /^impl\/store\/(sqlite|postgres)\.ipp$/)
      fail("flyhook/src.hpp", "does not include <flyhook/" path ">")
  for (pair in excepted)
    if (!(pair in used)) { split(pair, word, SUBSEP); fail(table, word[1] " does not include " word[2] ": the exception is not needed") }
  if (count < 10) fail("include/flyhook", "only " count + 0 " files found")
  if (!failed) print count " files, all within their layers"
  exit failed
}'
