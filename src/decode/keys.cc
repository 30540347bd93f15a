#include "natlens/decode/keys.h"

#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "crypto.h"
#include "keys_text.h"

namespace natlens::decode {
namespace {

constexpr std::size_t kLongestFile = std::size_t{64} << 20;
constexpr std::string_view kFormats =
    "a WireGuard key log (LOCAL_STATIC_PRIVATE_KEY = ...), what `ip xfrm state` prints, or "
    "Wireshark's table esp_sa";

// A file's text, wiped when it goes.
struct SecretText {
  std::string text;
  SecretText() = default;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()}); }
};

// Reads without a buffer of the library's, which would keep a copy. The size may be unknown (a
// pipe): then it is read in pieces, and a piece that grew is wiped.
bool read_text(const std::string& path, SecretText& out) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (file == nullptr || std::setvbuf(file.get(), nullptr, _IONBF, 0) != 0) return false;
  std::size_t used = 0;
  for (std::size_t room = std::size_t{1} << 16;; room *= 2) {
    SecretText larger;
    larger.text.resize(room);
    std::copy_n(out.text.begin(), used, larger.text.begin());
    out.text.swap(larger.text);
    used += std::fread(out.text.data() + used, 1, room - used, file.get());
    if (used < room) break;
    if (room >= kLongestFile) return false;
  }
  out.text.resize(used);
  return std::ferror(file.get()) == 0;
}

}  // namespace

Result<void> KeyRing::add(std::string_view text, const std::string& origin) {
  KeyLines lines(text);
  std::string_view first;
  if (!lines.next(first)) {
    return Error{fmt::format("{}: no keys in it; give {}", origin, kFormats)};
  }
  if (first.front() == '"') return add_esp_table(*this, text, origin);
  if (first.starts_with("src ")) return add_xfrm_state(*this, text, origin);
  if (first.starts_with("New handshake session") ||
      first.substr(0, first.find('=')).find("_KEY") != std::string_view::npos) {
    return add_wireguard_log(*this, text, origin);
  }
  return Error{fmt::format("{}:{}: not keys; give {}", origin, lines.number(), kFormats)};
}

Result<void> KeyRing::add_file(const std::string& path) {
  SecretText file;
  if (!read_text(path, file)) {
    return Error{fmt::format("{}: cannot be read; give {}", path, kFormats)};
  }
  return add(file.text, path);
}

const PrivateKey* KeyRing::private_of(const PublicKey& key) const {
  const auto found = private_.find(key);
  return found == private_.end() ? nullptr : &found->second;
}

std::span<const PrivateKey> KeyRing::preshared_of(const PublicKey& ephemeral) const {
  const auto found = preshared_.find(ephemeral);
  if (found == preshared_.end()) return {};
  return found->second;
}

Result<PublicKey> KeyRing::add_private(const PrivateKey& key) {
  const auto known = crypto::public_of(key);
  if (!known) return Error{"libcrypto takes it for no key of Curve25519"};
  private_.emplace(*known, key);
  return *known;
}

void KeyRing::add_peer(const PublicKey& key) {
  if (std::find(peers_.begin(), peers_.end(), key) == peers_.end()) peers_.push_back(key);
}

void KeyRing::add_preshared(const PublicKey& ephemeral, const PrivateKey& secret) {
  auto& known = preshared_[ephemeral];
  const bool again = std::any_of(known.begin(), known.end(), [&](const PrivateKey& other) {
    return crypto::equal(other.view(), secret.view());
  });
  if (!again) known.push_back(secret);
}

void KeyRing::add_association(const EspAssociation& association) {
  const bool again =
      std::any_of(associations_.begin(), associations_.end(), [&](const EspAssociation& other) {
        return other.spi == association.spi && other.any_spi == association.any_spi &&
               other.dst == association.dst && other.cipher == association.cipher &&
               other.integrity == association.integrity &&
               crypto::equal(other.key.view(), association.key.view()) &&
               crypto::equal(other.integrity_key.view(), association.integrity_key.view());
      });
  if (!again) associations_.push_back(association);
}

}  // namespace natlens::decode
