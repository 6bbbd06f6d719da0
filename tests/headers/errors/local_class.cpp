// error: a local class can have neither
// Templates cannot be specialised for it, and it can have no static member.

#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

int main() {
  struct Created {
    int value = 0;
  };
  flyhook::Publisher<Created> publisher{std::make_shared<flyhook::RecordingTransport>()};
  publisher.publish(Created{1});
}
