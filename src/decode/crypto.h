// What decryption needs of OpenSSL's libcrypto; crypto.cc and keys.cc alone include its
// headers. Where the library fails (an unknown algorithm, no memory) the answer is that of a
// wrong key.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "natlens/decode/keys.h"
#include "natlens/net/bytes.h"

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace natlens::decode::crypto {

// Curve25519 (RFC 7748).
std::optional<PublicKey> public_of(const PrivateKey& key);
std::optional<PrivateKey> agree(const PrivateKey& own, const PublicKey& other);

// BLAKE2s (RFC 7693) of both parts together; HMAC over it; keyed, of 16 bytes.
using Digest = std::array<std::uint8_t, 32>;
Digest blake2s(ByteView first, ByteView second = {});
Digest blake2s_hmac(ByteView key, ByteView data);
std::array<std::uint8_t, 16> blake2s_mac(ByteView key, ByteView data);

// Compares in constant time.
bool equal(ByteView left, ByteView right);

// A cipher with a key, used packet after packet without allocating.
class Cipher {
 public:
  // By its name in libcrypto: "ChaCha20-Poly1305", "AES-128-GCM", "AES-256-CBC"...
  explicit Cipher(const char* name);
  ~Cipher();
  Cipher(Cipher&&) noexcept;
  Cipher& operator=(Cipher&&) noexcept;

  bool set_key(ByteView key);
  // Authenticated: into `plain`, which has room for the ciphertext's length. False: not
  // authentic, and `plain` is to be left alone.
  bool open(ByteView nonce,
            ByteView associated,
            ByteView ciphertext,
            ByteView tag,
            std::uint8_t* plain);
  // Block and counter modes. REQUIRES: whole blocks.
  bool decrypt(ByteView iv, ByteView ciphertext, std::uint8_t* plain);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
};

// HMAC with a key.
class Hmac {
 public:
  // By its name in libcrypto: "SHA1", "SHA256"...
  Hmac(const char* digest, ByteView key);
  ~Hmac();
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) noexcept;

  // Is `value` the beginning of the HMAC of both parts together?
  bool verify(ByteView first, ByteView second, ByteView value);

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const;
  };
  std::unique_ptr<evp_mac_ctx_st, Free> context_;
};

}  // namespace natlens::decode::crypto
