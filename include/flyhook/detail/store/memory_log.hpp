#ifndef FLYHOOK_DETAIL_STORE_MEMORY_LOG_HPP
#define FLYHOOK_DETAIL_STORE_MEMORY_LOG_HPP

#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>

#include <string>
#include <string_view>

// What happened to one of MemoryStore's rows, in one buffer that the row keeps.

namespace flyhook::detail {

/// The attempts and the reason of a row as bytes, one after the other.
struct MemoryLog {
  FLYHOOK_DECL static void add(std::string& log, const Attempt& attempt);
  FLYHOOK_DECL static void add_reason(std::string& log, std::string_view reason);
  /// Leaves the attempts.
  FLYHOOK_DECL static void drop_reason(std::string& log);
  FLYHOOK_DECL static void drop_response_bodies(std::string& log);
  FLYHOOK_DECL static void read(std::string_view log, DeliveryRecord& into);

 private:
  static constexpr char attempt_tag = 'a', reason_tag = 'r';

  template <class T>
  static void put(std::string& log, T value);
  FLYHOOK_DECL static void put_text(std::string& log, std::string_view text);
  template <class T>
  static T get(std::string_view& rest);
  FLYHOOK_DECL static std::string get_text(std::string_view& rest);
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/store/memory_log.ipp>
#endif

#endif
