#include "selector.h"

#include <charconv>

#include <fmt/format.h>

namespace natlens::conntrack {
namespace {

bool in_prefix(const Address& address, const Address& prefix, unsigned bits) {
  if (address.family() != prefix.family()) {
    return false;
  }
  const auto a = address.bytes();
  const auto p = prefix.bytes();
  for (std::size_t i = 0; i < a.size() && bits > 0; ++i) {
    const unsigned take = bits < 8 ? bits : 8;
    const auto mask = static_cast<std::uint8_t>(0xff00U >> take);
    if (((a[i] ^ p[i]) & mask) != 0) {
      return false;
    }
    bits -= take;
  }
  return true;
}

std::optional<unsigned> number_below(std::string_view text, unsigned limit) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value >= limit) {
    return std::nullopt;
  }
  return value;
}

Result<void> parse_term(std::string_view term, Selector& out) {
  const auto slash = term.find('/');
  const auto head = term.substr(0, slash);
  if (const auto address = Address::parse(head)) {
    const auto all = static_cast<unsigned>(address->bytes().size() * 8);
    out.address = *address;
    out.prefix_bits = all;
    if (slash != std::string_view::npos) {
      const auto bits = number_below(term.substr(slash + 1), all + 1);
      if (!bits) {
        return Error{fmt::format("'{}': prefix length must be 0 to {}", term, all)};
      }
      out.prefix_bits = *bits;
    }
    return {};
  }
  const auto protocol = protocol_number(head);
  if (!protocol) {
    return Error{
        fmt::format("'{}' is neither an address nor a protocol (tcp, udp, 47...)", head)};
  }
  out.protocol = *protocol;
  if (slash != std::string_view::npos) {
    const auto port = number_below(term.substr(slash + 1), 65536);
    if (!port) {
      return Error{fmt::format("'{}': port must be 0 to 65535", term)};
    }
    out.port = static_cast<std::uint16_t>(*port);
  }
  return {};
}

}  // namespace

bool Selector::matches(const Tuple& tuple) const {
  if (protocol && *protocol != tuple.protocol) {
    return false;
  }
  if (port && *port != tuple.src_port && *port != tuple.dst_port) {
    return false;
  }
  return address.family() == Family::kNone || in_prefix(tuple.src, address, prefix_bits) ||
         in_prefix(tuple.dst, address, prefix_bits);
}

Result<Selector> parse_selector(std::string_view text) {
  Selector out;
  if (text.empty()) {
    return Error{"an empty selector; write for example udp/99 or 10.0.0.0/8,tcp"};
  }
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (auto parsed = parse_term(text.substr(0, comma), out); !parsed) {
      return parsed.error();
    }
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return out;
}

}  // namespace natlens::conntrack
