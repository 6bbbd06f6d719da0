// The shop. It knows nothing of the club but a URL that somebody registered: what a paid order means there is the club's
// own business (club.cpp).
//
// usage: shop URL

#include <flyhook/flyhook.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

struct OrderPaid {
  static constexpr std::string_view event_type = "order.paid";
  std::string order, customer, product;
  std::int64_t cents;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderPaid, order, customer, product, cents)

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: shop URL\n"), 2;
  flyhook::Publisher<OrderPaid> publisher{{.url_policy = {.allow = {"127.0.0.0/8"}}}};
  publisher.subscribe({.url = argv[1],
                       .events = {"order.paid"},
                       .secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                       .ordering = flyhook::Ordering::strict,  // so that this story reads the same every time
                       .id = {"club"}});

  const auto pay = [&](OrderPaid order) {
    std::printf("%s pays for %s\n", order.customer.c_str(), order.product.c_str());
    publisher.publish(std::move(order));  // the customer does not wait for the club
  };
  pay({"ord_1", "Ada", "membership", 4800});
  pay({"ord_2", "Grace", "a book", 3100});
  pay({"ord_3", "Edsger", "membership", 4800});
}  // what is pending gets Options::shutdown_timeout to arrive

// Output:
// shop | Ada pays for membership
// shop | Grace pays for a book
// shop | Edsger pays for membership
// club | Ada is a member, by order ord_1
// club | Edsger is a member, by order ord_3
// club | 2 members
