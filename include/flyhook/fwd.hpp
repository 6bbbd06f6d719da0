#ifndef FLYHOOK_FWD_HPP
#define FLYHOOK_FWD_HPP

#include <flyhook/detail/config.hpp>

// Names of the classes that applications mention in their own headers.

namespace flyhook {

struct Event;
struct Options;
struct Received;
struct Subscription;
struct DeliveryRecord;
class Clock;
class Error;
class Observer;
class PublisherBase;
class Receiver;
class Store;
class Transport;
class Verifier;

template <class E>
struct EventTraits;
template <class Event>
class Publisher;

}  // namespace flyhook

#endif
