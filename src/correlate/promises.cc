// Promises: keys of (protocol, internal end, external end), with the far end where the
// statement holds for that one only.
//
// A STUN answer tells the mapping towards its server. Towards others it is the same only if the
// box maps independently of the endpoint (RFC 4787), so it is a hint there. PCP and NAT-PMP
// mappings hold for every far end, and for connections from outside. NAT-PMP tells the external
// address and the ports apart.
//
// At the outside tap the same message names the receiver as it is: that says nothing.
#include "promises.h"

#include <algorithm>

#include "natlens/net/bytes.h"

namespace natlens::correlate {
namespace {

std::uint64_t end_key(const Endpoint& end) {
  return content_hash(end.address.bytes(), std::uint64_t{0x20000} + end.port);
}

std::uint64_t key_of(std::uint8_t protocol,
                     const Endpoint& internal,
                     const Endpoint& external) {
  return mix(mix(end_key(internal), end_key(external)), protocol);
}

std::uint64_t key_towards(std::uint8_t protocol,
                          const Endpoint& internal,
                          const Endpoint& external,
                          const Endpoint& far) {
  return mix(key_of(protocol, internal, external), end_key(far));
}

Endpoint source(const Tuple& tuple) {
  return {tuple.src, tuple.src_port};
}
Endpoint target(const Tuple& tuple) {
  return {tuple.dst, tuple.dst_port};
}

bool complete(const Endpoint& end) {
  return end.address.family() != Family::kNone && end.port != 0;
}

}  // namespace

bool Promises::say(const Connection& connection, const stream::Statement& statement) {
  using stream::StatementKind;
  const Tuple& tuple = connection.original;
  const bool to_client =
      source(tuple) == statement.whose || statement.speaker == conntrack::Direction::kReply;
  const Endpoint far = to_client ? target(tuple) : source(tuple);
  const std::uint64_t router = mix(end_key(far), connection.tap);
  Endpoint external = statement.named;
  if (statement.protocol == stream::StatementProtocol::kNatPmp) {
    if (statement.kind == StatementKind::kExternal) {
      if (routers_.size() < kMost) routers_[router] = external.address;
      return false;
    }
    const auto known = routers_.find(router);
    if (known != routers_.end()) external.address = known->second;
  }
  if (!complete(external) || !complete(statement.whose) || external == statement.whose)
    return false;
  const std::uint8_t protocol = statement.transport != 0 ? statement.transport : tuple.protocol;
  const std::uint64_t key = key_of(protocol, statement.whose, external);
  if (statement.kind == StatementKind::kDeleted) promised_.erase(key);
  if (promised_.size() >= kMost) return false;
  if (statement.kind == StatementKind::kGranted) return promised_.insert(key).second;
  if (statement.kind != StatementKind::kMapped && statement.kind != StatementKind::kReceived)
    return false;
  if (hinted_.size() < kMost) hinted_.insert(key);
  return promised_.insert(key_towards(protocol, statement.whose, external, far)).second;
}

float Promises::source_bits(const Tuple& internal, const Tuple& external) const {
  const Endpoint own = source(internal);
  const Endpoint name = source(external);
  const std::uint8_t protocol = internal.protocol;
  const std::uint64_t key = key_of(protocol, own, name);
  if (promised_.contains(key)) return kPromisedBits;
  if (!hinted_.contains(key)) return 0;
  const bool same_far = promised_.contains(key_towards(protocol, own, name, target(internal)));
  return same_far ? kPromisedBits : kHintedBits;
}

float Promises::target_bits(const Tuple& internal, const Tuple& external) const {
  const std::uint64_t key = key_of(internal.protocol, target(internal), target(external));
  if (promised_.contains(key)) return kPromisedBits;
  return hinted_.contains(key) ? kHintedBits : 0;
}

float Promises::bits(const Tuple& one, const Tuple& other) const {
  if (promised_.empty()) return 0;
  return std::max({source_bits(one, other), source_bits(other, one), target_bits(one, other),
                   target_bits(other, one)});
}

}  // namespace natlens::correlate
