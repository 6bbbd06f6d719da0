#!/bin/sh
# Does what a newcomer does who copies README.md from top to bottom: into a new folder come a clone, named flyhook, and
# beside it the programs that begin with `// NAME.cpp`; then the ```sh blocks run, in one shell that begins in the clone.
# What stands in a ```text block right behind one must be among what it said, in any order, but for ids and measured times.
# A block under `<!-- elsewhere: WHY -->` is not run. Fails if a command does.
# usage: newcomer.sh FLYHOOK_DIR
# shellcheck disable=SC2012 # what is listed is named by numbers
set -eu
flyhook=$(cd "$1" && pwd)
work=$(mktemp -d)
shell=
# The shell has a group of its own, and so has what it left running.
trap '[ -z "$shell" ] || kill -- "-$shell" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if git -C "$flyhook" rev-parse HEAD >/dev/null 2>&1; then
  git -C "$flyhook" ls-files -z --cached --others --exclude-standard
else
  (cd "$flyhook" && find . -path ./build -prune -o -path ./.git -prune -o -type f -print0)
fi >"$work/files"
mkdir "$work/flyhook" "$work/said" "$work/wanted" "$work/bin"
tar cf - -C "$flyhook" --null --ignore-failed-read -T "$work/files" | tar xf - -C "$work/flyhook"

# Two ports that nobody listens on stand for the fixed ones.
free_port() {
  port=$1
  while :; do
    code=0
    curl -s -o /dev/null "http://127.0.0.1:$port/" || code=$?
    [ $code -ne 7 ] || break # refused
    port=$((port + 1))
  done
  echo "$port"
}
first=$(free_port $((20000 + $$ % 10000)))
second=$(free_port $((first + 1)))
sed "s/8080/$first/g; s/9000/$second/g" "$flyhook/README.md" >"$work/README.md"

# The blocks in one script. What the N-th of them says goes to said/N; what it should say, to wanted/N.
awk -v work="$work" '
/^```/ && inside {
  if (inside == "cpp" && block ~ /^\/\/ [a-z_]+\.cpp\n/) {
    printf "%s", block >(work "/" substr(block, 4, index(block, "\n") - 4))
  } else if (inside == "sh" && !elsewhere) {
    ++blocks
    printf "exec >%s/said/%d 2>&1\necho %d >%s/line\n%s", work, blocks, began, work, block >(work "/script")
  } else if (inside == "text" && behind == "sh") {
    ++compared
    printf "%s", block >(work "/wanted/" blocks)
  }
  behind = elsewhere ? "" : inside
  inside = ""
  elsewhere = 0
  next
}
/^```/ { inside = length($0) > 3 ? substr($0, 4) : "none"; block = ""; began = NR; next }
inside { block = block $0 "\n"; next }
/^<!-- elsewhere: .* -->$/ { elsewhere = 1; next }
NF { behind = ""; elsewhere = 0 }
END { if (!blocks || !compared) { print "README.md has no commands, or does not say what they print"; exit 1 } }
' "$work/README.md"

# The trees of two runs are the same to ccache; CMake finds it by itself.
export CCACHE_BASEDIR="$work" CCACHE_NOHASHDIR=1
unset CXX CXXFLAGS
if command -v ccache >/dev/null && compiler=$(command -v g++); then
  printf '#!/bin/sh\nexec ccache %s "$@"\n' "$compiler" >"$work/bin/g++"
  chmod +x "$work/bin/g++"
fi

# Line by line, as programs write to a terminal. What never ends is ended before ctest would end this script alone.
cd "$work/flyhook"
PATH=$work/bin:$PATH setsid timeout 840 stdbuf -oL sh -e "$work/script" </dev/null &
shell=$!
if ! wait "$shell"; then
  line=$(cat "$work/line")
  echo "the commands in README.md:$line failed:"
  cat "$work/said/$(ls "$work/said" | sort -n | tail -n 1)"
  exit 1
fi

plain() { sed -E 's/(msg|dlv)_[0-9A-Z]+/<id>/g; s/[0-9]+(\.[0-9]+)? (ms|us)/<number> \2/g' "$1" | sort; }
failed=0
for wanted in "$work"/wanted/*; do
  said=$work/said/$(basename "$wanted")
  plain "$wanted" >"$work/a"
  plain "$said" >"$work/b"
  if comm -23 "$work/a" "$work/b" | grep . >"$work/missing"; then
    echo "README.md says that this is printed:"
    cat "$work/missing"
    echo "but it is not in:"
    cat "$said"
    failed=1
  fi
done
[ $failed -eq 0 ] && echo "$(ls "$work/said" | wc -l) blocks run, $(ls "$work/wanted" | wc -l) compared"
