#!/bin/sh
# usage: run.sh FOLDER       of the programs
exec "$(dirname "$0")/../pair.sh" "$1/club" "$1/shop"
