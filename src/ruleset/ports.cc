#include "ports.h"

#include <algorithm>
#include <array>
#include <bit>

#include "natlens/conntrack/tracker.h"

namespace natlens::ruleset {
namespace {

constexpr unsigned kMostTries = 128;
constexpr unsigned kFewestTries = 16;
constexpr unsigned kForcefulTries = 32;

using Words = std::array<std::uint32_t, 4>;

// An address as the kernel has it in memory, read as words of the (little-endian) host.
Words words_of(const Address& address) {
  Words words{};
  const auto bytes = address.bytes();
  std::memcpy(words.data(), bytes.data(), bytes.size());
  if constexpr (std::endian::native == std::endian::big) {
    for (auto& word : words) word = __builtin_bswap32(word);
  }
  return words;
}

Address address_of(const Words& big_endian, const Address& like) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 16; ++i) {
    bytes[i] = static_cast<std::uint8_t>(big_endian[i / 4] >> (24 - 8 * (i % 4)));
  }
  return like.is_v4() ? Address::v4(std::span<const std::uint8_t, 16>(bytes).first<4>())
                      : Address::v6(std::span<const std::uint8_t, 16>(bytes));
}

std::uint32_t rotate(std::uint32_t value, int bits) {
  return std::rotl(value, bits);
}

// Bob Jenkins' lookup3, hashword(), public domain: four words.
std::uint32_t lookup3(const Words& k, std::uint32_t seed) {
  std::uint32_t a = 0xdeadbeef + (4U << 2) + seed;
  std::uint32_t b = a;
  std::uint32_t c = a;
  a += k[0];
  b += k[1];
  c += k[2];
  a -= c, a ^= rotate(c, 4), c += b;
  b -= a, b ^= rotate(a, 6), a += c;
  c -= b, c ^= rotate(b, 8), b += a;
  a -= c, a ^= rotate(c, 16), c += b;
  b -= a, b ^= rotate(a, 19), a += c;
  c -= b, c ^= rotate(b, 4), b += a;
  a += k[3];
  c ^= b, c -= rotate(b, 14);
  a ^= c, a -= rotate(c, 11);
  b ^= a, b -= rotate(a, 25);
  c ^= b, c -= rotate(b, 16);
  a ^= c, a -= rotate(c, 4);
  b ^= a, b -= rotate(a, 14);
  c ^= b, c -= rotate(b, 24);
  return c;
}

std::uint32_t scale(std::uint32_t hash, std::uint32_t size) {
  return static_cast<std::uint32_t>((std::uint64_t{hash} * size) >> 32);
}

Words swapped(const Address& address) {
  Words words = words_of(address);
  for (auto& word : words) word = __builtin_bswap32(word);
  return words;
}

std::uint16_t& port_of(Tuple& tuple, Side side) {
  return side == Side::kSource || tuple.protocol == protocol::kIcmp ||
                 tuple.protocol == protocol::kIcmpv6
             ? tuple.src_port
             : tuple.dst_port;
}

struct Ports {
  std::uint32_t first = 0;
  std::uint32_t size = 0;  // 0: nothing can be changed
};

// Where to look when there is no range of ports (16.2 step 4).
Ports usual_ports(const Tuple& tuple, Side side, bool expected) {
  switch (tuple.protocol) {
    case protocol::kIcmp:
    case protocol::kIcmpv6:
      return {0, 65536};
    case protocol::kGre:
      return expected ? Ports{1, 65535} : Ports();
    case protocol::kTcp:
    case protocol::kUdp:
    case protocol::kUdpLite:
    case protocol::kSctp:
      if (side == Side::kDestination) return {};
      return tuple.src_port < 512    ? Ports{1, 511}
             : tuple.src_port < 1024 ? Ports{600, 424}
                                     : Ports{1024, 64512};
    default:
      return {};
  }
}

bool has_port(std::uint8_t protocol, bool expected) {
  Tuple tuple;
  tuple.protocol = protocol;
  return usual_ports(tuple, Side::kSource, expected).size != 0;
}

}  // namespace

bool in_range(const Tuple& source, const NatRange& range) {
  if (range.has_address && (source.src < range.first || range.last < source.src)) {
    return false;
  }
  return !range.has_ports ||
         (source.src_port >= range.first_port && source.src_port <= range.last_port);
}

Address address_of_range(const Tuple& tuple, const NatRange& range, std::uint32_t zone) {
  if (range.first == range.last) {
    return range.first;
  }
  const Words destination = words_of(tuple.dst);
  const std::size_t last_word = tuple.src.is_v4() ? 0 : 3;
  std::uint32_t hash =
      lookup3(words_of(tuple.src), range.persistent ? 0 : destination[last_word] ^ zone);
  const Words first = swapped(range.first);
  const Words last = swapped(range.last);
  Words out{};
  bool free = false;  // an earlier word is below the last address's
  for (std::size_t i = 0; i <= last_word; ++i) {
    out[i] = free ? scale(hash, ~0U) : first[i] + scale(hash, last[i] - first[i] + 1);
    free = free || out[i] != last[i];
    hash ^= range.persistent ? 0 : destination[i];
  }
  return address_of(out, range.first);
}

