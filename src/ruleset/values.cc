#include "values.h"

#include <array>
#include <charconv>
#include <span>

#include <fmt/format.h>

#include "natlens/conntrack/records.h"

namespace natlens::ruleset {
namespace {

struct Word {
  std::string_view name;
  std::uint32_t value;
};
using Words = std::span<const Word>;
namespace status = conntrack::status;

constexpr auto kStates = std::to_array<Word>({{"invalid", state_bit::kInvalid},
                                              {"established", state_bit::kEstablished},
                                              {"related", state_bit::kRelated},
                                              {"new", state_bit::kNew},
                                              {"untracked", state_bit::kUntracked}});
constexpr auto kStatuses = std::to_array<Word>({{"expected", status::kExpected},
                                                {"seen-reply", status::kSeenReply},
                                                {"assured", status::kAssured},
                                                {"confirmed", status::kConfirmed},
                                                {"snat", status::kSrcNat},
                                                {"dnat", status::kDstNat},
                                                {"dying", status::kDying}});
constexpr auto kDirections = std::to_array<Word>({{"original", 0}, {"reply", 1}});
constexpr auto kFamilies =
    std::to_array<Word>({{"ipv4", 4}, {"ipv6", 6}, {"ip", 4}, {"ip6", 6}});
constexpr auto kTypes = std::to_array<Word>({{"unicast", address_type::kUnicast},
                                             {"local", address_type::kLocal},
                                             {"broadcast", address_type::kBroadcast},
                                             {"multicast", address_type::kMulticast}});
constexpr auto kTcpFlags = std::to_array<Word>({{"fin", 1},
                                                {"syn", 2},
                                                {"rst", 4},
                                                {"psh", 8},
                                                {"ack", 16},
                                                {"urg", 32},
                                                {"ecn", 64},
                                                {"cwr", 128}});
constexpr auto kProtocols = std::to_array<Word>({{"icmpv6", 58},
                                                 {"ipv6-icmp", 58},
                                                 {"igmp", 2},
                                                 {"ipip", 4},
                                                 {"ipv4", 4},
                                                 {"ipv6", 41},
                                                 {"comp", 108},
                                                 {"pim", 103},
                                                 {"ospf", 89}});
constexpr auto kIcmpTypes = std::to_array<Word>({{"echo-reply", 0},
                                                 {"destination-unreachable", 3},
                                                 {"source-quench", 4},
                                                 {"redirect", 5},
                                                 {"echo-request", 8},
                                                 {"router-advertisement", 9},
                                                 {"router-solicitation", 10},
                                                 {"time-exceeded", 11},
                                                 {"parameter-problem", 12},
                                                 {"timestamp-request", 13},
                                                 {"timestamp-reply", 14},
                                                 {"info-request", 15},
                                                 {"info-reply", 16},
                                                 {"address-mask-request", 17},
                                                 {"address-mask-reply", 18}});
constexpr auto kIcmpv6Types = std::to_array<Word>({{"destination-unreachable", 1},
                                                   {"packet-too-big", 2},
                                                   {"time-exceeded", 3},
                                                   {"parameter-problem", 4},
                                                   {"echo-request", 128},
                                                   {"echo-reply", 129},
                                                   {"mld-listener-query", 130},
                                                   {"mld-listener-report", 131},
                                                   {"mld-listener-done", 132},
                                                   {"mld-listener-reduction", 132},
                                                   {"nd-router-solicit", 133},
                                                   {"nd-router-advert", 134},
                                                   {"nd-neighbor-solicit", 135},
                                                   {"nd-neighbor-advert", 136},
                                                   {"nd-redirect", 137},
                                                   {"ind-neighbor-solicit", 141},
                                                   {"ind-neighbor-advert", 142},
                                                   {"mld2-listener-report", 143}});
// Ports that ruleset printers name even without being asked.
constexpr auto kServices = std::to_array<Word>({{"ftp", 21},
                                                {"ssh", 22},
                                                {"smtp", 25},
                                                {"domain", 53},
                                                {"bootps", 67},
                                                {"bootpc", 68},
                                                {"tftp", 69},
                                                {"http", 80},
                                                {"ntp", 123},
                                                {"snmp", 161},
                                                {"https", 443},
                                                {"dhcpv6-client", 546},
                                                {"dhcpv6-server", 547}});

Words words_of(const Key& key) {
  switch (key.field) {
    case Field::kState:
      return kStates;
    case Field::kStatus:
      return kStatuses;
    case Field::kDirection:
      return kDirections;
    case Field::kFamily:
      return kFamilies;
    case Field::kDstType:
    case Field::kSrcType:
      return kTypes;
    case Field::kTcpFlags:
      return kTcpFlags;
    case Field::kProtocol:
    case Field::kCtProtocol:
      return kProtocols;
    case Field::kIcmpType:
      return key.protocol == protocol::kIcmpv6 ? Words(kIcmpv6Types) : Words(kIcmpTypes);
    case Field::kSrcPort:
    case Field::kDstPort:
    case Field::kOriginalDstPort:
    case Field::kOriginalSrcPort:
    case Field::kReplyDstPort:
    case Field::kReplySrcPort:
      return kServices;
    default:
      return {};
  }
}

std::optional<Number> read_one(std::string_view word, const Key& key) {
  for (const Word& known : words_of(key)) {
    if (known.name == word) {
      return number_of(known.value);
    }
  }
  if (const auto value = read_number(word)) {
    return number_of(*value);
  }
  if (key.field == Field::kProtocol || key.field == Field::kCtProtocol) {
    if (const auto value = protocol_number(word)) {
      return number_of(*value);
    }
  }
  if (word.size() > 2 && word.front() == '[' && word.back() == ']') {
    word = word.substr(1, word.size() - 2);
  }
  const auto address = Address::parse(word);
  return address ? std::optional(number_of(*address)) : std::nullopt;
}

// The host part zero in low, ones in high.
std::optional<Range> read_prefix(std::string_view word, std::size_t slash) {
  const auto address = Address::parse(word.substr(0, slash));
  const auto length = read_number(word.substr(slash + 1));
  if (!address || !length || *length > address->bytes().size() * 8) {
    return std::nullopt;
  }
  Range range;
  range.low = range.high = number_of(*address);
  const std::size_t host_bits = address->bytes().size() * 8 - *length;
  for (std::size_t i = 0; i < host_bits; ++i) {
    const auto bit = static_cast<std::uint8_t>(1U << (i % 8));
    range.low[15 - i / 8] = static_cast<std::uint8_t>(range.low[15 - i / 8] & ~bit);
    range.high[15 - i / 8] = static_cast<std::uint8_t>(range.high[15 - i / 8] | bit);
  }
  return range;
}

}  // namespace

std::string to_string(const Place& place) {
  return place.column == 0 ? fmt::format("{}:{}", place.file, place.line)
                           : fmt::format("{}:{}:{}", place.file, place.line, place.column);
}

Number number_of(std::uint64_t value) {
  Number out{};
  for (std::size_t i = 0; i < 8; ++i) {
    out[15 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  return out;
}

Number number_of(const Address& address) {
  Number out{};
  const auto bytes = address.bytes();
  std::copy(bytes.begin(), bytes.end(), out.end() - static_cast<std::ptrdiff_t>(bytes.size()));
  return out;
}

std::uint64_t low_bits(const Number& number) {
  std::uint64_t out = 0;
  for (std::size_t i = 8; i < 16; ++i) {
    out = (out << 8) | number[i];
  }
  return out;
}

std::optional<std::uint64_t> read_number(std::string_view word) {
  std::uint64_t value = 0;
  const bool hex = word.starts_with("0x") || word.starts_with("0X");
  const std::string_view digits = hex ? word.substr(2) : word;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error != std::errc() || digits.empty() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<Range> read_range(std::string_view word, const Key& key) {
  Range range;
  if (is_interface(key.field)) {
    range.name = word;
    return range;
  }
  if (const auto one = read_one(word, key)) {
    range.low = range.high = *one;
    return range;
  }
  if (const auto slash = word.find('/'); slash != std::string_view::npos) {
    return read_prefix(word, slash);
  }
  const auto dash = word.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto low = read_one(word.substr(0, dash), key);
  const auto high = read_one(word.substr(dash + 1), key);
  if (!low || !high || *high < *low) {
    return std::nullopt;
  }
  range.low = *low;
  range.high = *high;
  return range;
}

std::optional<std::int32_t> read_priority(std::string_view text, TableFamily) {
  static constexpr auto kNames =
      std::to_array<std::pair<std::string_view, std::int32_t>>({{"raw", -300},
                                                                {"mangle", -150},
                                                                {"dstnat", -100},
                                                                {"filter", 0},
                                                                {"security", 50},
                                                                {"srcnat", 100}});
  std::int32_t base = 0;
  for (const auto& [name, value] : kNames) {
    if (text.starts_with(name)) {
      base = value;
      text.remove_prefix(name.size());
      break;
    }
  }
  std::string digits;
  for (const char c : text) {
    if (c != ' ' && c != '+') digits += c;
  }
  if (digits.empty()) {
    return base;
  }
  std::int32_t offset = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), offset);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return base + offset;
}

}  // namespace natlens::ruleset
