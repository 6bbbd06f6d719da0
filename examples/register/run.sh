#!/bin/sh
# The club of ../membership registers with the shop.
# usage: run.sh FOLDER       of the programs
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/../pair.sh" "$1/../membership/club" "$here/../pair.sh" "$1/register" "$here/try.sh"
