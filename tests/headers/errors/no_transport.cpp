// error: no default transport here: include <flyhook/flyhook.hpp> or <flyhook/transport/httplib.hpp>, or pass your own
// publisher.hpp alone knows no HTTP library.

#include <flyhook/publisher.hpp>

int main() {
  flyhook::Publisher<> publisher;
  flyhook::Publisher<> other{{.threads = 1}};
}
