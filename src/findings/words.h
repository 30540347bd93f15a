// Pieces of the sentences that findings are.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "natlens/findings/records.h"

namespace natlens::findings {

inline Endpoint source(const Tuple& tuple) {
  return {tuple.src, tuple.src_port};
}
inline Endpoint destination(const Tuple& tuple) {
  const bool icmp = tuple.protocol == protocol::kIcmp || tuple.protocol == protocol::kIcmpv6;
  return {tuple.dst, icmp ? std::uint16_t{0} : tuple.dst_port};
}
// TCP flags of records.
namespace flag {
inline constexpr std::uint16_t kSyn = 0x02;
inline constexpr std::uint16_t kRst = 0x04;
inline constexpr std::uint16_t kAck = 0x10;
}  // namespace flag
inline bool is_icmp(const Tuple& tuple) {
  return tuple.protocol == protocol::kIcmp || tuple.protocol == protocol::kIcmpv6;
}
inline bool is_tcp(const Tuple& tuple) {
  return tuple.protocol == protocol::kTcp;
}
inline bool is_udp(const Tuple& tuple) {
  return tuple.protocol == protocol::kUdp;
}

// "10.0.0.2:4000"; without a port, the address alone.
inline std::string end_text(const Endpoint& end) {
  return end.port == 0 ? to_string(end.address) : to_string(end);
}
// "tcp 10.0.0.2:4000 > 192.0.2.9:443".
inline std::string flow_text(const Tuple& tuple) {
  return fmt::format("{} {} > {}", protocol_name(tuple.protocol), end_text(source(tuple)),
                     end_text(destination(tuple)));
}
inline Tuple turned(const Tuple& tuple) {
  Tuple out = tuple;
  out.src = tuple.dst;
  out.dst = tuple.src;
  if (is_icmp(tuple)) return out;
  out.src_port = tuple.dst_port;
  out.dst_port = tuple.src_port;
  return out;
}
inline std::string count_text(std::uint64_t count,
                              std::string_view one,
                              std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}
inline std::string percent(double ratio) {
  return fmt::format("{:.2g} %", ratio * 100);
}
inline double seconds_of(Nanoseconds time) {
  return static_cast<double>(time.count()) * 1e-9;
}
inline std::int64_t ms_of(Nanoseconds time) {
  return time.count() / 1'000'000;
}

}  // namespace natlens::findings
