// error: this type cannot be published: specialise flyhook::EventTraits for it
// Neither a name nor JSON. What the program then does with its publisher must add no error.

#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

struct NotPublishable {
  int value = 0;
};

int main() {
  flyhook::Publisher<NotPublishable> publisher{std::make_shared<flyhook::RecordingTransport>(), {.threads = 0}};
  publisher.subscribe({.url = "http://127.0.0.1/"});
  publisher.publish({1});
  publisher.publish(NotPublishable{2}, {.id = "2"});
  return publisher.settle() ? 0 : 1;
}
