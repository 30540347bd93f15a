// What the names stand for: e ephemeral, s static; i initiator, r responder; es the agreement
// of the initiator's ephemeral with the responder's static key, and so on. Each agreement needs
// the private key of one of its ends, whichever is known.
#include "wireguard_handshake.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace natlens::decode {
namespace {

constexpr std::string_view kConstruction = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view kIdentifier = "WireGuard v1 zx2c4 Jason@zx2c4.com";
constexpr std::string_view kMac1Label = "mac1----";
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kMac1At = kWireguardInitiation - 2 * kMacBytes;

ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

PublicKey key_at(ByteView message, std::size_t offset) {
  PublicKey key{};
  std::copy_n(message.begin() + static_cast<std::ptrdiff_t>(offset), key.size(), key.begin());
  return key;
}

std::optional<PrivateKey> agreement(const KeyRing& keys,
                                    const PublicKey& one,
                                    const PublicKey& other) {
  if (const PrivateKey* own = keys.private_of(one)) return crypto::agree(*own, other);
  if (const PrivateKey* own = keys.private_of(other)) return crypto::agree(*own, one);
  return std::nullopt;
}

// Chaining key, key and transcript hash, which run through both messages.
class Transcript {
 public:
  explicit Transcript(const PublicKey& responder) {
    const crypto::Digest chain = crypto::blake2s(bytes_of(kConstruction));
    chain_ = PrivateKey(chain);
    hash_ = crypto::blake2s(chain, bytes_of(kIdentifier));
    hash(responder);
  }

  void hash(ByteView bytes) { hash_ = crypto::blake2s(hash_, bytes); }
  void mix(ByteView input) { derive(input, 1); }
  void mix_key(ByteView input) {
    derive(input, 2);
    key_ = output_[1];
  }
  void mix_key_and_hash(ByteView input) {
    derive(input, 3);
    hash(output_[1].view());
    key_ = output_[2];
  }
  // False: not authentic.
  bool open(ByteView sealed, std::uint8_t* plain) {
    constexpr std::array<std::uint8_t, 12> kNonce{};
    crypto::Cipher cipher("ChaCha20-Poly1305");
    const bool good = cipher.set_key(key_.view()) &&
                      cipher.open(kNonce, hash_, sealed.first(sealed.size() - kTagBytes),
                                  sealed.last(kTagBytes), plain);
    hash(sealed);
    return good;
  }
  void split(WireguardSession& session) {
    derive({}, 2);
    session.from_initiator = output_[0];
    session.to_initiator = output_[1];
  }

 private:
  // HKDF (RFC 5869) as the paper uses it: output n is of output n - 1 and the number n; the
  // first is the new chaining key.
  void derive(ByteView input, std::uint8_t outputs) {
    const PrivateKey secret = hmac(chain_.view(), input);
    Secret<33> text;
    for (std::uint8_t n = 1; n <= outputs; ++n) {
      text.push_back(n);
      output_[n - 1U] = hmac(secret.view(), text.view());
      text = Secret<33>(output_[n - 1U].view());
    }
    chain_ = output_[0];
  }
  static PrivateKey hmac(ByteView key, ByteView data) {
    crypto::Digest digest = crypto::blake2s_hmac(key, data);
    const PrivateKey out{ByteView(digest)};
    wipe(digest);
    return out;
  }

  PrivateKey chain_;
  PrivateKey key_;
  crypto::Digest hash_{};
  std::array<PrivateKey, 3> output_;
};

// Both messages, for one responder and one preshared key.
Handshake follow(const KeyRing& keys,
                 ByteView first,
                 ByteView second,
                 const PublicKey& responder,
                 const PrivateKey& preshared,
                 WireguardSession& session) {
  const PublicKey ei = key_at(first, 8);
  const PublicKey er = key_at(second, 12);
  std::array<std::uint8_t, 32> plain{};
  Transcript state(responder);
  const auto es = agreement(keys, ei, responder);
  const auto ee = agreement(keys, ei, er);
  if (!es || !ee) return Handshake::kUnknown;
  state.mix(ei);
  state.hash(ei);
  state.mix_key(es->view());
  if (!state.open(first.subspan(40, 48), plain.data())) return Handshake::kUnauthentic;
  const PublicKey initiator = plain;
  const auto ss = agreement(keys, initiator, responder);
  const auto se = agreement(keys, initiator, er);
  if (!ss || !se) return Handshake::kUnknown;
  state.mix_key(ss->view());
  if (!state.open(first.subspan(88, 28), plain.data())) return Handshake::kUnauthentic;
  state.mix(er);
  state.hash(er);
  state.mix(ee->view());
  state.mix(se->view());
  state.mix_key_and_hash(preshared.view());
  if (!state.open(second.subspan(44, kTagBytes), plain.data())) return Handshake::kUnauthentic;
  state.split(session);
  session.initiator = initiator;
  session.responder = responder;
  return Handshake::kOpened;
}

}  // namespace

bool initiation_is_for(const PublicKey& responder, ByteView initiation) {
  const auto mac = crypto::blake2s_mac(crypto::blake2s(bytes_of(kMac1Label), responder),
                                       initiation.first(kMac1At));
  return crypto::equal(mac, initiation.subspan(kMac1At, kMacBytes));
}

Handshake follow_handshake(const KeyRing& keys,
                           ByteView initiation,
                           ByteView response,
                           WireguardSession& session) {
  const PublicKey ei = key_at(initiation, 8);
  const PublicKey er = key_at(response, 12);
  if (keys.private_of(ei) == nullptr && keys.private_of(er) == nullptr) {
    return Handshake::kUnknown;
  }
  std::vector<PrivateKey> preshared{PrivateKey(PublicKey{})};  // none is all zero
  for (const PublicKey& ephemeral : {ei, er}) {
    const auto given = keys.preshared_of(ephemeral);
    preshared.insert(preshared.end(), given.begin(), given.end());
  }
  Handshake outcome = Handshake::kUnknown;
  for (const PublicKey& responder : keys.peers()) {
    if (!initiation_is_for(responder, initiation)) continue;
    for (const PrivateKey& secret : preshared) {
      const Handshake one = follow(keys, initiation, response, responder, secret, session);
      if (one == Handshake::kOpened) return one;
      outcome = std::max(outcome, one);
    }
  }
  return outcome;
}

}  // namespace natlens::decode
