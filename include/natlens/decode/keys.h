// Keys that a user gave, with which encrypted tunnels are opened. They stay in memory: no
// message, log or database ever shows one, and what held them is overwritten when it goes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/address.h"
#include "natlens/net/bytes.h"
#include "natlens/net/result.h"

namespace natlens::decode {

// Overwrites with zeros; never optimised away.
void wipe(std::span<std::uint8_t> bytes);

// Up to N secret bytes, wiped when they go.
template <std::size_t N>
class Secret {
 public:
  Secret() = default;
  // REQUIRES: bytes.size() <= N.
  explicit Secret(ByteView bytes) : size_(static_cast<std::uint8_t>(bytes.size())) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { wipe(bytes_); }

  ByteView view() const { return ByteView(bytes_).first(size_); }
  std::size_t size() const { return size_; }
  // False: there is no room.
  bool push_back(std::uint8_t byte) {
    if (size_ == N) return false;
    bytes_[size_++] = byte;
    return true;
  }

 private:
  static_assert(N < 256);
  std::array<std::uint8_t, N> bytes_{};
  std::uint8_t size_ = 0;
};

using PublicKey = std::array<std::uint8_t, 32>;
using PrivateKey = Secret<32>;

enum class EspCipher : std::uint8_t {
  kNull,
  kAesCbc,
  kAesCtr,
  kTripleDesCbc,
  kAesGcm,
  kChaCha20Poly1305,
  kCount
};
// kNone: the cipher authenticates, or nothing does. kUnchecked: there is a value, but its key
// is not known.
enum class EspIntegrity : std::uint8_t {
  kNone,
  kMd5,
  kSha1,
  kSha256,
  kSha384,
  kSha512,
  kUnchecked,
  kCount
};
// Extended sequence numbers (RFC 4304): kUnknown where the key file does not say.
enum class EspSequence : std::uint8_t { kUnknown, kShort, kExtended };

// An ESP security association, of one direction.
struct EspAssociation {
  std::uint32_t spi = 0;
  bool any_spi = false;
  std::optional<Address> dst;  // none: any
  EspCipher cipher = EspCipher::kNull;
  EspIntegrity integrity = EspIntegrity::kNone;
  std::uint8_t icv_bytes = 0;
  EspSequence sequence = EspSequence::kUnknown;
  std::uint32_t sequence_high = 0;  // of extended ones, when the keys were written down
  Secret<64> key;                   // with its salt or nonce, where the cipher has one
  Secret<160> integrity_key;
};

class KeyRing {
 public:
  // Adds the keys of a file's text. What it is, its contents tell: a WireGuard key log in
  // Wireshark's format (lines "LOCAL_STATIC_PRIVATE_KEY = BASE64"...), what `ip xfrm state`
  // prints, or Wireshark's table esp_sa. Errors name `origin` and the line, and what would be
  // right; never what stands in it.
  Result<void> add(std::string_view text, const std::string& origin);
  Result<void> add_file(const std::string& path);

  bool empty() const { return private_.empty() && associations_.empty(); }

  // WireGuard. Null: not known.
  const PrivateKey* private_of(const PublicKey& key) const;
  // Secrets that peers had agreed on before, given with this ephemeral key.
  std::span<const PrivateKey> preshared_of(const PublicKey& ephemeral) const;
  // Static public keys, of either side.
  std::span<const PublicKey> peers() const { return peers_; }

  std::span<const EspAssociation> associations() const { return associations_; }

  // For the parsers. Each is known once, however often it is given. An Error: not a key.
  Result<PublicKey> add_private(const PrivateKey& key);
  void add_peer(const PublicKey& key);
  void add_preshared(const PublicKey& ephemeral, const PrivateKey& secret);
  void add_association(const EspAssociation& association);

 private:
  std::map<PublicKey, PrivateKey> private_;
  std::map<PublicKey, std::vector<PrivateKey>> preshared_;
  std::vector<PublicKey> peers_;
  std::vector<EspAssociation> associations_;
};

}  // namespace natlens::decode
