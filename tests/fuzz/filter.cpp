#include <flyhook/detail/decide/filter.hpp>

#include <flyhook/error.hpp>
#include <flyhook/event.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

// A filter is the first line of the input, data what follows. A filter is refused or answers, the same every time, and
// `$not` of it answers the opposite, but for data that is no JSON, which no filter that looks into it matches.

namespace {

using namespace flyhook;
using namespace flyhook::detail;

void require(bool condition) {
  if (!condition) std::abort();
}

std::optional<Filter> compile(std::string_view text) {
  try {
    return Filter{text};
  } catch (const Error& error) {
    require(error.code() == ErrorCode::invalid && error.field() == "filter");
    for (const char c : std::string_view{error.what()}) require(c >= ' ' && c <= '~');
    return std::nullopt;
  }
}

bool is_json(const std::string& text) {
  return text.find('\0') == text.npos && nlohmann::json::accept(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Exactly as large as the input, so that a byte read beyond it is found.
  const std::unique_ptr<char[]> bytes{new char[size]};
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(data[i]);
  const std::string_view input{bytes.get(), size};
  const auto end = input.find('\n');
  const auto text = input.substr(0, end);

  const auto filter = compile(text);
  if (!filter) return 0;
  Message message;
  message.type = "order.paid";
  message.tenant = "acme";
  message.key = "cust_1";
  if (end != input.npos) message.data = input.substr(end + 1);

  FilterInput once{message};
  const bool answer = filter->matches(once);
  require(filter->matches(once) == answer);
  FilterInput again{message};
  require(Filter{text}.matches(again) == answer);
  if (text.empty()) {
    require(answer);
    return 0;
  }
  const bool is_parsed = is_json(message.data);
  if (is_parsed) {
    const Event event{message.type, nlohmann::json::parse(message.data), message.tenant, message.key};
    require(matches(text, event) == answer);
  }
  // May be one too deep, or too long.
  const auto negated = compile(R"({"$not":)" + std::string{text} + "}");
  if (!negated) return 0;
  const bool opposite = negated->matches(again);
  require(is_parsed ? opposite != answer : !(opposite && answer));
  return 0;
}
