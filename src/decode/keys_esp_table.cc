// Wireshark's table esp_sa (a uat file, also what strongSwan's save-keys writes): a line for
// each association,
//
//   "IPv4","192.0.2.1","192.0.2.2","0xc0ffee01","AES-CBC [RFC3602]","0x...",
//   "HMAC-SHA-256-128 [RFC4868]","0x..."
//
// and, in newer ones, "32-bit" or "64-bit" sequence numbers. A '*' is any address, or any SPI.
#include <array>

#include <fmt/format.h>

#include "esp_suites.h"
#include "keys_text.h"

namespace natlens::decode {
namespace {

enum Field : std::size_t {
  kProtocol,
  kSource,
  kDestination,
  kSpi,
  kCipher,
  kCipherKey,
  kIntegrity,
  kIntegrityKey,
  kSequence,
  kFields = 12,
};
constexpr std::size_t kLeastFields = kIntegrityKey + 1;

struct Fields {
  std::array<std::string_view, kFields> value;
  std::size_t count = 0;
};

// Fields in quotes, with commas between them. Quotes and commas inside do not occur.
bool split(std::string_view line, Fields& fields) {
  while (fields.count < kFields) {
    if (!line.starts_with('"')) return false;
    const std::size_t end = line.find('"', 1);
    if (end == std::string_view::npos) return false;
    fields.value[fields.count++] = trimmed(line.substr(1, end - 1));
    line = trimmed(line.substr(end + 1));
    if (line.empty()) return fields.count >= kLeastFields;
    if (!line.starts_with(',')) return false;
    line = trimmed(line.substr(1));
  }
  return false;
}

// Without the "[RFC...]" behind it.
std::string_view bare(std::string_view name) {
  return trimmed(name.substr(0, name.find('[')));
}

struct IntegrityName {
  std::string_view name;
  EspIntegrity integrity;
  std::uint8_t icv_bytes;
};
constexpr auto kIntegrityNames = std::to_array<IntegrityName>({
    {"NULL", EspIntegrity::kNone, 0},
    {"HMAC-MD5-96", EspIntegrity::kMd5, 12},
    {"HMAC-SHA-1-96", EspIntegrity::kSha1, 12},
    {"HMAC-SHA-256-96", EspIntegrity::kSha256, 12},
    {"HMAC-SHA-256-128", EspIntegrity::kSha256, 16},
    {"HMAC-SHA-384-192", EspIntegrity::kSha384, 24},
    {"HMAC-SHA-512-256", EspIntegrity::kSha512, 32},
    {"ANY 64 bit authentication", EspIntegrity::kUnchecked, 8},
    {"ANY 96 bit authentication", EspIntegrity::kUnchecked, 12},
    {"ANY 128 bit authentication", EspIntegrity::kUnchecked, 16},
    {"ANY 192 bit authentication", EspIntegrity::kUnchecked, 24},
    {"ANY 256 bit authentication", EspIntegrity::kUnchecked, 32},
});

// "AES-GCM with 8 octet ICV" says the length itself.
bool take_cipher(std::string_view name, EspAssociation& association) {
  constexpr std::string_view kWith = " with ";
  constexpr std::string_view kOctets = " octet ICV";
  std::uint8_t icv = 0;
  if (name.ends_with(kOctets)) {
    const std::size_t with = name.find(kWith);
    if (with == std::string_view::npos) return false;
    const std::size_t begin = with + kWith.size();
    const auto octets = number_of(name.substr(begin, name.size() - kOctets.size() - begin));
    if (!octets || (*octets != 8 && *octets != 12 && *octets != 16)) return false;
    icv = static_cast<std::uint8_t>(*octets);
    name = name.substr(0, with);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(EspCipher::kCount); ++i) {
    const auto cipher = static_cast<EspCipher>(i);
    if (row_of(cipher).table != name) continue;
    association.cipher = cipher;
    association.icv_bytes = icv;
    return true;
  }
  return false;
}

bool take_integrity(std::string_view name, EspAssociation& association) {
  const bool authenticates = row_of(association.cipher).authenticates;
  for (const IntegrityName& row : kIntegrityNames) {
    if (row.name != name) continue;
    if (!authenticates) {
      association.integrity = row.integrity;
      association.icv_bytes = row.icv_bytes;
    } else if (association.icv_bytes == 0) {
      association.icv_bytes = row.icv_bytes == 0 ? 16 : row.icv_bytes;
    }
    return true;
  }
  return false;
}

// "0x" and digits; anything else is the key itself, as Wireshark has it.
template <std::size_t N>
std::optional<Secret<N>> key_of(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) return hex_secret<N>(text);
  if (text.size() > N) return std::nullopt;
  return Secret<N>(ByteView(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

Result<EspAssociation> association_of(const Fields& fields) {
  EspAssociation made;
  const std::string_view dst = fields.value[kDestination];
  if (dst != "*") {
    made.dst = Address::parse(dst);
    if (!made.dst) return Error{"the third field is the destination: an address, or *"};
  }
  const std::string_view spi = fields.value[kSpi];
  made.any_spi = spi == "*";
  if (!made.any_spi) {
    const auto number = number_of(spi);
    if (!number) return Error{"the fourth field is the SPI: 0x and hexadecimal digits, or *"};
    made.spi = *number;
  }
  if (!take_cipher(bare(fields.value[kCipher]), made)) {
    return Error{fmt::format("the fifth field names no cipher that is read; there are {}",
                             known_ciphers())};
  }
  if (!take_integrity(bare(fields.value[kIntegrity]), made)) {
    return Error{
        "the seventh field names no authentication that is read; there are "
        "HMAC-MD5-96, HMAC-SHA-1-96, HMAC-SHA-256-128, HMAC-SHA-384-192, "
        "HMAC-SHA-512-256, NULL and ANY n bit authentication"};
  }
  const auto key = key_of<64>(fields.value[kCipherKey]);
  const auto integrity_key = key_of<160>(fields.value[kIntegrityKey]);
  if (!key || !integrity_key) {
    return Error{"no key; it is written as 0x and pairs of hexadecimal digits"};
  }
  made.key = *key;
  made.integrity_key = *integrity_key;
  for (std::size_t i = kSequence; i < fields.count; ++i) {
    if (fields.value[i] == "64-bit") made.sequence = EspSequence::kExtended;
    if (fields.value[i] == "32-bit") made.sequence = EspSequence::kShort;
  }
  if (const Result<void> checked = check_keys(made); !checked) return checked.error();
  return made;
}

}  // namespace

Result<void> add_esp_table(KeyRing& ring, std::string_view text, const std::string& origin) {
  KeyLines lines(text);
  for (std::string_view line; lines.next(line);) {
    const auto wrong = [&](std::string_view why) {
      return Error{fmt::format("{}:{}: {}", origin, lines.number(), why)};
    };
    Fields fields;
    if (!split(line, fields)) {
      return wrong(
          "no line of Wireshark's table esp_sa; write \"IPv4\",\"SRC\",\"DST\","
          "\"SPI\",\"CIPHER\",\"0xKEY\",\"AUTH\",\"0xKEY\"");
    }
    const auto made = association_of(fields);
    if (!made) return wrong(made.error().message);
    ring.add_association(*made);
  }
  return {};
}

}  // namespace natlens::decode
