// DNS (RFC 1035 4.1): id and name of a question, by which the same one is known beyond a
// forwarder, and the addresses of an answer (A, AAAA), whatever names lie between.
#include "said.h"

namespace natlens::stream {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr int kMostRecords = 32;
constexpr int kMostAddresses = 4;

// Behind the name at `at`: labels, or a pointer to some. 0 if it does not end within the bytes.
std::size_t behind_name(ByteView bytes, std::size_t at) {
  while (at < bytes.size()) {
    if (bytes[at] == 0) return at + 1;
    if (bytes[at] >= 0xc0) return at + 2;
    if (bytes[at] > 63) return 0;
    at += 1U + bytes[at];
  }
  return 0;
}

// The answer records that begin at `at`.
void read_answers(ByteView bytes, std::size_t at, std::string_view name, Said& said) {
  const int records = std::min<int>(load_be16(bytes, 6), kMostRecords);
  for (int i = 0, found = 0; i < records && found < kMostAddresses; ++i) {
    at = behind_name(bytes, at);
    if (at == 0 || at + 10 > bytes.size()) return;
    const std::uint16_t type = load_be16(bytes, at);
    const std::size_t size = load_be16(bytes, at + 8);
    at += 10;
    if (at + size > bytes.size()) return;
    if ((type == 1 && size == 4) || (type == 28 && size == 16)) {
      Statement& statement = said.add(StatementKind::kResolved);
      statement.named.address = address_from(bytes.subspan(at, size));
      set_text(statement, name);
      ++found;
    }
    at += size;
  }
}

}  // namespace

Reading read_dns(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes.size() < kHeaderBytes + 5) return Reading::no();
  const bool answer = heard.src.port == 53 && (bytes[2] & 0x80U) != 0;
  // Opcode 0, one question; a query has no answers.
  if ((bytes[2] & 0x78U) != 0 || load_be16(bytes, 4) != 1) return Reading::no();
  if (!answer && (heard.dst.port != 53 || (bytes[2] & 0x80U) != 0 || load_be16(bytes, 6) != 0))
    return Reading::no();
  std::array<char, 256> name;
  std::size_t size = 0;
  std::size_t at = kHeaderBytes;
  while (at < bytes.size() && bytes[at] != 0) {
    const std::size_t label = bytes[at];
    if (label > 63 || at + 1 + label >= bytes.size() || size + label + 1 > name.size()) {
      return Reading::no();
    }
    if (size > 0) name[size++] = '.';
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at) + 1, label,
                name.begin() + static_cast<std::ptrdiff_t>(size));
    size += label;
    at += 1 + label;
  }
  if (at + 5 > bytes.size()) return Reading::no();
  const std::string_view asked =
      size == 0 ? std::string_view(".") : std::string_view(name.data(), size);
  if (answer) {
    read_answers(bytes, at + 5, asked, said);
    return Reading::read(bytes.size());
  }
  Statement& statement = said.add(StatementKind::kQuery);
  set_number(statement, load_be16(bytes, 0));
  set_text(statement, asked);
  return Reading::read(bytes.size());
}

}  // namespace natlens::stream
