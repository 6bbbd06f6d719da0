#ifndef FLYHOOK_EVENT_HPP
#define FLYHOOK_EVENT_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/encoding.hpp>
#include <flyhook/event_type.hpp>
#include <flyhook/message.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// The one door from C++ types to bytes: how an event type says its name, and how its data is written. Behind it nothing
// knows types or JSON.

namespace flyhook {

/// The run-time typed event: for types that are not known when compiling. `Publisher<>` publishes it.
struct Event {
  std::string type{};
  nlohmann::json data{};
  std::string tenant{}, key{};
};

/// True if an event like this one passes `filter` (`Subscription::filter`; empty: all do). Type and tenant are a
/// subscription's to match; a filter sees them at /type and /tenant. For trying filters out before subscribing: compiling
/// is done anew each time. Throws Error (`invalid`, "filter") for a malformed filter, and then says where in it.
FLYHOOK_DECL bool matches(std::string_view filter, const Event& event);

/// What flyhook knows of an event type. Specialise it with any of
///
///     static constexpr std::string_view type = "order.paid";      or  static std::string_view type(const E&);
///     static nlohmann::json to_json(const E&);                    without it: nlohmann's own conversion
///     static void serialize(const E&, std::string& out);          own bytes: one JSON value, unless content_type differs
///     static std::string key(const E&);                           ordering
///     static std::string tenant(const E&);
///     static std::size_t size_hint(const E&);                     of the serialised data, in bytes
///     static constexpr std::string_view content_type = "...";     what serialize writes; default application/json
///     static E parse(std::string_view data);                      for receiving; without it: nlohmann's own conversion
///     static constexpr std::string_view description = "...";      one sentence for who subscribes
///     static constexpr std::string_view schema = "...";           JSON Schema text of the data
///     static E example();                                         one that shows what its data looks like
///
/// Without a specialisation a static constant E::event_type is the type. The functions run on the publishing thread (type,
/// key, tenant, size_hint) or on a pool thread (to_json, serialize); what the latter throw drops the event and is reported.
/// `parse` runs on the thread that handles the request; what it throws refuses the request. The last three are for the
/// event catalogue (PublisherBase::event_types) of types whose name is a constant, and are asked when a publisher is made.
/// An example whose content_type is not JSON is left out.
template <class E>
struct EventTraits {};

namespace detail {

template <class T>
concept TextConstant = std::is_const_v<std::remove_reference_t<T>> && std::convertible_to<T, std::string_view>;

// `*&` refuses a non-static member, whose mere name would pass.
template <class E>
concept TraitsTypeConstant = requires {
  { *&EventTraits<E>::type } -> TextConstant;
};
template <class E>
concept TraitsTypeFunction = requires(const E& event) {
  { EventTraits<E>::type(event) } -> std::convertible_to<std::string_view>;
};
template <class E>
concept MemberType = requires {
  { *&E::event_type } -> TextConstant;
};
template <class E>
concept HasConstantType = TraitsTypeConstant<E> || MemberType<E>;

template <class E>
concept HasSerialize = requires(const E& event, std::string& out) {
  EventTraits<E>::serialize(event, out);
};
template <class E>
concept HasToJson = requires(const E& event) {
  { EventTraits<E>::to_json(event) } -> std::convertible_to<nlohmann::json>;
};
template <class E>
concept HasNlohmann = requires(nlohmann::json& json, const E& event) {
  nlohmann::adl_serializer<E>::to_json(json, event);
};

template <class E>
concept HasParse = requires(std::string_view data) {
  { EventTraits<E>::parse(data) } -> std::convertible_to<E>;
};
template <class E>
concept HasFromNlohmann = requires(const nlohmann::json& json) {
  { json.get<E>() } -> std::same_as<E>;
};

template <class E>
concept HasKey = requires(const E& event) {
  { EventTraits<E>::key(event) } -> std::convertible_to<std::string>;
};
template <class E>
concept HasTenant = requires(const E& event) {
  { EventTraits<E>::tenant(event) } -> std::convertible_to<std::string>;
};
template <class E>
concept HasSizeHint = requires(const E& event) {
  { EventTraits<E>::size_hint(event) } -> std::convertible_to<std::size_t>;
};
template <class E>
concept HasContentType = requires {
  { *&EventTraits<E>::content_type } -> TextConstant;
};

template <class E>
concept HasDescription = requires {
  { *&EventTraits<E>::description } -> TextConstant;
};
template <class E>
concept HasSchema = requires {
  { *&EventTraits<E>::schema } -> TextConstant;
};
template <class E>
concept HasExample = requires {
  { EventTraits<E>::example() } -> std::convertible_to<E>;
};

template <class E>
struct is_publishable : std::bool_constant<(HasConstantType<E> ||
                                            TraitsTypeFunction<E>)&&(HasSerialize<E> || HasToJson<E> || HasNlohmann<E>)> {};
template <>
struct is_publishable<Event> : std::true_type {};
template <class... Alternatives>
struct is_publishable<std::variant<Alternatives...>> : std::conjunction<is_publishable<Alternatives>...> {};

/// Its data can be read, whatever its type is called.
template <class E>
concept Parsable = std::is_object_v<E> && std::move_constructible<E> &&(HasParse<E> || HasFromNlohmann<E>);

template <class E>
struct is_receivable
    : std::bool_constant<(TraitsTypeConstant<E> || (MemberType<E> && !TraitsTypeFunction<E>)) && Parsable<E>> {};
template <class... Alternatives>
struct is_receivable<std::variant<Alternatives...>> : std::conjunction<is_receivable<Alternatives>...> {};

}  // namespace detail

/// True for what a Publisher can publish: an object type with a type name and a way to bytes, flyhook::Event, or a
/// std::variant of such types.
template <class E>
concept Publishable = std::is_object_v<E> && std::move_constructible<E> && detail::is_publishable<E>::value;

/// True for what a Receiver knows by its type alone: an object type with a constant type name and a way from bytes, or a
/// std::variant of such types.
template <class E>
concept Receivable = std::is_object_v<E> && std::move_constructible<E> && detail::is_receivable<E>::value;

namespace detail {

/// The value of JSON text. Throws Error (`invalid`, no field) for what is no JSON, no UTF-8, nested deeper than `most_deep`
/// (copying and dumping a value recurse), or has more behind it; the reason says where, and shows nothing of the text.
FLYHOOK_DECL nlohmann::json parse_json(std::string_view text, std::size_t most_deep = 256);

/// The same, but an object that has a member twice is refused: who wrote it and who reads it may not mean the same one.
FLYHOOK_DECL nlohmann::json parse_strict_json(std::string_view text, std::size_t most_deep = 256);

/// Behind the JSON string that begins at `at`.
FLYHOOK_DECL std::size_t behind_json_string(std::string_view text, std::size_t at);

/// The uniform view of an event type. Only used with Publishable, Receivable or Parsable types.
template <class E>
struct EventAccess {
  static std::string_view type(const E& event) {
    if constexpr (TraitsTypeConstant<E>) {
      return EventTraits<E>::type;
    } else if constexpr (TraitsTypeFunction<E>) {
      return EventTraits<E>::type(event);
    } else {
      return E::event_type;
    }
  }
  static std::string key([[maybe_unused]] const E& event) {
    if constexpr (HasKey<E>) return EventTraits<E>::key(event);
    return {};
  }
  static std::string tenant([[maybe_unused]] const E& event) {
    if constexpr (HasTenant<E>) return EventTraits<E>::tenant(event);
    return {};
  }
  /// 0: it does not know.
  static std::size_t size_hint([[maybe_unused]] const E& event) {
    if constexpr (HasSizeHint<E>) return EventTraits<E>::size_hint(event);
    return 0;
  }
  static void write(const E& event, Message& message) {
    if constexpr (HasContentType<E>) message.content_type = std::string_view{EventTraits<E>::content_type};
    if constexpr (HasSerialize<E>) {
      EventTraits<E>::serialize(event, message.data);
    } else if constexpr (HasToJson<E>) {
      message.data = nlohmann::json(EventTraits<E>::to_json(event)).dump();
    } else {
      message.data = nlohmann::json(event).dump();
    }
  }
  /// `data` as it was sent, and as `json`, which only nlohmann's conversion reads.
  static E parse([[maybe_unused]] std::string_view data, [[maybe_unused]] const nlohmann::json& json) {
    if constexpr (HasParse<E>) {
      return EventTraits<E>::parse(data);
    } else {
      return json.get<E>();
    }
  }
  /// Its name, if that is known when compiling.
  static void add_names([[maybe_unused]] std::vector<std::string_view>& names) {
    if constexpr (TraitsTypeConstant<E>) {
      names.push_back(EventTraits<E>::type);
    } else if constexpr (MemberType<E> && !TraitsTypeFunction<E>) {
      names.push_back(E::event_type);
    }
  }
  /// Its entry of the event catalogue, if its name is known when compiling.
  static void add_types(std::vector<EventType>& types) {
    std::vector<std::string_view> names;
    add_names(names);
    for (const auto name : names) types.push_back(catalogued(name));
  }

