// FTP (RFC 959, RFC 2428): where a data connection is awaited. PORT and EPRT from the client,
// 227 and 229 from the server. An address that is not the speaker's own tells of a NAT without
// ALG.
#include "said.h"
#include "said_text.h"

namespace natlens::stream {
namespace {

constexpr std::size_t kLongestLine = 512;

// "192,0,2,1,4,1": four bytes of address, two of port.
std::optional<Endpoint> read_six(std::string_view text) {
  std::array<std::uint8_t, 6> six{};
  for (std::size_t i = 0; i < six.size(); ++i) {
    if (i > 0 && !take(text, ',')) return std::nullopt;
    const auto value = take_number(text, 255);
    if (!value) return std::nullopt;
    six[i] = static_cast<std::uint8_t>(*value);
  }
  return Endpoint{address_from(ByteView(six).first(4)), load_be16(six, 4)};
}

// "|1|192.0.2.1|1025|", and "|||1025|" with `server`. Any printable character may stand for |.
std::optional<Endpoint> read_bars(std::string_view text, bool server) {
  if (text.empty()) return std::nullopt;
  const char bar = text.front();
  const std::string_view bars(&bar, 1);
  text.remove_prefix(1);
  const std::string_view family = take_until(text, bars);
  if (!take(text, bar)) return std::nullopt;
  const auto address = Address::parse(take_until(text, bars));
  if (!take(text, bar)) return std::nullopt;
  const auto port = take_number(text, 65535);
  if (!port || !take(text, bar) || server != family.empty() || server == address.has_value()) {
    return std::nullopt;
  }
  return Endpoint{address.value_or(Address()), static_cast<std::uint16_t>(*port)};
}

std::optional<Endpoint> read_line(std::string_view line) {
  if (begins_with(line, "port ")) return read_six(trimmed(line.substr(5)));
  if (begins_with(line, "eprt ")) return read_bars(trimmed(line.substr(5)), false);
  if (begins_with(line, "227 ")) {
    const std::size_t digit = line.find_first_of("0123456789", 4);
    if (digit != std::string_view::npos) return read_six(line.substr(digit));
  }
  if (begins_with(line, "229 ")) {
    const std::size_t open = line.find('(');
    if (open != std::string_view::npos) return read_bars(line.substr(open + 1), true);
  }
  return std::nullopt;
}

}  // namespace

// One line.
Reading read_ftp(const Heard& heard, Said& said) {
  const std::string_view text = as_text(heard.bytes);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    return text.size() < kLongestLine ? unfinished(heard) : Reading::read(text.size());
  }
  if (const auto listens = read_line(text.substr(0, end))) {
    Statement& statement = said.add(StatementKind::kListens);
    statement.named = *listens;
    statement.whose = heard.src;
    statement.transport = protocol::kTcp;
  }
  return Reading::read(end + 1);
}

}  // namespace natlens::stream
