// QUIC (RFC 8999): the connection ids of long headers, which survive a NAT and tell that a new
// tuple is an old connection. Versions that are not known could be anything, and are not read.
#include "said.h"

namespace natlens::stream {
namespace {

bool known_version(std::uint32_t version) {
  return version == 1 || version == 0x6b3343cf || version >> 8 == 0xff0000;
}

std::size_t put_hex(ByteView bytes, std::span<char> out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::size_t size = 0;
  if (bytes.empty()) out[size++] = '-';
  for (const std::uint8_t byte : bytes) {
    out[size++] = kDigits[byte >> 4];
    out[size++] = kDigits[byte & 15U];
  }
  return size;
}

}  // namespace

// First byte, version 4, destination id and source id, each behind its length (at most 20).
Reading read_quic(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes.size() < 7 || !known_version(load_be32(bytes, 1))) return Reading::no();
  const std::size_t to = bytes[5];
  if (to > 20 || bytes.size() < 7 + to) return Reading::no();
  const std::size_t from = bytes[6 + to];
  if (from > 20 || bytes.size() < 7 + to + from) return Reading::no();
  Statement& statement = said.add(StatementKind::kIds);
  set_number(statement, load_be32(bytes, 1));
  std::array<char, 84> text;
  std::size_t size = put_hex(bytes.subspan(6, to), text);
  text[size++] = ' ';
  size += put_hex(bytes.subspan(7 + to, from), std::span(text).subspan(size));
  set_text(statement, std::string_view(text.data(), size));
  return Reading::read(bytes.size());
}

}  // namespace natlens::stream