 private:
  static EventType catalogued(std::string_view name) {
    EventType type;
    type.name = name;
    if constexpr (HasDescription<E>) type.description = std::string_view{EventTraits<E>::description};
    if constexpr (HasSchema<E>) type.schema = std::string_view{EventTraits<E>::schema};
    if constexpr (HasExample<E>) {
      const E event = EventTraits<E>::example();
      Message message;
      write(event, message);
      if (is_json_type(message.content_type)) type.example = std::move(message.data);
    }
    return type;
  }
};

template <>
struct EventAccess<Event> {
  static std::string_view type(const Event& event) { return event.type; }
  static std::string key(const Event& event) { return event.key; }
  static std::string tenant(const Event& event) { return event.tenant; }
  static std::size_t size_hint(const Event&) { return 0; }
  static void write(const Event& event, Message& message) { message.data = event.data.dump(); }
  static void add_types(std::vector<EventType>&) {}
};

template <class... Alternatives>
struct EventAccess<std::variant<Alternatives...>> {
  using E = std::variant<Alternatives...>;
  template <class Call>
  static decltype(auto) visit(const E& event, Call call) {
    return std::visit([&](const auto& own) { return call(own, EventAccess<std::remove_cvref_t<decltype(own)>>{}); }, event);
  }
  static std::string_view type(const E& event) {
    return visit(event, [](const auto& own, auto access) { return access.type(own); });
  }
  static std::string key(const E& event) {
    return visit(event, [](const auto& own, auto access) { return access.key(own); });
  }
  static std::string tenant(const E& event) {
    return visit(event, [](const auto& own, auto access) { return access.tenant(own); });
  }
  static std::size_t size_hint(const E& event) {
    return visit(event, [](const auto& own, auto access) { return access.size_hint(own); });
  }
  static void write(const E& event, Message& message) {
    visit(event, [&](const auto& own, auto access) { access.write(own, message); });
  }
  static void add_names(std::vector<std::string_view>& names) { (EventAccess<Alternatives>::add_names(names), ...); }
  static void add_types(std::vector<EventType>& types) { (EventAccess<Alternatives>::add_types(types), ...); }
};

}  // namespace detail
}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/event.ipp>
#endif

#endif
