#!/bin/sh
# usage: run.sh FOLDER       of the program
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/../pair.sh" "$1/github" "$here/try.sh"
