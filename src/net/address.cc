#include "natlens/net/address.h"

#include <charconv>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "natlens/net/bytes.h"

namespace natlens {

Address Address::v4(std::uint32_t host_order) {
  const std::array<std::uint8_t, 4> bytes{
      static_cast<std::uint8_t>(host_order >> 24), static_cast<std::uint8_t>(host_order >> 16),
      static_cast<std::uint8_t>(host_order >> 8), static_cast<std::uint8_t>(host_order)};
  return v4(bytes);
}

std::optional<Address> Address::parse(std::string_view text) {
  const std::string zero_terminated(text);
  Address a;
  if (inet_pton(AF_INET, zero_terminated.c_str(), a.bytes_.data()) == 1) {
    a.family_ = Family::kIpv4;
    return a;
  }
  if (inet_pton(AF_INET6, zero_terminated.c_str(), a.bytes_.data()) == 1) {
    a.family_ = Family::kIpv6;
    return a;
  }
  return std::nullopt;
}

std::uint32_t Address::v4_host_order() const {
  return load_be32(bytes_, 0);
}

bool Address::is_private() const {
  if (is_v4()) {
    const std::uint32_t a = v4_host_order();
    return (a >> 24) == 10 || (a >> 20) == 0xac1 || (a >> 16) == 0xc0a8 ||  // RFC 1918
           (a >> 22) == (0x64400000U >> 22) ||                              // RFC 6598
           (a >> 16) == 0xa9fe || (a >> 24) == 127;  // RFC 3927, loopback
  }
  if (is_v6()) {
    return (bytes_[0] & 0xfeU) == 0xfc ||                       // RFC 4193
           (bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80);  // RFC 4291 link-local
  }
  return false;
}

bool Address::is_multicast() const {
  if (is_v4()) return (bytes_[0] >> 4) == 14 || v4_host_order() == 0xffffffffU;
  return is_v6() && bytes_[0] == 0xff;
}

std::string to_string(const Address& address) {
  if (address.family() == Family::kNone) return "-";
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(address.is_v4() ? AF_INET : AF_INET6, address.bytes().data(), text, sizeof text);
  return text;
}

std::string to_string(const Endpoint& endpoint) {
  return endpoint.address.is_v6()
             ? fmt::format("[{}]:{}", to_string(endpoint.address), endpoint.port)
             : fmt::format("{}:{}", to_string(endpoint.address), endpoint.port);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    if (close + 1 < text.size()) {
      if (text[close + 1] != ':') return std::nullopt;
      port = text.substr(close + 2);
      if (port.empty()) return std::nullopt;
    }
  } else if (const auto colon = text.find(':');
             colon != std::string_view::npos &&
             text.find(':', colon + 1) == std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return std::nullopt;
  }
  const auto address = Address::parse(host);
  if (!address) return std::nullopt;
  Endpoint endpoint{*address, 0};
  if (!port.empty()) {
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  }
  return endpoint;
}

namespace {

struct ProtocolName {
  std::uint8_t number;
  std::string_view name;
};
constexpr auto kProtocolNames = std::to_array<ProtocolName>({{protocol::kTcp, "tcp"},
                                                             {protocol::kUdp, "udp"},
                                                             {protocol::kUdpLite, "udplite"},
                                                             {protocol::kIcmp, "icmp"},
                                                             {protocol::kIcmpv6, "icmpv6"},
                                                             {protocol::kSctp, "sctp"},
                                                             {protocol::kDccp, "dccp"},
                                                             {protocol::kGre, "gre"},
                                                             {protocol::kEsp, "esp"},
                                                             {protocol::kAh, "ah"}});

}  // namespace

std::string protocol_name(std::uint8_t number) {
  for (const auto& row : kProtocolNames) {
    if (row.number == number) return std::string(row.name);
  }
  return std::to_string(number);
}

std::optional<std::uint8_t> protocol_number(std::string_view name) {
  for (const auto& row : kProtocolNames) {
    if (row.name == name) return row.number;
  }
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::string to_string(const Tuple& t) {
  if (t.protocol == protocol::kIcmp || t.protocol == protocol::kIcmpv6) {
    return fmt::format("{} {} > {} type {} code {} id {}", protocol_name(t.protocol),
                       to_string(t.src), to_string(t.dst), t.dst_port >> 8, t.dst_port & 0xff,
                       t.src_port);
  }
  return fmt::format("{} {} > {}", protocol_name(t.protocol),
                     to_string(Endpoint{t.src, t.src_port}),
                     to_string(Endpoint{t.dst, t.dst_port}));
}

std::uint64_t hash(const Tuple& tuple, std::uint64_t seed) {
  return content_hash({reinterpret_cast<const std::uint8_t*>(&tuple), sizeof tuple}, seed);
}

}  // namespace natlens
