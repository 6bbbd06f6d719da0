#!/bin/sh
# Somebody who wants to be told of paid orders: asks what there is, registers a URL, orders something, and looks at what
# was sent there.
# usage: try.sh [CALLBACK_URL [SHOP]]
set -eu
callback=${1:-http://127.0.0.1:9000/hooks}
shop=${2:-http://127.0.0.1:8080}
api() { curl -sS -H "Authorization: Bearer operator-token" -H "Content-Type: application/json" "$@"; }

api "$shop/webhooks/api/event-types"
echo
api "$shop/webhooks/api/subscriptions" -o /dev/null -w "%{http_code}\n" -d '{"id": "club", "url": "'"$callback"'",
  "events": ["order.paid"], "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}'
api "$shop/webhooks/api/subscriptions" -w "\n" -d '{"url": "http://169.254.169.254/"}'

curl -sS "$shop/orders" -d '{"customer": "Ada", "product": "membership"}'

until api "$shop/webhooks/api/deliveries?subscription_id=club" | grep -q '"status":"delivered"'; do :; done
echo "it was delivered"

# Output:
# try | {"cursor":null,"items":[{"description":"An order was paid in full.","example":{"customer":"Ada","order":"ord_1","product":"a book"},"name":"order.paid","schema":null}]}
# try | 201
# try | {"detail":"url: http://169.254.169.254 is not a public address; for internal endpoints set Options::url_policy.allow = {\"169.254.0.0/16\"}","field":"url","status":422,"title":"Unprocessable Content"}
# try | thank you
# try | it was delivered
# club | Ada is a member, by order ord_1
# club | 1 members
