// Translations as text, for tests of what is derived from them.
#pragma once

#include <string_view>

#include "natlens/nat/records.h"
#include "natlens/net/address.h"

namespace natlens::nat {

inline Tuple tuple(std::string_view protocol, std::string_view src, std::string_view dst) {
  const Endpoint from = parse_endpoint(src).value();
  const Endpoint to = parse_endpoint(dst).value();
  Tuple t;
  t.src = from.address;
  t.src_port = from.port;
  t.dst = to.address;
  t.dst_port = to.port;
  t.protocol = protocol_number(protocol).value();
  return t;
}

// Taps 1 and 2, seconds 0 to 1, connections 0: what a test needs otherwise it sets.
inline TranslationRow row(std::int64_t id,
                          correlate::TranslationKind kind,
                          const Tuple& inside,
                          const Tuple& outside) {
  TranslationRow r;
  r.id = id;
  r.kind = kind;
  r.inside = inside;
  r.outside = outside;
  r.inside_tap = 1;
  r.outside_tap = 2;
  r.start = Timestamp::from_ns(0);
  r.end = Timestamp::from_ns(1'000'000'000);
  return r;
}

inline Timestamp second(double s) {
  return Timestamp::from_ns(static_cast<std::int64_t>(s * 1e9));
}

}  // namespace natlens::nat
