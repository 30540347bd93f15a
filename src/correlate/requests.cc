#include "requests.h"

#include <algorithm>
#include <string_view>

#include "natlens/net/bytes.h"

namespace natlens::correlate {
namespace {

using stream::StatementKind;
using stream::StatementProtocol;

constexpr std::size_t kNames = 4096;
constexpr std::size_t kMostRecent = 65536;

std::uint64_t name_hash(std::string_view name) {
  std::array<std::uint8_t, 96> lower;
  const std::size_t size = std::min(name.size(), lower.size());
  for (std::size_t i = 0; i < size; ++i) {
    const auto c = static_cast<std::uint8_t>(name[i]);
    lower[i] = c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + ('a' - 'A')) : c;
  }
  return content_hash(ByteView(lower).first(size)) | 1U;
}

// Proxies that do not want to tell say 0.0.0.0.
bool tells(const Endpoint& end) {
  const auto bytes = end.address.bytes();
  return end.port != 0 &&
         std::any_of(bytes.begin(), bytes.end(), [](auto b) { return b != 0; });
}

bool is_source(const Endpoint& end, const Tuple& tuple) {
  return end.address == tuple.src && end.port == tuple.src_port;
}

}  // namespace

Requests::Requests() : names_(kNames) {}

Request& Requests::request(std::uint16_t tap, std::uint32_t serial, std::int64_t time) {
  std::uint32_t slot = index_.find(tap, serial);
  if (slot == kNoSlot) {
    slot = requests_.take();
    requests_[slot].time = time;
    index_.insert(tap, serial, slot);
    recent_.push_back({time, {tap, serial}});
    if (recent_.size() > kMostRecent) recent_.pop_front();
  }
  return requests_[slot];
}

void Requests::resolve(std::uint64_t hash, const Address& address) {
  Name& name = names_[hash % names_.size()];
  if (name.hash != hash) name = {hash, 0, {}};
  const auto known = name.addresses.begin() + static_cast<std::ptrdiff_t>(name.count);
  if (std::find(name.addresses.begin(), known, address) != known) return;
  if (name.count < name.addresses.size()) ++name.count;
  std::rotate(name.addresses.begin(), name.addresses.end() - 1, name.addresses.end());
  name.addresses[0] = address;
}

bool Requests::say(std::uint16_t tap, const stream::Statement& said, std::int64_t time) {
  switch (said.kind) {
    case StatementKind::kResolved:
      resolve(name_hash(said.text_view()), said.named.address);
      return false;
    case StatementKind::kConnect: {
      Request& request = this->request(tap, said.connection, time);
      request.target = said.named;
      request.name = 0;
      if (said.named.address.family() != Family::kNone) return true;
      if (const auto written = Address::parse(said.text_view())) {
        request.target.address = *written;  // as programs do that leave names to the proxy
      } else {
        request.name = name_hash(said.text_view());
      }
      return true;
    }
    case StatementKind::kBound:
      if (tells(said.named)) request(tap, said.connection, time).bound = said.named;
      return true;
    case StatementKind::kClient: {
      Request& request = this->request(tap, said.connection, time);
      request.client = said.named;
      request.server = said.whose;
      return true;
    }
    case StatementKind::kConnected:
      return true;
    case StatementKind::kRefused:
      return said.protocol == StatementProtocol::kSocks ||
             said.protocol == StatementProtocol::kHttpConnect;
    default:
      return false;
  }
}

void Requests::forget(std::uint16_t tap, std::uint32_t serial) {
  const std::uint32_t slot = index_.find(tap, serial);
  if (slot == kNoSlot) return;
  index_.erase(tap, serial);
  requests_.give(slot);
}

const Request* Requests::of(const Connection& connection) const {
  const std::uint32_t slot = index_.find(connection.tap, connection.serial);
  return slot == kNoSlot ? nullptr : &requests_[slot];
}

std::span<const Address> Requests::addresses(const Request& request) const {
  if (request.name == 0) return {&request.target.address, 1};
  const Name& known = name(request.name);
  return {known.addresses.data(), known.hash == request.name ? known.count : 0};
}

Tie Requests::tie(const Connection& client, const Connection& proxy) const {
  const Tuple& outside = proxy.original;
  if (const Request* said = of(proxy);
      said != nullptr && is_source(said->client, client.original))
    return Tie::kExact;
  const Request* asked = of(client);
  if (asked == nullptr) return Tie::kNone;
  if (tells(asked->bound) && is_source(asked->bound, outside)) return Tie::kExact;
  if (asked->target.port == 0 || asked->target.port != outside.dst_port) return Tie::kNone;
  const auto may_be = addresses(*asked);
  return std::find(may_be.begin(), may_be.end(), outside.dst) != may_be.end() ? Tie::kTarget
                                                                              : Tie::kNone;
}

}  // namespace natlens::correlate
