// SOCKS 4, 4a and 5 (RFC 1928): the request names the real server, the answer the proxy's own
// end outside. Each direction is read by itself from its first byte; user names and passwords
// (RFC 1929) are stepped over and kept nowhere.
#include "said.h"
#include "said_text.h"

namespace natlens::stream {
namespace {

// A SOCKS 5 address: type, address or name, port.
Reading read_address(ByteView bytes, std::size_t at, const Heard& heard, Statement& statement) {
  if (bytes.size() < at + 2) return unfinished(heard);
  const std::uint8_t type = bytes[at];
  const std::size_t skip = type == 3 ? 2 : 1;
  const std::size_t size = type == 1 ? 4 : type == 4 ? 16 : type == 3 ? bytes[at + 1] : 0U;
  if (size == 0) return Reading::no();
  if (bytes.size() < at + skip + size + 2) return unfinished(heard);
  const ByteView host = bytes.subspan(at + skip, size);
  if (type == 3) {
    set_text(statement, as_text(host));
  } else {
    statement.named.address = address_from(host);
  }
  statement.named.port = load_be16(bytes, at + skip + size);
  return Reading::read(at + skip + size + 2);
}

Reading finish(const Statement& statement, const Reading& reading, Said& said) {
  if (reading.outcome == Reading::Outcome::kRead) said.add(statement.kind) = statement;
  return reading;
}

StatementKind command_kind(std::uint8_t command) {
  return command == 1   ? StatementKind::kConnect
         : command == 2 ? StatementKind::kBind
                        : StatementKind::kAssociate;
}

// 05 n methods; [01 n user n password]; 05 command 00 address.
Reading read_request5(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes.size() < 2) return unfinished(heard);
  std::size_t at = 2U + bytes[1];
  if (bytes[1] == 0) return Reading::no();
  if (bytes.size() <= at) return unfinished(heard);
  if (bytes[at] == 1) {
    if (bytes.size() < at + 2) return unfinished(heard);
    at += 2U + bytes[at + 1];
    if (bytes.size() <= at) return unfinished(heard);
    at += 1U + bytes[at];
    if (bytes.size() <= at) return unfinished(heard);
  }
  if (bytes[at] != 5) return Reading::no();
  if (bytes.size() < at + 3) return unfinished(heard);
  const std::uint8_t command = bytes[at + 1];
  if (command < 1 || command > 3 || bytes[at + 2] != 0) return Reading::no();
  Statement statement;
  statement.kind = command_kind(command);
  return finish(statement, read_address(bytes, at + 3, heard, statement), said);
}

// 05 method; [01 status]; 05 result 00 address.
Reading read_answer5(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes.size() < 3) return unfinished(heard);
  std::size_t at = 2;
  if (bytes[1] == 2 && bytes[2] == 1) at = 4;
  if (bytes.size() < at + 3) return unfinished(heard);
  if (bytes[at] != 5 || bytes[at + 1] > 8 || bytes[at + 2] != 0) return Reading::no();
  Statement statement;
  statement.kind = bytes[at + 1] == 0 ? StatementKind::kBound : StatementKind::kRefused;
  set_number(statement, bytes[at + 1]);
  return finish(statement, read_address(bytes, at + 3, heard, statement), said);
}

// 04 command port address user 00, and with address 0.0.0.x a name 00 (4a).
Reading read_request4(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes.size() < 2) return unfinished(heard);
  if (bytes[1] != 1 && bytes[1] != 2) return Reading::no();
  if (bytes.size() < 9) return unfinished(heard);
  const std::string_view text = as_text(bytes);
  const std::size_t user_end = text.find('\0', 8);
  if (user_end == std::string_view::npos) return unfinished(heard);
  Statement statement;
  statement.kind = command_kind(bytes[1]);
  statement.named.port = load_be16(bytes, 2);
  std::size_t end = user_end + 1;
  if (load_be32(bytes, 4) != 0 && load_be32(bytes, 4) < 256) {
    const std::size_t name_end = text.find('\0', end);
    if (name_end == std::string_view::npos) return unfinished(heard);
    set_text(statement, text.substr(end, name_end - end));
    end = name_end + 1;
  } else {
    statement.named.address = address_from(bytes.subspan(4, 4));
  }
  return finish(statement, Reading::read(end), said);
}

// 00 result port address.
Reading read_answer4(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes.size() < 8) return unfinished(heard);
  if (bytes[1] < 90 || bytes[1] > 93) return Reading::no();
  Statement& statement =
      said.add(bytes[1] == 90 ? StatementKind::kBound : StatementKind::kRefused);
  set_number(statement, bytes[1]);
  statement.named = {address_from(bytes.subspan(4, 4)), load_be16(bytes, 2)};
  return Reading::read(8);
}

}  // namespace

Reading read_socks(const Heard& heard, Said& said) {
  switch (heard.bytes[0]) {
    case 5:
      return heard.asked ? read_answer5(heard, said) : read_request5(heard, said);
    case 4:
      return heard.asked ? Reading::no() : read_request4(heard, said);
    default:
      return heard.asked ? read_answer4(heard, said) : Reading::no();
  }
}

}  // namespace natlens::stream
