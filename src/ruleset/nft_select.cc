#include "nft_select.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "values.h"

namespace natlens::ruleset {
namespace {

struct Selector {
  std::string_view first;
  std::string_view second;  // "" = one word
  Field field;
  Family family = Family::kNone;
  std::uint8_t protocol = 0;
};

constexpr auto kSelectors = std::to_array<Selector>({
    {"iifname", "", Field::kInInterface},
    {"iif", "", Field::kInInterface},
    {"oifname", "", Field::kOutInterface},
    {"oif", "", Field::kOutInterface},
    {"mark", "", Field::kMark},
    {"nfproto", "", Field::kFamily},
    {"l4proto", "", Field::kProtocol},
    {"protocol", "", Field::kFamily},
    {"length", "", Field::kBytes},
    {"ip", "saddr", Field::kSrc, Family::kIpv4},
    {"ip", "daddr", Field::kDst, Family::kIpv4},
    {"ip", "protocol", Field::kProtocol, Family::kIpv4},
    {"ip", "version", Field::kFamily},
    {"ip", "length", Field::kBytes, Family::kIpv4},
    {"ip", "ttl", Field::kTtl, Family::kIpv4},
    {"ip6", "saddr", Field::kSrc, Family::kIpv6},
    {"ip6", "daddr", Field::kDst, Family::kIpv6},
    {"ip6", "nexthdr", Field::kProtocol, Family::kIpv6},
    {"ip6", "hoplimit", Field::kTtl, Family::kIpv6},
    {"tcp", "sport", Field::kSrcPort, Family::kNone, protocol::kTcp},
    {"tcp", "dport", Field::kDstPort, Family::kNone, protocol::kTcp},
    {"tcp", "flags", Field::kTcpFlags, Family::kNone, protocol::kTcp},
    {"udp", "sport", Field::kSrcPort, Family::kNone, protocol::kUdp},
    {"udp", "dport", Field::kDstPort, Family::kNone, protocol::kUdp},
    {"udplite", "sport", Field::kSrcPort, Family::kNone, protocol::kUdpLite},
    {"udplite", "dport", Field::kDstPort, Family::kNone, protocol::kUdpLite},
    {"sctp", "sport", Field::kSrcPort, Family::kNone, protocol::kSctp},
    {"sctp", "dport", Field::kDstPort, Family::kNone, protocol::kSctp},
    {"dccp", "sport", Field::kSrcPort, Family::kNone, protocol::kDccp},
    {"dccp", "dport", Field::kDstPort, Family::kNone, protocol::kDccp},
    {"th", "sport", Field::kSrcPort},
    {"th", "dport", Field::kDstPort},
    {"icmp", "type", Field::kIcmpType, Family::kNone, protocol::kIcmp},
    {"icmp", "code", Field::kIcmpCode, Family::kNone, protocol::kIcmp},
    {"icmpv6", "type", Field::kIcmpType, Family::kNone, protocol::kIcmpv6},
    {"icmpv6", "code", Field::kIcmpCode, Family::kNone, protocol::kIcmpv6},
});

// Behind "ct", or "ct original" and "ct reply".
constexpr auto kCtSelectors = std::to_array<Selector>({
    {"", "state", Field::kState},
    {"", "status", Field::kStatus},
    {"", "direction", Field::kDirection},
    {"", "mark", Field::kCtMark},
    {"", "protocol", Field::kCtProtocol},
    {"", "l3proto", Field::kFamily},
    {"original", "saddr", Field::kOriginalSrc},
    {"original", "daddr", Field::kOriginalDst},
    {"original", "proto-src", Field::kOriginalSrcPort},
    {"original", "proto-dst", Field::kOriginalDstPort},
    {"original", "protocol", Field::kCtProtocol},
    {"reply", "saddr", Field::kReplySrc},
    {"reply", "daddr", Field::kReplyDst},
    {"reply", "proto-src", Field::kReplySrcPort},
    {"reply", "proto-dst", Field::kReplyDstPort},
    {"reply", "protocol", Field::kCtProtocol},
});

// First words of selectors about things that a capture does not tell, or that are not modelled.
constexpr auto kOpaque = std::to_array<std::string_view>(
    {"skuid",    "skgid",    "cgroup",    "cpu",     "pkttype", "iiftype", "oiftype",
     "iifgroup", "oifgroup", "rtclassid", "ibrname", "obrname", "ipsec",   "ether",
     "vlan",     "arp",      "rt",        "socket",  "osf",     "ah",      "esp",
     "comp",     "frag",     "hbh",       "dst",     "mh",      "exthdr",  "time",
     "day",      "hour",     "priority",  "secmark", "random",  "sdif",    "sdifname",
     "gre",      "igmp",     "vxlan"});

Key key_of(const Selector& selector) {
  Key key;
  key.field = selector.field;
  key.family = selector.family;
  key.protocol = selector.protocol;
  return key;
}

bool read_ct(Cursor& cursor, Key& key) {
  std::string side;
  if (cursor.peek(1).is("original") || cursor.peek(1).is("reply")) {
    side = cursor.peek(1).text;
  }
  std::size_t ahead = side.empty() ? 1 : 2;
  Family family = Family::kNone;
  if (cursor.peek(ahead).is("ip") || cursor.peek(ahead).is("ip6")) {
    family = cursor.peek(ahead).is("ip") ? Family::kIpv4 : Family::kIpv6;
    ++ahead;
  }
  key = {};
  for (const Selector& selector : kCtSelectors) {
    if (selector.first == side && cursor.peek(ahead).is(selector.second)) {
      key = key_of(selector);
      key.family = family;
    }
  }
  for (std::size_t i = 0; i <= ahead; ++i) {
    cursor.take();
  }
  return true;
}

// "fib daddr type", "fib daddr . iif type": what kind of address this router takes it for.
bool read_fib(Cursor& cursor, Key& key) {
  key = {};
  const std::size_t start = cursor.position();
  cursor.take();
  const bool dst = cursor.peek().is("daddr");
  while (!cursor.statement_ends() && !cursor.peek().is("type") && !cursor.peek().is("oif") &&
         !cursor.peek().is("oifname")) {
    cursor.take();
  }
  const bool plain = cursor.position() - start == 2;
  const bool to_interface = cursor.position() - start == 4 && cursor.peek(0).is("type");
  if (cursor.peek().is("type") && (plain || to_interface)) {
    key.field = dst ? Field::kDstType : Field::kSrcType;
  }
  cursor.take();
  return true;
}

// numgen and hashes: nothing in a capture tells what they gave.
bool read_chance(Cursor& cursor, Key& key) {
  key = {};
  key.field = Field::kChance;
  while (!cursor.statement_ends() && !cursor.peek().is("mod")) {
    cursor.take();
  }
  cursor.take();
  key.modulus = static_cast<std::uint32_t>(read_number(cursor.take().text).value_or(0));
  while (cursor.peek().is("seed") || cursor.peek().is("offset")) {
    cursor.take();
    cursor.take();
  }
  return true;
}

bool read_opaque(Cursor& cursor, const Context& context, Key& key) {
  const Token first = cursor.peek();
  const bool raw = first.text.starts_with("@") && first.text.find(',') != std::string::npos;
  if (!raw && std::find(kOpaque.begin(), kOpaque.end(), first.text) == kOpaque.end()) {
    return false;
  }
  key = {};
  context.gap(first, fmt::format("'{}' is not known from a capture", first.text));
  cursor.take();
  return true;
}

bool read_key(Cursor& cursor, const Context& context, Key& key) {
  cursor.accept("meta");
  const Token& first = cursor.peek();
  if (first.quoted) {
    return false;
  }
  if (first.is("ct") || first.is("fib")) {
    const Token start = first;
    const std::size_t position = cursor.position();
    const bool read = start.is("ct") ? read_ct(cursor, key) : read_fib(cursor, key);
    if (key.field == Field::kUnknown) {
      context.gap(start,
                  fmt::format("'{}' is not known from a capture", cursor.text_since(position)));
    }
    return read;
  }
  if (first.is("numgen") || first.is("jhash") || first.is("symhash")) {
    return read_chance(cursor, key);
  }
  for (const Selector& selector : kSelectors) {
    if (!first.is(selector.first)) {
      continue;
    }
    if (selector.second.empty()) {
      key = key_of(selector);
      cursor.take();
      return true;
    }
    if (cursor.peek(1).is(selector.second)) {
      key = key_of(selector);
      cursor.take();
      cursor.take();
      return true;
    }
  }
  return read_opaque(cursor, context, key);
}

}  // namespace

Place Context::at(const Token& token) const {
  return place ? *place : Place{file, token.line, token.column};
}

void Context::gap(const Token& token, std::string what) const {
  out.gaps.push_back({at(token), std::move(what)});
}

std::shared_ptr<Set> Context::named_set(std::string_view name) const {
  auto& set = sets[table + " " + std::string(name)];
  if (!set) {
    set = std::make_shared<Set>();
    set->name = name;
  }
  return set;
}

bool read_keys(Cursor& cursor, const Context& context, std::vector<Key>& keys) {
  const std::size_t start = cursor.position();
  Key key;
  if (!read_key(cursor, context, key)) {
    cursor.back_to(start);
    return false;
  }
  keys.push_back(key);
  while (cursor.peek().is(".")) {
    cursor.take();
    if (!read_key(cursor, context, key)) {
      break;
    }
    keys.push_back(key);
  }
  return true;
}

std::vector<Key> keys_of_type(std::string_view type) {
  std::vector<Key> keys;
  while (!type.empty()) {
    const auto dot = type.find(" . ");
    const auto name = type.substr(0, dot);
    Key key;
    key.field = name == "ipv4_addr" || name == "ipv6_addr"  ? Field::kDst
                : name == "inet_service"                    ? Field::kDstPort
                : name == "inet_proto"                      ? Field::kProtocol
                : name == "ifname" || name == "iface_index" ? Field::kInInterface
                : name == "mark"                            ? Field::kMark
                                                            : Field::kUnknown;
    keys.push_back(key);
    type = dot == std::string_view::npos ? std::string_view() : type.substr(dot + 3);
  }
  return keys;
}

bool read_verdict(Cursor& cursor, Verdict& verdict) {
  struct Name {
    std::string_view word;
    VerdictKind kind;
  };
  static constexpr auto kNames = std::to_array<Name>({{"accept", VerdictKind::kAccept},
                                                      {"drop", VerdictKind::kDrop},
                                                      {"return", VerdictKind::kReturn},
                                                      {"continue", VerdictKind::kContinue},
                                                      {"jump", VerdictKind::kJump},
                                                      {"goto", VerdictKind::kGoto}});
  for (const Name& name : kNames) {
    if (cursor.accept(name.word)) {
      verdict.kind = name.kind;
      if (verdict.kind == VerdictKind::kJump || verdict.kind == VerdictKind::kGoto) {
        verdict.chain = cursor.take().text;
      }
      return true;
    }
  }
  return false;
}

std::optional<Number> read_bits(Cursor& cursor, const Key& key) {
  Number bits{};
  const bool closed = cursor.accept("(");
  do {
    std::string word = cursor.take().text;
    for (std::size_t at = 0; at <= word.size();) {
      const auto bar = std::min(word.find('|', at), word.size());
      const auto one = read_range(std::string_view(word).substr(at, bar - at), key);
      if (!one) {
        return std::nullopt;
      }
      for (std::size_t i = 0; i < bits.size(); ++i) {
        bits[i] = static_cast<std::uint8_t>(bits[i] | one->low[i]);
      }
      at = bar + 1;
    }
  } while (cursor.accept("|") || cursor.accept("or") ||
           (is_flags(key.field) && cursor.accept(",")));
  return closed && !cursor.accept(")") ? std::nullopt : std::optional(bits);
}

}  // namespace natlens::ruleset
