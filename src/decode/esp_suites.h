// The algorithms of ESP that are read: what each needs, and how the kernel and Wireshark call
// it.
#pragma once

#include <string_view>

#include "natlens/decode/keys.h"

namespace natlens::decode {

struct EspCipherRow {
  std::string_view kernel;       // as `ip xfrm state` has it
  std::string_view table;        // as Wireshark's esp_sa has it, without the "[RFC...]"
  std::uint8_t iv_bytes = 0;     // in front of the ciphertext
  std::uint8_t salt_bytes = 0;   // of the nonce, behind the key
  std::uint8_t block_bytes = 1;  // the ciphertext is a multiple of it
  bool authenticates = false;
  std::uint8_t least_key = 0;  // without the salt
  std::uint8_t most_key = 0;
};
const EspCipherRow& row_of(EspCipher cipher);
// The cipher's name in libcrypto for a key of this length, without the salt; null: no such
// length.
const char* library_name(EspCipher cipher, std::size_t key_bytes);

struct EspIntegrityRow {
  std::string_view kernel;
  std::string_view library;       // the hash in libcrypto; "": none
  std::uint8_t default_icv = 12;  // what the kernel cuts to where nothing is said
};
const EspIntegrityRow& row_of(EspIntegrity integrity);

// Checks that keys have the lengths that their algorithms need. An Error says what they need.
Result<void> check_keys(const EspAssociation& association);

// The names that key files may have, for messages.
std::string known_ciphers();

}  // namespace natlens::decode
