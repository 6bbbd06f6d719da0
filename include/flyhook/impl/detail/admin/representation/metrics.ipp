#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_REPRESENTATION_METRICS_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_REPRESENTATION_METRICS_IPP

#include <flyhook/detail/admin/representation.hpp>

#include <cstdint>
#include <initializer_list>
#include <utility>

// Stats as Prometheus reads them. Numbers share a metric, told apart by a label, only where each thing counted is counted
// under exactly one of them, so that their sum means something: a call of publish is accepted or rejected, a delivery has
// one end. Duplicates and dropped events were accepted before, failed attempts are attempts: these have metrics of their
// own, and so a ratio is one division.

namespace flyhook::detail {

/// Writes metrics one after the other.
class MetricsWriter {
 public:
  FLYHOOK_DECL void counter(std::string_view name, std::string_view help, std::uint64_t value);
  FLYHOOK_DECL void gauge(std::string_view name, std::string_view help, std::uint64_t value);
  /// One for each value of `label`.
  FLYHOOK_DECL void counters(std::string_view name, std::string_view help, std::string_view label,
                             std::initializer_list<std::pair<std::string_view, std::uint64_t>> values);
  /// Microseconds become seconds, the base unit.
  FLYHOOK_DECL void histogram(std::string_view name, std::string_view help, const Histogram& durations);

  std::string text{};

 private:
  FLYHOOK_DECL void head(std::string_view name, std::string_view help, std::string_view type);
  FLYHOOK_DECL void sample(std::string_view name, std::string_view labels, std::string_view value);
};

FLYHOOK_DECL std::string seconds_text(std::uint64_t us);

std::string metrics_text(const Stats& stats, std::size_t subscriptions) {
  MetricsWriter metrics;
  metrics.counters("flyhook_events_total", "Events given to publish, by its answer.", "result",
                   {{"accepted", stats.published}, {"rejected", stats.rejected}});
  metrics.counter("flyhook_events_duplicate_total", "Accepted events whose id was known, with the same content.",
                  stats.duplicates);
  metrics.counter("flyhook_events_dropped_total", "Accepted events that could not be kept.", stats.dropped);
  metrics.counters(
      "flyhook_deliveries_total", "Deliveries that ended, by how; a replayed one ends again.", "outcome",
      {{"delivered", stats.delivered}, {"dead", stats.dead}, {"expired", stats.expired}, {"cancelled", stats.cancelled}});
  metrics.counter("flyhook_attempts_total", "Requests sent.", stats.attempts);
  metrics.counter("flyhook_attempts_failed_total", "Requests that were not answered with a 2xx.", stats.failed_attempts);
  metrics.counter("flyhook_callback_errors_total", "Exceptions thrown by the application's observers and transports.",
                  stats.callback_errors);
  metrics.counter("flyhook_store_errors_total", "Calls of the store that failed, or whose outcome is unknown.",
                  stats.store_errors);
  metrics.gauge("flyhook_queued_events", "Accepted events that are not yet in the store.", stats.queued);
  metrics.gauge("flyhook_pending_deliveries", "Deliveries that wait for an attempt.", stats.pending);
  metrics.gauge("flyhook_in_flight_requests", "Requests under way.", stats.in_flight);
  metrics.gauge("flyhook_sending_threads", "Threads that send.", stats.threads);
  metrics.gauge("flyhook_subscriptions", "Registered subscriptions.", subscriptions);
  metrics.histogram("flyhook_attempt_latency_seconds", "From sending a request to the end of its answer.",
                    stats.attempt_latency);
  metrics.histogram("flyhook_delivery_latency_seconds", "From publish to the end of the successful answer.",
                    stats.delivery_latency);
  return std::move(metrics.text);
}

void MetricsWriter::counter(std::string_view name, std::string_view help, std::uint64_t value) {
  head(name, help, "counter");
  sample(name, "", std::to_string(value));
}

void MetricsWriter::gauge(std::string_view name, std::string_view help, std::uint64_t value) {
  head(name, help, "gauge");
  sample(name, "", std::to_string(value));
}

void MetricsWriter::counters(std::string_view name, std::string_view help, std::string_view label,
                             std::initializer_list<std::pair<std::string_view, std::uint64_t>> values) {
  head(name, help, "counter");
  for (const auto& [label_value, value] : values)
    sample(name, std::string{label}.append("=\"").append(label_value).append("\""), std::to_string(value));
}

/// Class i holds what is below 2^i microseconds, and the last one the rest, so its bucket is +Inf. The count is the sum of
/// the classes: whatever a snapshot caught, it agrees with them.
void MetricsWriter::histogram(std::string_view name, std::string_view help, const Histogram& durations) {
  head(name, help, "histogram");
  const std::string own_name{name};
  const auto& counts = durations.counts;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    count += counts[i];
    const auto bound = i + 1 < counts.size() ? seconds_text(std::uint64_t{1} << i) : "+Inf";
    sample(own_name + "_bucket", "le=\"" + bound + "\"", std::to_string(count));
  }
  sample(own_name + "_sum", "", count == 0 ? "0" : seconds_text(durations.sum_us));
  sample(own_name + "_count", "", std::to_string(count));
}

void MetricsWriter::head(std::string_view name, std::string_view help, std::string_view type) {
  text.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void MetricsWriter::sample(std::string_view name, std::string_view labels, std::string_view value) {
  text.append(name);
  if (!labels.empty()) text.append("{").append(labels).append("}");
  text.append(" ").append(value).append("\n");
}

/// Exactly: 1500 is "0.0015".
std::string seconds_text(std::uint64_t us) {
  auto text = std::to_string(us / 1'000'000);
  if (const auto rest = us % 1'000'000; rest != 0) {
    text += "." + std::to_string(1'000'000 + rest).substr(1);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

}  // namespace flyhook::detail

#endif
