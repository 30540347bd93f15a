// What clients asked of proxies, and what proxies said of the connections that they opened:
// SOCKS and CONNECT requests with their answers, PROXY headers, and the addresses that names
// were resolved to. See stream's statements.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "natlens/correlate/records.h"
#include "natlens/net/serial_index.h"
#include "natlens/net/slab.h"
#include "natlens/stream/records.h"

#include "connections.h"

namespace natlens::correlate {

struct Request {
  Endpoint target;         // asked for; a port alone where it was a name
  std::uint64_t name = 0;  // its hash; 0 = it was an address
  Endpoint bound;          // the proxy's own end outside, as it says
  Endpoint client;         // whose connection this one carries, and ...
  Endpoint server;         // ... what that one went to
  std::int64_t time = 0;   // reference clock, ns
};

// How two connections are tied by what was said.
enum class Tie : std::uint8_t { kNone, kTarget, kExact };

class Requests {
 public:
  Requests();

  // `time` in the reference clock. False if it says nothing of a connection.
  bool say(std::uint16_t tap, const stream::Statement& statement, std::int64_t time);
  void forget(std::uint16_t tap, std::uint32_t serial);
  // nullptr if nothing was said on this connection.
  const Request* of(const Connection& connection) const;
  Tie tie(const Connection& client, const Connection& proxy) const;
  // Addresses that the target may be.
  std::span<const Address> addresses(const Request& request) const;
  // Every connection on which something was said in [from, to], the latest first, until `use`
  // returns false.
  template <typename Use>
  void each(std::int64_t from, std::int64_t to, Use&& use) const {
    for (auto r = recent_.rbegin(); r != recent_.rend() && r->time >= from; ++r) {
      if (r->time <= to && !use(r->who)) return;
    }
  }

 private:
  struct Name {
    std::uint64_t hash = 0;
    std::size_t count = 0;
    std::array<Address, 4> addresses;
  };
  struct Recent {
    std::int64_t time = 0;
    ConnectionRef who;
  };

  Request& request(std::uint16_t tap, std::uint32_t serial, std::int64_t time);
  const Name& name(std::uint64_t hash) const { return names_[hash % names_.size()]; }
  void resolve(std::uint64_t hash, const Address& address);

  SerialIndex index_;
  Slab<Request> requests_;
  std::deque<Recent> recent_;
  std::vector<Name> names_;  // the last ones; one takes the place of another
};

}  // namespace natlens::correlate
