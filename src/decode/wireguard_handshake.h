// WireGuard's handshake, Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s, as one who knows keys of one
// side follows it (the WireGuard paper, 5.4).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "natlens/decode/keys.h"

#include "crypto.h"

namespace natlens::decode {

inline constexpr std::size_t kWireguardInitiation = 148;
inline constexpr std::size_t kWireguardResponse = 92;

// The keys of a session, and who has it.
struct WireguardSession {
  PrivateKey from_initiator;
  PrivateKey to_initiator;
  PublicKey initiator{};
  PublicKey responder{};
};

enum class Handshake : std::uint8_t {
  kUnknown,      // none of its keys is known
  kUnauthentic,  // some are, and do not open it
  kOpened,
};

// Follows both messages, which have their exact lengths.
Handshake follow_handshake(const KeyRing& keys,
                           ByteView initiation,
                           ByteView response,
                           WireguardSession& session);

// Was this initiation made for that static key? Tells without any secret (mac1).
bool initiation_is_for(const PublicKey& responder, ByteView initiation);

}  // namespace natlens::decode
