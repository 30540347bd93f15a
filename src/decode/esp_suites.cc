#include "esp_suites.h"

#include <array>

#include <fmt/format.h>

namespace natlens::decode {
namespace {

// RFC 2410, 3602, 3686, 2451, 4106, 7634.
constexpr auto kCiphers = std::to_array<EspCipherRow>({
    {"ecb(cipher_null)", "NULL", 0, 0, 1, false, 0, 0},
    {"cbc(aes)", "AES-CBC", 16, 0, 16, false, 16, 32},
    {"rfc3686(ctr(aes))", "AES-CTR", 8, 4, 1, false, 16, 32},
    {"cbc(des3_ede)", "TripleDES-CBC", 8, 0, 8, false, 24, 24},
    {"rfc4106(gcm(aes))", "AES-GCM", 8, 4, 1, true, 16, 32},
    {"rfc7539esp(chacha20,poly1305)", "ChaCha20 with Poly1305", 8, 4, 1, true, 32, 32},
});
static_assert(kCiphers.size() == static_cast<std::size_t>(EspCipher::kCount));

// The lengths are those of xfrm_algo.c.
constexpr auto kIntegrities = std::to_array<EspIntegrityRow>({
    {"digest_null", "", 0},
    {"hmac(md5)", "MD5", 12},
    {"hmac(sha1)", "SHA1", 12},
    {"hmac(sha256)", "SHA256", 12},
    {"hmac(sha384)", "SHA384", 24},
    {"hmac(sha512)", "SHA512", 32},
    {"", "", 0},
});
static_assert(kIntegrities.size() == static_cast<std::size_t>(EspIntegrity::kCount));

// By a third of the key's bytes over 16: 16, 24 and 32.
struct LibraryNames {
  EspCipher cipher;
  std::array<const char*, 3> names;
};
constexpr auto kLibrary = std::to_array<LibraryNames>({
    {EspCipher::kAesCbc, {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"}},
    {EspCipher::kAesCtr, {"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"}},
    {EspCipher::kTripleDesCbc, {nullptr, "DES-EDE3-CBC", nullptr}},
    {EspCipher::kAesGcm, {"AES-128-GCM", "AES-192-GCM", "AES-256-GCM"}},
    {EspCipher::kChaCha20Poly1305, {nullptr, nullptr, "ChaCha20-Poly1305"}},
});

}  // namespace

const EspCipherRow& row_of(EspCipher cipher) {
  return kCiphers[static_cast<std::size_t>(cipher)];
}

const EspIntegrityRow& row_of(EspIntegrity integrity) {
  return kIntegrities[static_cast<std::size_t>(integrity)];
}

const char* library_name(EspCipher cipher, std::size_t key_bytes) {
  if (key_bytes != 16 && key_bytes != 24 && key_bytes != 32) return nullptr;
  for (const LibraryNames& row : kLibrary) {
    if (row.cipher == cipher) return row.names[(key_bytes - 16) / 8];
  }
  return nullptr;
}

Result<void> check_keys(const EspAssociation& association) {
  const EspCipherRow& cipher = row_of(association.cipher);
  const std::size_t bytes = association.key.size();
  const bool fits = bytes >= cipher.salt_bytes &&
                    library_name(association.cipher, bytes - cipher.salt_bytes) != nullptr;
  if (association.cipher != EspCipher::kNull && !fits) {
    const std::string lengths =
        cipher.least_key == cipher.most_key
            ? fmt::format("{}", cipher.least_key + cipher.salt_bytes)
            : fmt::format("{}, {} or {}", 16 + cipher.salt_bytes, 24 + cipher.salt_bytes,
                          32 + cipher.salt_bytes);
    return Error{fmt::format("the key of {} has {} bytes; it needs {}{}", cipher.table, bytes,
                             lengths,
                             cipher.salt_bytes > 0 ? ", with the 4 of its nonce" : "")};
  }
  const EspIntegrityRow& integrity = row_of(association.integrity);
  if (!integrity.library.empty() && association.integrity_key.size() == 0) {
    return Error{fmt::format("{} has no key", integrity.kernel)};
  }
  return {};
}

std::string known_ciphers() {
  std::string names;
  for (const EspCipherRow& row : kCiphers) {
    if (!names.empty()) names += ", ";
    names += row.table;
  }
  return names;
}

}  // namespace natlens::decode
