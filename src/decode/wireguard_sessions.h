// WireGuard sessions of one tap whose keys could be worked out. A session begins with an
// initiation and its response, both seen at this tap; its packets name it by the receiver's
// index, wherever they come from.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "natlens/decode/keys.h"

#include "crypto.h"
#include "wireguard_handshake.h"

namespace natlens::decode {

// What became of opening a packet.
enum class Opening : std::uint8_t {
  kNoKey,        // none that is known is its own
  kUnauthentic,  // one should be, and does not open it
  kOpened,
};

class WireguardSessions {
 public:
  WireguardSessions();

  // Messages 1 and 2, which have their exact lengths.
  void initiation(ByteView message);
  Opening response(const KeyRing& keys, ByteView message);
  // Is this, without any doubt, a handshake of somebody whose key is known?
  bool proves(const KeyRing& keys, ByteView message) const;

  bool knows(std::uint32_t receiver) const { return find(receiver, nullptr) != nullptr; }
  // A data message's ciphertext with its tag, into `plain`, which has room for it. `peers`
  // names the two ends, whichever sends.
  Opening open(std::uint32_t receiver,
               std::uint64_t counter,
               ByteView sealed,
               std::uint8_t* plain,
               std::uint64_t& peers);

 private:
  struct Pending {
    std::uint32_t sender = 0;
    std::array<std::uint8_t, kWireguardInitiation> message{};
    PublicKey answered{};  // the ephemeral key of the response that opened a session
  };
  struct Entry {
    bool used = false;
    std::uint32_t receiver = 0;
    PrivateKey key;
    std::uint64_t peers = 0;
  };
  static constexpr std::size_t kMostPending = 256;
  static constexpr std::size_t kBuckets = 1024;
  static constexpr std::size_t kWays = 4;
  using Bucket = std::array<Entry, kWays>;  // the newest first

  const Entry* find(std::uint32_t receiver, const Entry* behind) const;
  void keep(std::uint32_t receiver, const PrivateKey& key, std::uint64_t peers);

  std::vector<Pending> pending_;  // a ring
  std::size_t next_pending_ = 0;
  std::unique_ptr<std::array<Bucket, kBuckets>> entries_;  // taken with the first session
  crypto::Cipher cipher_;
};

}  // namespace natlens::decode
