#ifndef FLYHOOK_TESTS_CONTRACT_STORE_BYTES_HPP
#define FLYHOOK_TESTS_CONTRACT_STORE_BYTES_HPP

#include <flyhook/store.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

// Every value of the store's port as bytes and back. The test store passes all calls through here, as a store behind a
// socket would, so that an engine that leans on a shared pointer or on nanoseconds is found out. Tests compare answers by
// their bytes, too. Times keep microseconds, truncated, as stores may.

namespace contract {

template <class T>
concept PortStruct = std::same_as<T, flyhook::Message> || std::same_as<T, flyhook::Recipient> ||
    std::same_as<T, flyhook::Target> || std::same_as<T, flyhook::RateLimit> || std::same_as<T, flyhook::RetryPolicy> ||
    std::same_as<T, flyhook::Subscription> || std::same_as<T, flyhook::Attempt> ||
    std::same_as<T, flyhook::DeliveryRecord> || std::same_as<T, flyhook::DeliveryQuery> || std::same_as<T, flyhook::Slot> ||
    std::same_as<T, flyhook::LaneWork> || std::same_as<T, flyhook::Ownership> || std::same_as<T, flyhook::NewDelivery> ||
    std::same_as<T, flyhook::NewEvent> || std::same_as<T, flyhook::AppendBatch> ||
    std::same_as<T, flyhook::AppendedDelivery> || std::same_as<T, flyhook::AppendResult> ||
    std::same_as<T, flyhook::Claim> || std::same_as<T, flyhook::FetchedDelivery> || std::same_as<T, flyhook::LaneWant> ||
    std::same_as<T, flyhook::LaneFetched> || std::same_as<T, flyhook::Outcome> || std::same_as<T, flyhook::CloseRequest> ||
    std::same_as<T, flyhook::Closed> || std::same_as<T, flyhook::SubscriptionRow> ||
    std::same_as<T, flyhook::PreviousSecret> || std::same_as<T, flyhook::PutResult> || std::same_as<T, flyhook::Reopened> ||
    std::same_as<T, flyhook::RecoverQuery> || std::same_as<T, flyhook::Recovered> ||
    std::same_as<T, flyhook::MissedQuery> || std::same_as<T, flyhook::MissedEvent> || std::same_as<T, flyhook::Missed> ||
    std::same_as<T, flyhook::EventId> || std::same_as<T, flyhook::DeliveryId> || std::same_as<T, flyhook::SubscriptionId>;

/// Calls `visit` with the members of `v`. The structured bindings name every member, so a member added to one of the port's
/// structs does not compile here until it is carried.
template <class Visit, class V>
void visit_members(Visit& visit, V& v) {
  using T = std::remove_const_t<V>;
  if constexpr (std::same_as<T, flyhook::EventId> || std::same_as<T, flyhook::DeliveryId> ||
                std::same_as<T, flyhook::SubscriptionId>) {
    auto& [a] = v;
    visit(a);
  } else if constexpr (std::same_as<T, flyhook::RateLimit> || std::same_as<T, flyhook::Slot> ||
                       std::same_as<T, flyhook::LaneWork> || std::same_as<T, flyhook::PreviousSecret> ||
                       std::same_as<T, flyhook::Reopened> || std::same_as<T, flyhook::MissedEvent> ||
                       std::same_as<T, flyhook::Recipient>) {
    auto& [a, b] = v;
    visit(a, b);
  } else if constexpr (std::same_as<T, flyhook::Ownership> || std::same_as<T, flyhook::AppendBatch> ||
                       std::same_as<T, flyhook::AppendedDelivery> || std::same_as<T, flyhook::AppendResult> ||
                       std::same_as<T, flyhook::Claim> || std::same_as<T, flyhook::LaneWant> ||
                       std::same_as<T, flyhook::PutResult> || std::same_as<T, flyhook::Missed>) {
    auto& [a, b, c] = v;
    visit(a, b, c);
  } else if constexpr (std::same_as<T, flyhook::NewEvent> || std::same_as<T, flyhook::LaneFetched> ||
                       std::same_as<T, flyhook::Closed> || std::same_as<T, flyhook::SubscriptionRow> ||
                       std::same_as<T, flyhook::Recovered>) {
    auto& [a, b, c, d] = v;
    visit(a, b, c, d);
  } else if constexpr (std::same_as<T, flyhook::RetryPolicy> || std::same_as<T, flyhook::NewDelivery> ||
                       std::same_as<T, flyhook::Target>) {
    auto& [a, b, c, d, e] = v;
    visit(a, b, c, d, e);
  } else if constexpr (std::same_as<T, flyhook::FetchedDelivery> || std::same_as<T, flyhook::CloseRequest> ||
                       std::same_as<T, flyhook::RecoverQuery> || std::same_as<T, flyhook::MissedQuery>) {
    auto& [a, b, c, d, e, f] = v;
    visit(a, b, c, d, e, f);
  } else if constexpr (std::same_as<T, flyhook::Attempt> || std::same_as<T, flyhook::Outcome> ||
                       std::same_as<T, flyhook::DeliveryQuery>) {
    auto& [a, b, c, d, e, f, g] = v;
    visit(a, b, c, d, e, f, g);
  } else if constexpr (std::same_as<T, flyhook::DeliveryRecord>) {
    auto& [a, b, c, d, e, f, g, h, i, j] = v;
    visit(a, b, c, d, e, f, g, h, i, j);
  } else if constexpr (std::same_as<T, flyhook::Message>) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = v;
    visit(a, b, c, d, e, f, g, h, i, j, k, l);
  } else {
    static_assert(std::same_as<T, flyhook::Subscription>);
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = v;
    visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t);
  }
}

