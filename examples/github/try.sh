#!/bin/sh
# What GitHub sends, and what somebody sends who is not GitHub.
# usage: try.sh [URL]
set -eu
url=${1:-http://127.0.0.1:8080/github}
secret="It's a Secret to Everybody"
send() { # SECRET EVENT ID BODY
  signature=$(printf %s "$4" | openssl dgst -sha256 -hmac "$1" -r | cut -d " " -f 1)
  curl -sS "$url" -w "%{http_code}\n" -o /dev/null -H "Content-Type: application/json" -H "X-GitHub-Event: $2" \
    -H "X-GitHub-Delivery: $3" -H "X-Hub-Signature-256: sha256=$signature" -d "$4"
}

push='{"ref":"refs/heads/main","pusher":{"name":"ada"},"commits":[{"message":"Note G"},{"message":"Fix a typo"}]}'
send "$secret" push 72d3162e-cc78-11e3-81ab-4c9367dc0958 "$push"
send "$secret" push 72d3162e-cc78-11e3-81ab-4c9367dc0958 "$push" # once more, by hand: it is known
send "$secret" pull_request 7a1b6e2c-cc78-11e3-9d5c-4c9367dc0958 '{"action":"opened","number":7}'
send "a guess" push 81c5b3e4-cc78-11e3-8f0a-4c9367dc0958 "$push"

# Output:
# try | 204
# try | 204
# try | 204
# try | 401
# github | ada pushed to refs/heads/main: Note G
# github | ada pushed to refs/heads/main: Fix a typo
# github | pull request 7 was opened
