#include "crypto.h"

#include <array>
#include <cstdint>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace natlens::decode {

void wipe(std::span<std::uint8_t> bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

namespace crypto {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Agreement = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

Key private_key(const PrivateKey& key) {
  return {EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, key.view().data(),
                                       key.view().size()),
          EVP_PKEY_free};
}

int as_int(std::size_t n) {
  return static_cast<int>(n);
}

}  // namespace

std::optional<PublicKey> public_of(const PrivateKey& key) {
  const Key own = private_key(key);
  PublicKey out{};
  std::size_t length = out.size();
  if (own == nullptr || EVP_PKEY_get_raw_public_key(own.get(), out.data(), &length) != 1) {
    return std::nullopt;
  }
  return out;
}

std::optional<PrivateKey> agree(const PrivateKey& own, const PublicKey& other) {
  const Key mine = private_key(own);
  const Key theirs(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, other.data(), other.size()),
      EVP_PKEY_free);
  if (mine == nullptr || theirs == nullptr) return std::nullopt;
  const Agreement context(EVP_PKEY_CTX_new(mine.get(), nullptr), EVP_PKEY_CTX_free);
  Digest out{};
  std::size_t length = out.size();
  std::optional<PrivateKey> shared;
  if (context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
      EVP_PKEY_derive_set_peer(context.get(), theirs.get()) == 1 &&
      EVP_PKEY_derive(context.get(), out.data(), &length) == 1) {
    shared.emplace(ByteView(out));
  }
  wipe(out);
  return shared;
}

Digest blake2s(ByteView first, ByteView second) {
  Digest out{};
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex2(context.get(), EVP_blake2s256(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), first.data(), first.size()) != 1 ||
      EVP_DigestUpdate(context.get(), second.data(), second.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out.data(), nullptr) != 1) {
    return {};
  }
  return out;
}

Digest blake2s_hmac(ByteView key, ByteView data) {
  Digest out{};
  std::size_t length = 0;
  EVP_Q_mac(nullptr, "HMAC", nullptr, "BLAKE2S-256", nullptr, key.data(), key.size(),
            data.data(), data.size(), out.data(), out.size(), &length);
  return out;
}

std::array<std::uint8_t, 16> blake2s_mac(ByteView key, ByteView data) {
  std::array<std::uint8_t, 16> out{};
  std::size_t size = out.size();
  const std::array<OSSL_PARAM, 2> parameters{
      OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
  std::size_t length = 0;
  EVP_Q_mac(nullptr, "BLAKE2SMAC", nullptr, nullptr, parameters.data(), key.data(), key.size(),
            data.data(), data.size(), out.data(), out.size(), &length);
  return out;
}

bool equal(ByteView left, ByteView right) {
  return left.size() == right.size() &&
         CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

void Cipher::Free::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

Cipher::Cipher(const char* name) : context_(EVP_CIPHER_CTX_new()) {
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  if (context_ == nullptr || cipher == nullptr ||
      EVP_DecryptInit_ex2(context_.get(), cipher, nullptr, nullptr, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(context_.get(), 0) != 1) {
    context_.reset();
  }
  EVP_CIPHER_free(cipher);
}

Cipher::~Cipher() = default;
Cipher::Cipher(Cipher&&) noexcept = default;
Cipher& Cipher::operator=(Cipher&&) noexcept = default;

bool Cipher::set_key(ByteView key) {
  return context_ != nullptr &&
         EVP_CIPHER_CTX_get_key_length(context_.get()) == as_int(key.size()) &&
         EVP_DecryptInit_ex2(context_.get(), nullptr, key.data(), nullptr, nullptr) == 1;
}

bool Cipher::open(ByteView nonce,
                  ByteView associated,
                  ByteView ciphertext,
                  ByteView tag,
                  std::uint8_t* plain) {
  if (context_ == nullptr || tag.size() > 16) return false;
  std::array<std::uint8_t, 16> expected{};
  std::copy(tag.begin(), tag.end(), expected.begin());
  int length = 0;
  return EVP_DecryptInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), nullptr) == 1 &&
         EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, as_int(tag.size()),
                             expected.data()) == 1 &&
         (associated.empty() ||
          EVP_DecryptUpdate(context_.get(), nullptr, &length, associated.data(),
                            as_int(associated.size())) == 1) &&
         (ciphertext.empty() ||
          EVP_DecryptUpdate(context_.get(), plain, &length, ciphertext.data(),
                            as_int(ciphertext.size())) == 1) &&
         EVP_DecryptFinal_ex(context_.get(), plain + ciphertext.size(), &length) == 1;
}

bool Cipher::decrypt(ByteView iv, ByteView ciphertext, std::uint8_t* plain) {
  int length = 0;
  return context_ != nullptr &&
         EVP_DecryptInit_ex2(context_.get(), nullptr, nullptr, iv.data(), nullptr) == 1 &&
         EVP_DecryptUpdate(context_.get(), plain, &length, ciphertext.data(),
                           as_int(ciphertext.size())) == 1;
}

void Hmac::Free::operator()(evp_mac_ctx_st* context) const {
  EVP_MAC_CTX_free(context);
}

Hmac::Hmac(const char* digest, ByteView key) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  context_.reset(EVP_MAC_CTX_new(mac));
  EVP_MAC_free(mac);
  std::string name(digest);
  const std::array<OSSL_PARAM, 2> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), name.size()),
      OSSL_PARAM_construct_end()};
  if (context_ != nullptr &&
      EVP_MAC_init(context_.get(), key.data(), key.size(), parameters.data()) != 1) {
    context_.reset();
  }
}

Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;

bool Hmac::verify(ByteView first, ByteView second, ByteView value) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> out{};
  std::size_t length = 0;
  return context_ != nullptr && EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
         EVP_MAC_update(context_.get(), first.data(), first.size()) == 1 &&
         EVP_MAC_update(context_.get(), second.data(), second.size()) == 1 &&
         EVP_MAC_final(context_.get(), out.data(), &length, out.size()) == 1 &&
         value.size() <= length && equal(ByteView(out).first(value.size()), value);
}

}  // namespace crypto
}  // namespace natlens::decode
