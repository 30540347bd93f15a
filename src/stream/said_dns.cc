// DNS (RFC 1035 4.1): id and name of a question, by which the same one is known beyond a
// forwarder.
#include "said.h"

namespace natlens::stream {
namespace {

constexpr std::size_t kHeaderBytes = 12;

}  // namespace

Reading read_dns(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (heard.dst.port != 53 || bytes.size() < kHeaderBytes + 5) return Reading::no();
  // QR and opcode 0, one question, no answers.
  if ((bytes[2] & 0xf8U) != 0 || load_be16(bytes, 4) != 1 || load_be16(bytes, 6) != 0) {
    return Reading::no();
  }
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
  Statement& statement = said.add(StatementKind::kQuery);
  set_number(statement, load_be16(bytes, 0));
  set_text(statement, size == 0 ? std::string_view(".") : std::string_view(name.data(), size));
  return Reading::read(bytes.size());
}

}  // namespace natlens::stream
