#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_SCHEMAS_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_SCHEMAS_IPP

#include <flyhook/detail/admin/schemas.hpp>

namespace flyhook::detail {

// Bounds that only the API has stand where it is asked, and not with the shapes that it answers with too.
// What is asked of a client is closed (additionalProperties); what it gets may grow. maxLength counts characters where the
// code counts bytes: a client that keeps to the bytes keeps to both.
std::string_view api_schemas() {
  return R"json({
"Subscription": {
  "type": "object",
  "description": "A registered callback URL and what it asked for. Credentials in headers are masked.",
  "required": ["url", "events", "tenant", "filter", "headers", "encoding", "rate_limit", "max_in_flight", "ordering",
               "timeout", "retry", "description", "metadata", "id", "enabled", "paused", "disabled_reason", "created_at",
               "public_only"],
  "properties": {
    "url": {"type": "string", "description": "Where to send."},
    "events": {"type": "array", "items": {"type": "string"}, "description": "Patterns, any of which suffices."},
    "tenant": {"type": "string", "description": "Only events of the same tenant match."},
    "filter": {"type": "string", "description": "JSON text; empty: no further condition."},
    "headers": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Sent with every request."},
    "encoding": {"enum": ["standard", "raw", "cloudevents_structured", "cloudevents_binary", null],
                 "description": "What a request carries; null: as the application says."},
    "rate_limit": {"$ref": "#/components/schemas/RateLimit"},
    "max_in_flight": {"type": ["integer", "null"], "minimum": 1,
                      "description": "Most requests at a time; null: as the application says."},
    "ordering": {"type": "string", "enum": ["none", "per_key", "strict"], "description": "Of its deliveries."},
    "timeout": {"type": ["integer", "null"], "minimum": 1,
                "description": "Milliseconds for a whole exchange; null: as the application says."},
    "retry": {"oneOf": [{"$ref": "#/components/schemas/RetryPolicy"}, {"type": "null"}],
              "description": "When a failed delivery is tried again; null: as the application says."},
    "description": {"type": "string", "description": "For people."},
    "metadata": {"type": "object", "additionalProperties": {"type": "string"}, "description": "The client's own."},
    "id": {"type": "string", "description": "Its name."},
    "enabled": {"type": "boolean", "description": "False: no deliveries are made."},
    "paused": {"type": "boolean", "description": "True: deliveries are made and wait."},
    "disabled_reason": {"type": "string", "description": "Why it was disabled; empty: it was not, or by hand."},
    "created_at": {"type": "string", "format": "date-time", "description": "When it was registered."},
    "public_only": {"type": "boolean", "description": "True: only public addresses are called, whatever else is allowed."}
  }
},
"CreatedSubscription": {
  "description": "A subscription just made, with its secret: shown here, and later on request only.",
  "allOf": [
    {"$ref": "#/components/schemas/Subscription"},
    {"type": "object", "required": ["secret"],
     "properties": {"secret": {"type": "string", "description": "What signatures are checked with."}}}
  ]
},
"NewSubscription": {
  "type": "object",
  "description": "What to register. null stands for what holds without the member.",
  "required": ["url"],
  "additionalProperties": false,
  "properties": {
    "url": {"type": "string", "format": "uri", "maxLength": 8000, "description": "http or https, absolute."},
    "events": {"type": "array", "items": {"type": "string", "maxLength": 130}, "minItems": 1, "maxItems": 100,
               "description": "Patterns, any of which suffices: order.paid, order.*, or * for all, as without it."},
    "tenant": {"type": "string", "description": "Only events of the same tenant match. Operators only, or one's own."},
    "filter": {"type": ["string", "object", "null"], "maxLength": 8192,
               "description": "JSON Pointers, each with a value or operators, or the text of that; 8,192 bytes, 16 deep."},
    "secret": {"type": "string", "writeOnly": true,
               "description": "whsec_ and base64 of 24 to 64 bytes, or whsk_ and an ed25519 key; one is made without it."},
    "headers": {"type": ["object", "null"], "additionalProperties": {"type": "string"}, "maxProperties": 32,
                "description": "Sent with every request; names and values together at most 8,192 bytes."},
    "encoding": {"enum": ["standard", "raw", "cloudevents_structured", "cloudevents_binary", null],
                 "description": "What a request carries; null: as the application says."},
    "rate_limit": {"oneOf": [{"$ref": "#/components/schemas/RateLimit"}, {"type": "null"}],
                   "properties": {"per_second": {"maximum": 1000000}, "burst": {"maximum": 1000000}},
                   "description": "null: none. Operators only."},
    "max_in_flight": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000,
                      "description": "Most requests at a time; null: as the application says. Operators only."},
    "ordering": {"enum": ["none", "per_key", "strict", null],
                 "description": "none, as null: in any order; else one that fails holds back what is behind it."},
    "timeout": {"type": ["integer", "null"], "minimum": 1000, "maximum": 60000,
                "description": "Milliseconds for a whole exchange; null: as the application says. Operators only."},
    "retry": {"oneOf": [{"$ref": "#/components/schemas/RetryPolicy"}, {"type": "null"}],
              "properties": {"schedule": {"maxItems": 50}, "max_age": {"maximum": 31556952},
                             "stop_on": {"maxItems": 500}, "retry_after_cap": {"maximum": 31556952}},
              "description": "When a failed delivery is tried again; null: as the application says. Operators only."},
    "description": {"type": ["string", "null"], "maxLength": 1024, "description": "For people; at most 1,024 bytes."},
    "metadata": {"type": ["object", "null"], "additionalProperties": {"type": "string"}, "maxProperties": 50,
                 "description": "The client's own; names and values together at most 8,192 bytes."},
    "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": "One is made without it."},
    "enabled": {"type": "boolean", "description": "False: no deliveries are made, and what waits is dead."},
    "paused": {"type": "boolean", "description": "True: deliveries are made and wait."},
    "public_only": {"type": "boolean",
                    "description": "True: only public addresses are called, as with every tenant's. Operators only."}
  }
},
"SubscriptionPatch": {
  "type": "object",
  "description": "What to change: members left out stay as they are, null clears, objects are replaced as wholes.",
  "additionalProperties": false,
  "properties": {
    "url": {"$ref": "#/components/schemas/NewSubscription/properties/url"},
    "events": {"$ref": "#/components/schemas/NewSubscription/properties/events"},
    "filter": {"$ref": "#/components/schemas/NewSubscription/properties/filter"},
    "secret": {"$ref": "#/components/schemas/NewSubscription/properties/secret"},
    "headers": {"$ref": "#/components/schemas/NewSubscription/properties/headers"},
    "encoding": {"$ref": "#/components/schemas/NewSubscription/properties/encoding"},
    "rate_limit": {"$ref": "#/components/schemas/NewSubscription/properties/rate_limit"},
    "max_in_flight": {"$ref": "#/components/schemas/NewSubscription/properties/max_in_flight"},
    "ordering": {"$ref": "#/components/schemas/NewSubscription/properties/ordering"},
    "timeout": {"$ref": "#/components/schemas/NewSubscription/properties/timeout"},
    "retry": {"$ref": "#/components/schemas/NewSubscription/properties/retry"},
    "description": {"$ref": "#/components/schemas/NewSubscription/properties/description"},
    "metadata": {"$ref": "#/components/schemas/NewSubscription/properties/metadata"},
    "enabled": {"$ref": "#/components/schemas/NewSubscription/properties/enabled"},
    "paused": {"$ref": "#/components/schemas/NewSubscription/properties/paused"},
    "public_only": {"$ref": "#/components/schemas/NewSubscription/properties/public_only"}
  }
},
"RetryPolicy": {
  "type": "object",
  "description": "When a failed delivery is tried again. Members left out of a request are the library's default.",
  "additionalProperties": false,
  "properties": {
    "schedule": {"type": "array", "minItems": 1, "maxItems": 1000,
                 "items": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 31556952000},
                 "description": "Milliseconds to wait before each attempt; the first is usually 0."},
    "jitter": {"type": "number", "minimum": 0, "maximum": 1, "description": "The share by which each wait is spread."},
    "max_age": {"type": "integer", "format": "int64", "minimum": 0,
                "description": "Seconds after publish, beyond which there is no attempt; 0: no limit."},
    "stop_on": {"type": "array", "items": {"type": "integer", "minimum": 100, "maximum": 599},
                "description": "Statuses after which a delivery is dead at once."},
    "retry_after_cap": {"type": "integer", "format": "int64", "minimum": 0,
                        "description": "Seconds that a longer Retry-After counts as; 0: none is heeded."}
  }
},
"RateLimit": {
  "type": "object",
  "description": "A token bucket: attempts that come too early wait.",
  "additionalProperties": false,
  "properties": {
    "per_second": {"type": "number", "minimum": 0, "description": "In the long run; 0: no limit."},
    "burst": {"type": "number", "minimum": 1, "description": "At once after a pause."}
  }
},
"Delivery": {
  "type": "object",
  "description": "One event on its way to one subscription, with what happened to it.",
  "required": ["id", "event_id", "subscription_id", "event_type", "status", "attempts", "attempt_count", "created_at",
               "next_attempt_at", "reason"],
  "properties": {
    "id": {"type": "string", "description": "Its name; in the order of appending."},
    "event_id": {"type": "string", "description": "The webhook-id of every attempt."},
    "subscription_id": {"type": "string", "description": "Empty: it was sent to a one-off URL."},
    "event_type": {"type": "string", "description": "Such as order.paid."},
    "status": {"type": "string", "enum": ["pending", "in_flight", "delivered", "dead", "expired", "cancelled"],
               "description": "Where it stands; the last four are final."},
    "attempts": {"type": "array", "items": {"$ref": "#/components/schemas/Attempt"}, "description": "Oldest first."},
    "attempt_count": {"type": "integer", "minimum": 0,
                      "description": "All that were made, also where not all of them are kept."},
    "created_at": {"type": "string", "format": "date-time", "description": "When the event was published."},
    "next_attempt_at": {"type": ["string", "null"], "format": "date-time",
                        "description": "Not before then; null: no time is set."},
    "reason": {"type": "string", "description": "Why it is dead, expired or cancelled."}
  }
},
"Attempt": {
  "type": "object",
  "description": "One HTTP exchange.",
  "required": ["at", "status", "error", "duration", "response_body", "url", "trigger"],
  "properties": {
    "at": {"type": "string", "format": "date-time", "description": "When it was sent."},
    "status": {"type": "integer", "minimum": 0, "maximum": 999, "description": "Of the answer; 0: there was none."},
    "error": {"type": "string", "description": "Why there was no answer: a class word and the cause."},
    "duration": {"type": "integer", "format": "int64", "minimum": 0,
                 "description": "Microseconds to the end of the answer."},
    "response_body": {"type": "string", "description": "Its beginning; bytes that are no UTF-8 are replaced."},
    "url": {"type": "string", "description": "Where it was sent."},
    "trigger": {"type": "string", "enum": ["schedule", "replay", "test", "probe"], "description": "Why it was made."}
  }
},
"Explanation": {
  "type": "object",
  "description": "Why a subscription did, did not or does not yet get an event.",
  "required": ["subscription_id", "matched", "reason", "delivery_id", "next_attempt_at"],
  "properties": {
    "subscription_id": {"type": "string", "description": "Empty: the event was sent to a one-off URL."},
    "matched": {"type": "boolean", "description": "There is a delivery, or such events are asked for now."},
    "reason": {"type": "string", "description": "A sentence for people."},
    "delivery_id": {"type": ["string", "null"], "description": "null: there is no delivery."},
    "next_attempt_at": {"type": ["string", "null"], "format": "date-time",
                        "description": "Of a delivery that waits for a time."}
  }
},
"EventType": {
  "type": "object",
  "description": "An entry of the event catalogue.",
  "required": ["name", "description", "example", "schema"],
  "properties": {
    "name": {"type": "string", "description": "What subscriptions choose it by."},
    "description": {"type": "string", "description": "For who subscribes."},
    "example": {"description": "An example's data; null: there is none."},
    "schema": {"description": "JSON Schema of the data; null: there is none."}
  }
},
"Stats": {
  "type": "object",
  "description": "Counters since the start of the process, and gauges of now.",
  "required": ["published", "rejected", "duplicates", "dropped", "attempts", "failed_attempts", "delivered", "dead",
               "expired", "cancelled", "queued", "pending", "in_flight", "callback_errors", "store_errors", "threads",
               "attempt_latency", "delivery_latency"],
  "properties": {
    "published": {"type": "integer", "format": "int64", "minimum": 0, "description": "Events accepted."},
    "rejected": {"type": "integer", "format": "int64", "minimum": 0, "description": "Events refused."},
    "duplicates": {"type": "integer", "format": "int64", "minimum": 0,
                   "description": "Accepted events whose id was known, with the same content."},
    "dropped": {"type": "integer", "format": "int64", "minimum": 0,
                "description": "Accepted events that could not be kept."},
    "attempts": {"type": "integer", "format": "int64", "minimum": 0, "description": "Requests sent."},
    "failed_attempts": {"type": "integer", "format": "int64", "minimum": 0, "description": "Of those, without a 2xx."},
    "delivered": {"type": "integer", "format": "int64", "minimum": 0, "description": "Deliveries that ended so."},
    "dead": {"type": "integer", "format": "int64", "minimum": 0, "description": "Deliveries that ended so."},
    "expired": {"type": "integer", "format": "int64", "minimum": 0, "description": "Deliveries that ended so."},
    "cancelled": {"type": "integer", "format": "int64", "minimum": 0, "description": "Deliveries that ended so."},
    "queued": {"type": "integer", "format": "int64", "minimum": 0, "description": "Accepted events not yet in the store."},
    "pending": {"type": "integer", "format": "int64", "minimum": 0, "description": "Deliveries that wait."},
    "in_flight": {"type": "integer", "format": "int64", "minimum": 0, "description": "Requests under way."},
    "callback_errors": {"type": "integer", "format": "int64", "minimum": 0,
                        "description": "Exceptions of the application's code."},
    "store_errors": {"type": "integer", "format": "int64", "minimum": 0, "description": "Store calls that failed."},
    "threads": {"type": "integer", "format": "int64", "minimum": 0, "description": "Sending threads alive."},
    "attempt_latency": {"$ref": "#/components/schemas/Histogram"},
    "delivery_latency": {"$ref": "#/components/schemas/Histogram"}
  }
},
"Histogram": {
  "type": "object",
  "description": "How many durations fell into each class.",
  "required": ["counts", "sum_us"],
  "properties": {
    "counts": {"type": "array", "items": {"type": "integer", "format": "int64", "minimum": 0},
               "minItems": 32, "maxItems": 32,
               "description": "Class i: below 2^i microseconds and not below 2^(i-1); the last one: all longer ones."},
    "sum_us": {"type": "integer", "format": "int64", "minimum": 0, "description": "All of them together, in microseconds."}
  }
},
"Recover": {
  "type": "object",
  "description": "Which deliveries to bring once more.",
  "required": ["since"],
  "additionalProperties": false,
  "properties": {
    "since": {"type": "string", "format": "date-time", "description": "Of events published from then on."},
    "until": {"type": ["string", "null"], "format": "date-time", "description": "And before that; null: until now."},
    "include_missed": {"type": "boolean", "description": "Also events that never had a delivery here."},
    "dry_run": {"type": "boolean", "description": "Only count."}
  }
},
"Recovered": {
  "type": "object",
  "description": "What recover did.",
  "required": ["count"],
  "properties": {"count": {"type": "integer", "format": "int64", "minimum": 0, "description": "How many deliveries."}}
},
"Rotate": {
  "type": "object",
  "description": "How to change a secret.",
  "additionalProperties": false,
  "properties": {"grace": {"type": "integer", "minimum": 0, "maximum": 31536000, "default": 86400,
                           "description": "Seconds for which requests are signed with the old one as well."}}
},
"Secret": {
  "type": "object",
  "description": "What a subscription's signatures are checked with.",
  "required": ["secret"],
  "properties": {"secret": {"type": "string", "description": "whsec_..., or whpk_... of an ed25519 key."}}
},
"Test": {
  "type": "object",
  "description": "A test event on its way.",
  "required": ["event_id"],
  "properties": {"event_id": {"type": "string", "description": "Its webhook-id."}}
},
"Health": {
  "type": "object",
  "description": "Whether the publisher works.",
  "required": ["status", "version"],
  "properties": {
    "status": {"type": "string", "description": "In one word."},
    "version": {"type": "string", "description": "The library's."}
  }
},
"Problem": {
  "type": "object",
  "description": "Why a request was refused (RFC 9457).",
  "required": ["title", "status", "detail"],
  "properties": {
    "title": {"type": "string", "description": "The status in words."},
    "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The answer's status."},
    "detail": {"type": "string", "description": "A sentence for people."},
    "field": {"type": "string", "description": "The member that was refused, by its path: retry.schedule."}
  }
},
"SubscriptionPage": {
  "type": "object",
  "description": "Subscriptions in the order of their ids.",
  "required": ["items", "cursor"],
  "properties": {
    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Subscription"}, "description": "This page."},
    "cursor": {"type": ["string", "null"], "description": "Where the next page begins; null: this is the last one."}
  }
},
"DeliveryPage": {
  "type": "object",
  "description": "Deliveries, newest first.",
  "required": ["items", "cursor"],
  "properties": {
    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Delivery"}, "description": "This page."},
    "cursor": {"type": ["string", "null"], "description": "Where the next page begins; null: this is the last one."}
  }
},
"ExplanationPage": {
  "type": "object",
  "description": "One explanation for each subscription.",
  "required": ["items", "cursor"],
  "properties": {
    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Explanation"}, "description": "This page."},
    "cursor": {"type": ["string", "null"], "description": "Where the next page begins; null: this is the last one."}
  }
},
"EventTypePage": {
  "type": "object",
  "description": "The event catalogue, by name.",
  "required": ["items", "cursor"],
  "properties": {
    "items": {"type": "array", "items": {"$ref": "#/components/schemas/EventType"}, "description": "This page."},
    "cursor": {"type": ["string", "null"], "description": "Where the next page begins; null: this is the last one."}
  }
}
})json";
}

}  // namespace flyhook::detail

#endif
