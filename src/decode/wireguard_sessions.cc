#include "wireguard_sessions.h"

#include <algorithm>

namespace natlens::decode {
namespace {

constexpr std::size_t kTagBytes = 16;

std::uint64_t name_of(const WireguardSession& session) {
  const std::uint64_t one = content_hash(session.initiator);
  const std::uint64_t other = content_hash(session.responder);
  return mix(std::min(one, other), std::max(one, other));
}

}  // namespace

WireguardSessions::WireguardSessions() : cipher_("ChaCha20-Poly1305") {}

void WireguardSessions::initiation(ByteView message) {
  const std::uint32_t sender = load_le32(message, 4);
  auto place = std::find_if(pending_.begin(), pending_.end(),
                            [&](const Pending& p) { return p.sender == sender; });
  if (place == pending_.end()) {
    if (pending_.size() < kMostPending) {
      place = pending_.emplace(pending_.end());
    } else {
      place = pending_.begin() + static_cast<std::ptrdiff_t>(next_pending_);
      next_pending_ = (next_pending_ + 1) % kMostPending;
    }
  } else if (std::equal(message.begin(), message.end(), place->message.begin())) {
    return;  // a copy
  }
  *place = {};
  place->sender = sender;
  std::copy(message.begin(), message.end(), place->message.begin());
}

Opening WireguardSessions::response(const KeyRing& keys, ByteView message) {
  const std::uint32_t receiver = load_le32(message, 8);
  const auto first = std::find_if(pending_.begin(), pending_.end(),
                                  [&](const Pending& p) { return p.sender == receiver; });
  if (first == pending_.end()) return Opening::kNoKey;
  const ByteView ephemeral = message.subspan(12, first->answered.size());
  if (std::equal(ephemeral.begin(), ephemeral.end(), first->answered.begin())) {
    return Opening::kOpened;  // a copy
  }
  WireguardSession session;
  switch (follow_handshake(keys, first->message, message, session)) {
    case Handshake::kUnknown:
      return Opening::kNoKey;
    case Handshake::kUnauthentic:
      return Opening::kUnauthentic;
    case Handshake::kOpened:
      break;
  }
  std::copy(ephemeral.begin(), ephemeral.end(), first->answered.begin());
  const std::uint64_t peers = name_of(session);
  keep(load_le32(message, 4), session.from_initiator, peers);
  keep(receiver, session.to_initiator, peers);
  return Opening::kOpened;
}

bool WireguardSessions::proves(const KeyRing& keys, ByteView message) const {
  if (message.size() == kWireguardInitiation) {
    return std::any_of(keys.peers().begin(), keys.peers().end(),
                       [&](const PublicKey& peer) { return initiation_is_for(peer, message); });
  }
  return message.size() == kWireguardResponse &&
         std::any_of(pending_.begin(), pending_.end(),
                     [&](const Pending& p) { return p.sender == load_le32(message, 8); });
}

const WireguardSessions::Entry* WireguardSessions::find(std::uint32_t receiver,
                                                        const Entry* behind) const {
  if (entries_ == nullptr) return nullptr;
  const Bucket& bucket = (*entries_)[receiver % kBuckets];
  const Entry* begin = behind == nullptr ? bucket.data() : behind + 1;
  const Entry* end = bucket.data() + kWays;
  const Entry* found = std::find_if(
      begin, end, [&](const Entry& e) { return e.used && e.receiver == receiver; });
  return found == end ? nullptr : found;
}

void WireguardSessions::keep(std::uint32_t receiver,
                             const PrivateKey& key,
                             std::uint64_t peers) {
  if (entries_ == nullptr) entries_ = std::make_unique<std::array<Bucket, kBuckets>>();
  Bucket& bucket = (*entries_)[receiver % kBuckets];
  std::rotate(bucket.begin(), bucket.end() - 1, bucket.end());
  bucket.front().used = true;
  bucket.front().receiver = receiver;
  bucket.front().key = key;
  bucket.front().peers = peers;
}

Opening WireguardSessions::open(std::uint32_t receiver,
                                std::uint64_t counter,
                                ByteView sealed,
                                std::uint8_t* plain,
                                std::uint64_t& peers) {
  const Entry* entry = find(receiver, nullptr);
  if (entry == nullptr || sealed.size() < kTagBytes) return Opening::kNoKey;
  std::array<std::uint8_t, 12> nonce{};
  for (std::size_t i = 0; i < 8; ++i) {
    nonce[4 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
  }
  for (; entry != nullptr; entry = find(receiver, entry)) {
    if (!cipher_.set_key(entry->key.view()) ||
        !cipher_.open(nonce, {}, sealed.first(sealed.size() - kTagBytes),
                      sealed.last(kTagBytes), plain)) {
      continue;
    }
    peers = entry->peers;
    return Opening::kOpened;
  }
  return Opening::kUnauthentic;
}

}  // namespace natlens::decode
