// error: this type cannot be published: specialise flyhook::EventTraits for it
// The name is a member of each event, not of the type.

#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include <string>

struct Created {
  std::string event_type = "created";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Created, event_type)

int main() {
  flyhook::Publisher<Created> publisher{std::make_shared<flyhook::RecordingTransport>()};
  publisher.publish({});
}
