// What the database holds, as assertions look at it: taps, connections that crossed (flows) and
// connections that did not. Loaded once; a flow is some 250 bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/address.h"
#include "natlens/net/result.h"
#include "natlens/store/database.h"
#include "natlens/verify/records.h"

namespace natlens::verify {

struct Tap {
  std::int64_t id = 0;
  std::string name;
  std::string interface;
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  std::uint64_t frames = 0;
};

enum class Kind : std::uint8_t {
  kBridged,
  kRouted,
  kSnat,
  kDnat,
  kTwice,
  kHairpin,
  kNat64,
  kNat46,
  kNpt,
  kProxy,
  kTunnel
};

// One connection at one tap.
struct Sight {
  std::int64_t tap = 0;
  std::int64_t connection = 0;
  Tuple tuple;  // src opened it
  std::int64_t file = 0;
  std::uint32_t frame = 0;
  std::int64_t start_ns = 0;
  std::int64_t last_ns = 0;
  std::uint16_t tcp_flags = 0;
  std::uint16_t ttl = 0;
  std::uint32_t bytes = 0;
  std::uint32_t packets = 0;  // of the opener
  std::uint32_t replies = 0;
  bool untracked = false;  // never was an entry
  bool beginning_seen = true;
  bool expected = false;  // a helper announced it
};

struct Flow {
  std::int64_t translation = 0;
  Kind kind = Kind::kRouted;
  bool entered_inside = true;
  Sight entered;
  Sight left;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  const Sight& inside() const { return entered_inside ? entered : left; }
  const Sight& outside() const { return entered_inside ? left : entered; }
  bool changed() const;  // an end of it is another one
};

// A connection without a partner at another tap.
struct Alone {
  Sight sight;
  bool in_time = false;  // the other taps captured then and showed nothing of it
};

struct Scene {
  store::Database& database;
  std::string name;  // of the database, for commands
  std::vector<Tap> taps;
  std::vector<Flow> flows;  // by translation id
  std::vector<Alone> alone;
  std::vector<std::pair<std::int64_t, std::string>> files;

  static Result<Scene> load(store::Database& database, const std::string& called);
  const Tap* tap(std::string_view wanted) const;
  const std::string& tap_name(std::int64_t id) const;
  FrameRef frame_of(const Sight& sight) const;
};

bool has_ports(std::uint8_t protocol);
// "tcp 10.0.0.17:51512 -> 198.51.100.20:443"; ICMP with its id.
std::string flow_text(const Tuple& tuple);
// "10.0.0.17:51512": what `natlens trace` takes.
std::string source_text(const Tuple& tuple);
std::string destination_text(const Tuple& tuple);
// "10.0.0.0/24", "2001:db8::/64".
std::string prefix_text(const Address& address);

}  // namespace natlens::verify
