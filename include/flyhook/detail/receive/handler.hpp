#ifndef FLYHOOK_DETAIL_RECEIVE_HANDLER_HPP
#define FLYHOOK_DETAIL_RECEIVE_HANDLER_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/receive/reading.hpp>
#include <flyhook/event.hpp>
#include <flyhook/event_type.hpp>
#include <flyhook/received.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// Where typed handlers become untyped ones: which events one wants, and how it reads them. Reading comes before any handler
// of a request is called, so that data which one of them cannot read runs none.

namespace flyhook::detail {

/// A handler with its event, ready to be called.
using Call = std::function<void(const Received&)>;

struct Handler {
  bool wants(std::string_view type) const {
    return (!pattern.empty() && pattern_matches(pattern, type)) ||
           std::find(types.begin(), types.end(), type) != types.end();
  }

  std::vector<std::string_view> types{};  ///< constants of the event types
  std::string pattern{};                  ///< empty: none
  /// Reads the data. Throws NeedsJson, or what parsing throws.
  std::function<Call(const ReceivedEvent&)> prepare{};
};

/// The event type has no `parse`, and the data is no JSON.
struct NeedsJson {};

template <class E, class Function>
concept Handles = std::invocable<Function&, const E&, const Received&> || std::invocable<Function&, const E&>;

template <class E, class Function>
Call ready(std::shared_ptr<Function> function, E event) {
  return [function = std::move(function), shared = std::make_shared<const E>(std::move(event))](const Received& meta) {
    if constexpr (std::invocable<Function&, const E&, const Received&>) {
      (*function)(*shared, meta);
    } else {
      (*function)(*shared);
    }
  };
}

template <class E>
E read_data(const ReceivedEvent& event) {
  if constexpr (!HasParse<E>) {
    if (!event.is_json) throw NeedsJson{};
  }
  return EventAccess<E>::parse(event.data(), event.json);
}

template <class E>
struct DataReader {
  static E read(const ReceivedEvent& event) { return read_data<E>(event); }
};

template <>
struct DataReader<Event> {
  static Event read(const ReceivedEvent& event) {
    return {.type = event.meta.type, .data = event.json, .tenant = {}, .key = {}};
  }
};

template <class... Alternatives>
struct DataReader<std::variant<Alternatives...>> {
  using E = std::variant<Alternatives...>;

  static E read(const ReceivedEvent& event) { return read_one(event, std::index_sequence_for<Alternatives...>{}); }

  // The handler wants the types of the alternatives alone: one of them it is.
  template <std::size_t... Indices>
  static E read_one(const ReceivedEvent& event, std::index_sequence<Indices...>) {
    std::vector<std::string_view> types;
    EventAccess<E>::add_types(types);
    std::optional<E> found;
    const auto take = [&]<std::size_t index>(std::integral_constant<std::size_t, index>) {
      if (types[index] != event.meta.type) return false;
      found.emplace(std::in_place_index<index>, read_data<std::variant_alternative_t<index, E>>(event));
      return true;
    };
    (void)(take(std::integral_constant<std::size_t, Indices>{}) || ...);
    return *std::move(found);
  }
};

template <class E, class Function>
Handler make_handler(std::vector<std::string_view> types, std::string_view pattern, Function function) {
  Handler handler;
  handler.types = std::move(types);
  handler.pattern = pattern;
  handler.prepare = [shared = std::make_shared<Function>(std::move(function))](const ReceivedEvent& event) {
    return ready(shared, DataReader<E>::read(event));
  };
  return handler;
}

}  // namespace flyhook::detail

#endif
