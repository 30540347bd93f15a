// Network addresses, endpoints and tuples, in the shape of the kernel's nf_conntrack_tuple
// (include/net/netfilter/nf_conntrack_tuple.h). Everything is in host byte order but the
// address bytes, which stay as they are on the wire. All types are plain bytes without padding,
// so that they hash and compare as memory.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace natlens {

enum class Family : std::uint8_t { kNone = 0, kIpv4 = 4, kIpv6 = 6 };

class Address {
 public:
  constexpr Address() = default;
  // In wire order: 10.0.0.1 is {10, 0, 0, 1}.
  static Address v4(std::span<const std::uint8_t, 4> bytes) {
    Address a;
    std::memcpy(a.bytes_.data(), bytes.data(), 4);
    a.family_ = Family::kIpv4;
    return a;
  }
  static Address v4(std::uint32_t host_order);
  static Address v6(std::span<const std::uint8_t, 16> bytes) {
    Address a;
    std::memcpy(a.bytes_.data(), bytes.data(), 16);
    a.family_ = Family::kIpv6;
    return a;
  }
  // "10.0.0.1" or "2001:db8::1", without brackets, scope or prefix length.
  static std::optional<Address> parse(std::string_view text);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::kIpv4; }
  bool is_v6() const { return family_ == Family::kIpv6; }
  // 4 or 16 bytes in wire order (none: 0).
  std::span<const std::uint8_t> bytes() const {
    return {bytes_.data(), is_v4() ? 4U : is_v6() ? 16U : 0U};
  }
  std::uint32_t v4_host_order() const;
  // RFC 1918, RFC 6598 (100.64/10), RFC 3927, ULA, link-local: not routed on the Internet.
  bool is_private() const;
  bool is_multicast() const;  // IPv4 broadcast 255.255.255.255 included

  auto operator<=>(const Address&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  Family family_ = Family::kNone;
};
static_assert(sizeof(Address) == 17 && alignof(Address) == 1);

// RFC 5952 text, as inet_ntop prints it; "-" for a default-constructed address.
std::string to_string(const Address& address);

struct Endpoint {
  Address address;
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};
// "10.0.0.1:80", "[2001:db8::1]:80".
std::string to_string(const Endpoint& endpoint);
// The same text back; a missing port is 0.
std::optional<Endpoint> parse_endpoint(std::string_view text);

// IP protocol numbers that natlens names (IANA).
namespace protocol {
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kIpip = 4;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kDccp = 33;
inline constexpr std::uint8_t kIpv6 = 41;
inline constexpr std::uint8_t kGre = 47;
inline constexpr std::uint8_t kEsp = 50;
inline constexpr std::uint8_t kAh = 51;
inline constexpr std::uint8_t kIcmpv6 = 58;
inline constexpr std::uint8_t kSctp = 132;
inline constexpr std::uint8_t kUdpLite = 136;
}  // namespace protocol

// "tcp udp udplite icmp icmpv6 sctp dccp gre esp ah", else the number in decimal.
std::string protocol_name(std::uint8_t number);
// The number of such a name, or of a decimal text.
std::optional<std::uint8_t> protocol_number(std::string_view name);

// One direction of a connection. `src_port` and `dst_port` hold what nf_conntrack_tuple holds:
// ports (TCP, UDP, UDP-Lite, SCTP, DCCP); ICMP: src_port = id, dst_port = type << 8 | code;
// GRE version 1: keys; everything else: 0.
struct Tuple {
  Address src;
  Address dst;
  std::uint8_t protocol = 0;
  std::uint8_t reserved = 0;  // always 0: keeps the struct free of padding
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;

  bool operator==(const Tuple& other) const {
    return std::memcmp(this, &other, sizeof(Tuple)) == 0;
  }
  std::strong_ordering operator<=>(const Tuple&) const = default;
};
static_assert(sizeof(Tuple) == 40 && std::has_unique_object_representations_v<Tuple>);

// "tcp 10.0.0.1:5000 > 192.0.2.9:443"; "icmp 10.0.0.1 > 192.0.2.9 type 8 code 0 id 7".
std::string to_string(const Tuple& tuple);
// A keyless, stable 64-bit hash of the tuple and `seed` (XXH3).
std::uint64_t hash(const Tuple& tuple, std::uint64_t seed);

}  // namespace natlens