class ByteWriter {
 public:
  template <class... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  std::string bytes{};

 private:
  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes.append(raw, sizeof(T));
  }
  void put(const std::string& text) {
    put(text.size());
    bytes.append(text);
  }
  void put(flyhook::TimePoint time) { put(std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count()); }
  template <class Rep, class Period>
  void put(std::chrono::duration<Rep, Period> value) {
    put(value.count());
  }
  template <class A, class B>
  void put(const std::pair<A, B>& pair) {
    (*this)(pair.first, pair.second);
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class T>
  void put(const std::vector<T>& values) {
    put(values.size());
    for (const T& value : values) put(value);
  }
  template <class K, class V>
  void put(const std::map<K, V>& values) {
    put(values.size());
    for (const auto& value : values) (*this)(value.first, value.second);
  }
  template <class T>
  void put(const std::shared_ptr<const T>& value) {
    put(value != nullptr);
    if (value) put(*value);
  }
  template <PortStruct T>
  void put(const T& value) {
    visit_members(*this, value);
  }
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) throw std::logic_error{"store bytes: cut off"};
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::size_t size() {
    std::size_t value = 0;
    get(value);
    return value;
  }
  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void get(T& value) {
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
  }
  void get(std::string& text) { text = take(size()); }
  void get(flyhook::TimePoint& time) {
    std::chrono::microseconds::rep count = 0;
    get(count);
    time = flyhook::TimePoint{std::chrono::duration_cast<flyhook::TimePoint::duration>(std::chrono::microseconds{count})};
  }
  template <class Rep, class Period>
  void get(std::chrono::duration<Rep, Period>& value) {
    Rep count{};
    get(count);
    value = std::chrono::duration<Rep, Period>{count};
  }
  template <class A, class B>
  void get(std::pair<A, B>& pair) {
    (*this)(pair.first, pair.second);
  }
  template <class T>
  void get(std::optional<T>& value) {
    bool given = false;
    get(given);
    value.reset();
    if (given) get(value.emplace());
  }
  template <class T>
  void get(std::vector<T>& values) {
    values.clear();
    for (std::size_t count = size(); count > 0; --count) get(values.emplace_back());
  }
  template <class K, class V>
  void get(std::map<K, V>& values) {
    values.clear();
    for (std::size_t count = size(); count > 0; --count) {
      K key{};
      get(key);
      get(values[key]);
    }
  }
  template <class T>
  void get(std::shared_ptr<const T>& value) {
    bool given = false;
    get(given);
    value.reset();
    if (!given) return;
    auto made = std::make_shared<T>();
    get(*made);
    value = std::move(made);
  }
  template <PortStruct T>
  void get(T& value) {
    visit_members(*this, value);
  }

  std::string_view rest_;
};

template <class T>
std::string bytes_of(const T& value) {
  ByteWriter writer;
  writer(value);
  return std::move(writer.bytes);
}

/// A value that shares nothing with `value`.
template <class T>
T through_bytes(const T& value) {
  const std::string bytes = bytes_of(value);
  ByteReader reader{bytes};
  T copy{};
  reader(copy);
  if (!reader.done()) throw std::logic_error{"store bytes: something left over"};
  return copy;
}

}  // namespace contract

#endif
