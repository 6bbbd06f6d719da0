#!/bin/sh
# What Stripe sends, and an old request that somebody kept.
# usage: try.sh [URL]
set -eu
url=${1:-http://127.0.0.1:8080/stripe}
secret=whsec_the_signing_secret_of_this_endpoint
send() { # TIME BODY
  signature=$(printf %s "$1.$2" | openssl dgst -sha256 -hmac "$secret" -r | cut -d " " -f 1)
  curl -sS "$url" -w "%{http_code}\n" -o /dev/null -H "Content-Type: application/json" \
    -H "Stripe-Signature: t=$1,v1=$signature" -d "$2"
}

now=$(date +%s)
paid='{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1700000000,
  "data":{"object":{"id":"pi_1","amount":4200}}}'
send "$now" "$paid"
send "$now" '{"id":"evt_2","object":"event","type":"charge.dispute.created","created":1700000001,"data":{"object":{}}}'
send $((now - 3600)) "$paid"

# Output:
# try | 204
# try | 204
# try | 401
# stripe | evt_1: pi_1 was paid, 4200 cents
# stripe | evt_2: charge.dispute.created
