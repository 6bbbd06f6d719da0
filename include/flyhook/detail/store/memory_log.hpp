#ifndef FLYHOOK_DETAIL_STORE_MEMORY_LOG_HPP
#define FLYHOOK_DETAIL_STORE_MEMORY_LOG_HPP

#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

// What happened to one of MemoryStore's rows, in one buffer that the row keeps and that has no byte to spare.

namespace flyhook::detail {

/// The attempts and the reason of a row as bytes, one after the other, behind how many there are.
class MemoryLog {
 public:
  std::uint32_t attempts() const { return head().attempts; }
  /// In bytes, without the head.
  std::size_t size() const { return head().size; }

  FLYHOOK_DECL void add(const Attempt& attempt, bool with_response_body);
  FLYHOOK_DECL void add_reason(std::string_view reason);
  /// Leaves the attempts.
  FLYHOOK_DECL void drop_reason();
  FLYHOOK_DECL void drop_response_bodies();
  FLYHOOK_DECL void read(DeliveryRecord& into) const;

 private:
  static constexpr char attempt_tag = 'a', reason_tag = 'r';

  struct Head {
    std::uint32_t size = 0, attempts = 0;
  };
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };

  FLYHOOK_DECL Head head() const;
  FLYHOOK_DECL char* grow(std::size_t bytes, std::uint32_t attempts);
  FLYHOOK_DECL void replace(const DeliveryRecord& record);

  template <class T>
  static void put(char*& at, T value);
  FLYHOOK_DECL static void put_text(char*& at, std::string_view text);
  template <class T>
  static T get(std::string_view& rest);
  FLYHOOK_DECL static std::string get_text(std::string_view& rest);

  std::unique_ptr<char[], Free> bytes_{};  // a Head, then `size`; from malloc, so that it grows in place where it can
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/store/memory_log.ipp>
#endif

#endif
