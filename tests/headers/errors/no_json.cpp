// error: this type cannot be published: specialise flyhook::EventTraits for it
// One alternative has no JSON.

#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include <variant>

struct Created {
  static constexpr std::string_view event_type = "created";
  int value = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Created, value)

struct Deleted {
  static constexpr std::string_view event_type = "deleted";
  int value = 0;
};

int main() {
  flyhook::Publisher<std::variant<Created, Deleted>> publisher{std::make_shared<flyhook::RecordingTransport>()};
  publisher.publish(Created{1});
}
