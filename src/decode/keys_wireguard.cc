// A WireGuard key log, as Wireshark (wg.keylog_file) and wireguard-tools' extract-handshakes
// have it: lines "NAME = BASE64". A preshared key belongs to the ephemeral one before it.
#include <array>

#include <fmt/format.h>

#include "keys_text.h"

namespace natlens::decode {
namespace {

constexpr std::size_t kDigits = 44;  // 32 bytes: 43 digits and one '='

// The six bits of a base64 digit (RFC 4648); none of what is no digit.
std::optional<std::uint32_t> digit_value(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 52);
  if (c == '+') return 62U;
  if (c == '/') return 63U;
  return std::nullopt;
}

std::optional<PrivateKey> key_of(std::string_view text) {
  if (text.size() != kDigits || text.back() != '=') return std::nullopt;
  PrivateKey key;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i + 1 < kDigits; ++i) {
    const auto value = digit_value(text[i]);
    if (!value) return std::nullopt;
    bits = bits << 6 | *value;
    // Behind the first digit of four there is no whole byte yet.
    if (i % 4 != 0) key.push_back(static_cast<std::uint8_t>(bits >> (6 - i % 4 * 2)));
  }
  return key;
}

PublicKey public_key(const PrivateKey& bytes) {
  PublicKey key{};
  std::copy(bytes.view().begin(), bytes.view().end(), key.begin());
  return key;
}

// What stands in the line, without a word of it.
std::string wrong_line(const std::string& origin, std::size_t line, std::string_view why) {
  return fmt::format("{}:{}: {}", origin, line, why);
}

}  // namespace

Result<void> add_wireguard_log(KeyRing& ring,
                               std::string_view text,
                               const std::string& origin) {
  KeyLines lines(text);
  std::optional<PublicKey> ephemeral;
  for (std::string_view line; lines.next(line);) {
    if (line.starts_with("New handshake session")) continue;  // extract-handshakes says so
    const std::size_t equals = std::min(line.find('='), line.size());
    const std::string_view name = trimmed(line.substr(0, equals));
    const bool own = name == "LOCAL_STATIC_PRIVATE_KEY";
    const bool fresh = name == "LOCAL_EPHEMERAL_PRIVATE_KEY";
    const bool shared = name == "PRESHARED_KEY";
    if (!own && !fresh && !shared && name != "REMOTE_STATIC_PUBLIC_KEY") {
      return Error{wrong_line(
          origin, lines.number(),
          "no line of a WireGuard key log; write LOCAL_STATIC_PRIVATE_KEY, "
          "REMOTE_STATIC_PUBLIC_KEY, LOCAL_EPHEMERAL_PRIVATE_KEY or PRESHARED_KEY = BASE64")};
    }
    const auto key = key_of(trimmed(line.substr(std::min(equals + 1, line.size()))));
    if (!key) {
      return Error{wrong_line(origin, lines.number(),
                              "no key; write its 32 bytes as 44 characters of base64")};
    }
    if (shared) {
      if (!ephemeral) {
        return Error{wrong_line(origin, lines.number(),
                                "a preshared key stands behind the LOCAL_EPHEMERAL_PRIVATE_KEY "
                                "that it was used with")};
      }
      ring.add_preshared(*ephemeral, *key);
    } else if (own || fresh) {
      const auto known = ring.add_private(*key);
      if (!known) return Error{wrong_line(origin, lines.number(), known.error().message)};
      if (own) ring.add_peer(*known);
      if (fresh) ephemeral = *known;
    } else {
      ring.add_peer(public_key(*key));
    }
  }
  return {};
}

}  // namespace natlens::decode