void SourceIndex::add(const Tuple& original,
                      const Tuple& reply,
                      std::uint32_t zone,
                      std::uint32_t serial) {
  Tuple mapped;
  if (!conntrack::invert(reply, mapped)) {
    return;
  }
  const Source source{original.src, original.src_port, original.protocol, zone};
  by_source_[source].push_back({mapped, serial});
  by_serial_[serial] = source;
}

void SourceIndex::remove(std::uint32_t serial) {
  const auto known = by_serial_.find(serial);
  if (known == by_serial_.end()) {
    return;
  }
  const auto list = by_source_.find(known->second);
  std::erase_if(list->second, [&](const Mapped& m) { return m.serial == serial; });
  if (list->second.empty()) {
    by_source_.erase(list);
  }
  by_serial_.erase(known);
}

std::optional<Tuple> SourceIndex::find(const Tuple& tuple,
                                       const NatRange& range,
                                       std::uint32_t zone) const {
  const auto list = by_source_.find(Source{tuple.src, tuple.src_port, tuple.protocol, zone});
  if (list == by_source_.end()) {
    return std::nullopt;
  }
  for (auto mapped = list->second.rbegin(); mapped != list->second.rend(); ++mapped) {
    if (in_range(mapped->source, range)) {
      Tuple out = tuple;
      out.src = mapped->source.src;
      out.src_port = mapped->source.src_port;
      return out;
    }
  }
  return std::nullopt;
}

bool PortSearch::taken(const Tuple& candidate) const {
  Tuple reply;
  return conntrack::invert(candidate, reply) && table.taken(reply);
}

// The last tries may take the port of a TCP connection that has ended.
bool PortSearch::free_by_force(const Tuple& candidate, unsigned tries_left) {
  Tuple reply;
  if (!conntrack::invert(candidate, reply)) {
    return false;
  }
  return tries_left > kForcefulTries ? !table.taken(reply) : table.evict_closing(reply);
}

bool PortSearch::keep_port(const Tuple& candidate, Side side, const NatRange& range) const {
  if (range.random) {
    return false;
  }
  if (!range.has_ports) {
    return !taken(candidate);
  }
  Tuple copy = candidate;
  const std::uint16_t port = port_of(copy, side);
  return !range.port_base && port >= range.first_port && port <= range.last_port &&
         (range.first_port == range.last_port || !taken(candidate));
}

void PortSearch::find_free(Choice& choice, Side side, const NatRange& range) {
  Ports ports = usual_ports(choice.tuple, side, expected);
  if (range.has_ports && has_port(choice.tuple.protocol, expected)) {
    ports = {std::min(range.first_port, range.last_port),
             static_cast<std::uint32_t>(std::abs(range.last_port - range.first_port)) + 1};
  }
  if (ports.size == 0) {
    return;
  }
  std::uint16_t& port = port_of(choice.tuple, side);
  const bool drawn = !range.port_base && (range.random || side == Side::kSource);
  if (drawn) {
    choice.by_chance = ports.size > 1;
    const auto actual = chance.actual(choice.tuple, side);
    if (actual && *actual >= ports.first && *actual - ports.first < ports.size) {
      const std::uint16_t kept = port;
      port = *actual;
      if (!taken(choice.tuple)) return;
      port = kept;
    }
  }
  std::uint32_t offset = range.port_base ? static_cast<std::uint16_t>(port - *range.port_base)
                         : drawn         ? chance.random() & 0xffffU
                                         : 0;
  for (unsigned tries = std::min(ports.size, kMostTries);; tries /= 2) {
    for (unsigned i = 0; i < tries; ++i, ++offset) {
      port = static_cast<std::uint16_t>(ports.first + offset % ports.size);
      if (free_by_force(choice.tuple, tries - i)) {
        return;
      }
    }
    if (tries >= ports.size || tries < kFewestTries) {
      return;  // the last candidate stays, and is dropped when it is to be confirmed
    }
    offset = chance.random() & 0xffffU;
  }
}

Choice PortSearch::choose(const Tuple& tuple, Side side, const NatRange& range) {
  if (side == Side::kSource && !range.random) {
    if (in_range(tuple, range)) {
      if (!taken(tuple)) {
        return {tuple, false};
      }
    } else if (const auto mapped = sources.find(tuple, range, zone);
               mapped && !taken(*mapped)) {
      return {*mapped, false};
    }
  }
  Choice choice{tuple, false};
  if (range.has_address) {
    (side == Side::kSource ? choice.tuple.src : choice.tuple.dst) =
        address_of_range(tuple, range, zone);
  }
  if (!keep_port(choice.tuple, side, range)) {
    find_free(choice, side, range);
  }
  return choice;
}

}  // namespace natlens::ruleset
