// A connection to one of several addresses ("happy eyeballs", RFC 8305): they are tried one after the other, each
// once the one before has failed or has had its time; the first that connects is the connection. Owned as every
// transport is; worker's thread.
#pragma once
#include <functional>
#include <memory>
#include <vector>
#include "proxy/net/dialer.h"

namespace outrigger::net {

struct Candidate {
  Address to;
  ConnectOptions options;
};

/// As Dialer::connect. What the options point to must outlive the attempts. `on_another`: before each but the first.
std::unique_ptr<Transport> connect_first_of(Dialer& dialer, event::Loop& loop, std::vector<Candidate> candidates,
                                            std::function<void()> on_another, ConnectFailure& failure);

/// The order in which they are tried: families take turns, beginning with that of the first.
std::vector<Address> take_turns(std::vector<Address> addresses);

}  // namespace outrigger::net
