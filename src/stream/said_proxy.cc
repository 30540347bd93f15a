// The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): the first bytes that a
// proxy sends to a server say whose connection it carries.
#include "said.h"
#include "said_text.h"

namespace natlens::stream {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kLongestLine = 107;  // with its end

void add_client(const Endpoint& client,
                const Endpoint& asked,
                std::uint8_t transport,
                Said& said) {
  Statement& statement = said.add(StatementKind::kClient);
  statement.named = client;
  statement.whose = asked;
  statement.transport = transport;
}

// "PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\n"
Reading read_line(const Heard& heard, Said& said) {
  constexpr std::string_view kWord = "PROXY ";
  const std::string_view text =
      as_text(heard.bytes.first(std::min(heard.bytes.size(), kLongestLine)));
  if (text.substr(0, kWord.size()) != kWord.substr(0, text.size())) return Reading::no();
  const std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) {
    return text.size() < kLongestLine ? unfinished(heard) : Reading::no();
  }
  const Reading done = Reading::read(end + 2);
  std::string_view line = text.substr(0, end);
  line.remove_prefix(kWord.size());
  const std::string_view family = take_until(line, " ");
  if (family == "UNKNOWN") return done;
  if (family != "TCP4" && family != "TCP6") return Reading::no();
  const auto word = [&line] { return take(line, ' ') ? take_until(line, " ") : line; };
  const auto src = Address::parse(word());
  const auto dst = Address::parse(word());
  if (!src || !dst || !take(line, ' ')) return Reading::no();
  const auto src_port = take_number(line, 65535);
  if (!src_port || !take(line, ' ')) return Reading::no();
  const auto dst_port = take_number(line, 65535);
  if (!dst_port || !line.empty()) return Reading::no();
  add_client({*src, static_cast<std::uint16_t>(*src_port)},
             {*dst, static_cast<std::uint16_t>(*dst_port)}, protocol::kTcp, said);
  return done;
}

}  // namespace

Reading read_proxy(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes[0] == 'P') return read_line(heard, said);
  const std::string_view head = as_text(bytes.first(std::min(bytes.size(), kSignature.size())));
  if (head != kSignature.substr(0, head.size())) return Reading::no();
  if (bytes.size() < kHeaderBytes) return unfinished(heard);
  const std::size_t length = load_be16(bytes, 14);
  const std::uint8_t family = bytes[13] >> 4;
  const std::size_t address = family == 1 ? 4 : family == 2 ? 16 : 0;
  const std::size_t wanted = address == 0 ? 0 : 2 * address + 4;
  if (bytes[12] >> 4 != 2 || (bytes[12] & 15U) > 1 || family > 3) return Reading::no();
  // The type-length-values behind the addresses need not be there.
  if (wanted > length) return Reading::no();
  if (bytes.size() < kHeaderBytes + wanted) return unfinished(heard);
  if ((bytes[12] & 15U) == 1 && address != 0) {
    const ByteView body = bytes.subspan(kHeaderBytes);
    const std::uint8_t transport = (bytes[13] & 15U) == 2 ? protocol::kUdp : protocol::kTcp;
    add_client({address_from(body.first(address)), load_be16(body, 2 * address)},
               {address_from(body.subspan(address, address)), load_be16(body, 2 * address + 2)},
               transport, said);
  }
  return Reading::read(std::min(bytes.size(), kHeaderBytes + length));
}

}  // namespace natlens::stream
