// FTP (nf_conntrack_ftp.c; RFC 959, RFC 1123 4.1.2.6, RFC 2428).
//
// The helper's memory: for each direction the two latest sequence numbers behind a newline, and
// how many are known. A line is looked at only when its segment starts there.
#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "helper.h"
#include "tcp_segment.h"
#include "text_scan.h"

namespace natlens::conntrack {
namespace {

struct Command {
  Address address;
  std::uint16_t port = 0;
  // Where in the payload it stands.
  std::size_t offset = 0;
  std::size_t length = 0;
  bool extended = false;  // EPRT, EPSV
};

// Numbers separated by `separator`; how many characters they take, 0 if they are not all there.
// `terminator` has to follow; 0: anything may, but something has to.
template <std::size_t n>
std::size_t read_numbers(std::string_view text,
                         std::array<std::uint32_t, n>& out,
                         char separator,
                         char terminator) {
  out.fill(0);
  std::size_t i = 0;
  for (std::size_t at = 0; at < text.size() && i < n; ++at) {
    const char c = text[at];
    if (is_digit(c)) {
      out[i] = out[i] * 10 + static_cast<std::uint32_t>(c - '0');
    } else if (c == separator) {
      ++i;
    } else {
      return (c == terminator || terminator == 0) && i == n - 1 ? at : 0;
    }
  }
  return 0;
}

// "10,0,0,1,156,65".
bool read_port(std::string_view text, char terminator, Command& command) {
  std::array<std::uint32_t, 6> n{};
  command.length = read_numbers(text, n, ',', terminator);
  if (command.length == 0) {
    return false;
  }
  command.address = Address::v4((n[0] << 24) | (n[1] << 16) | (n[2] << 8) | n[3]);
  command.port = static_cast<std::uint16_t>((n[4] << 8) | n[5]);
  return true;
}

// A port and the delimiter behind it.
bool read_delimited_port(std::string_view text, char delimiter, std::uint16_t& out) {
  std::uint16_t port = 0;
  for (const char c : text) {
    if (c == delimiter) {
      out = port;
      return port != 0;
    }
    if (!is_digit(c)) {
      return false;
    }
    port = static_cast<std::uint16_t>(port * 10 + (c - '0'));
  }
  return false;
}

bool is_delimiter(char c) {
  return !is_digit(c) && c >= 33 && c <= 126;
}

// The command ends with the next delimiter.
bool close(std::string_view text, std::size_t from, char delimiter, Command& command) {
  command.length = text.find(delimiter, from) + 1;
  return true;
}

// "|1|10.0.0.1|40001|", "|2|2001:db8::1|40001|".
bool read_eprt(std::string_view text, Command& command) {
  if (text.size() <= 3 || !is_delimiter(text[0]) || text[2] != text[0]) {
    return false;
  }
  const char delimiter = text[0];
  if (text[1] != (command.address.is_v4() ? '1' : '2')) {
    return false;
  }
  const auto rest = text.substr(3);
  const auto end = rest.find(delimiter);
  if (end == std::string_view::npos) {
    return false;
  }
  if (text[1] == '1') {
    std::array<std::uint32_t, 4> n{};
    if (read_numbers(rest, n, '.', delimiter) == 0) {
      return false;
    }
    command.address = Address::v4((n[0] << 24) | (n[1] << 16) | (n[2] << 8) | n[3]);
  } else {
    const auto parsed = Address::parse(rest.substr(0, end));
    if (!parsed || !parsed->is_v6()) {
      return false;
    }
    command.address = *parsed;
  }
  command.extended = true;
  return read_delimited_port(rest.substr(end + 1), delimiter, command.port) &&
         close(text, 3 + end + 1, delimiter, command);
}

// "|||50001|".
bool read_epsv(std::string_view text, Command& command) {
  command.extended = true;
  return text.size() > 3 && is_delimiter(text[0]) && text[1] == text[0] && text[2] == text[0] &&
         read_delimited_port(text.substr(3), text[0], command.port) &&
         close(text, 3, text[0], command);
}

// "227 Entering Passive Mode (203,0,113,5,195,80)", with or without the parentheses.
bool read_pasv(std::string_view text, Command& command) {
  const auto digit = std::find_if(text.begin(), text.end(), is_digit);
  command.offset = static_cast<std::size_t>(digit - text.begin());
  return digit != text.end() && read_port(text.substr(command.offset), 0, command);
}

enum class Match : std::uint8_t { kNo, kYes, kPartial };

struct Pattern {
  std::string_view word;
  char skip;  // what follows starts behind this; 0: at once
  bool (*read)(std::string_view text, Command& command);
};

constexpr std::array<std::array<Pattern, 2>, 2> kPatterns{{
    {{{"PORT", ' ', [](std::string_view t, Command& c) { return read_port(t, '\r', c); }},
      {"EPRT", ' ', read_eprt}}},
    {{{"227 ", 0, read_pasv}, {"229 ", '(', read_epsv}}},
}};

// find_pattern: a command that is cut at the segment's end is a partial match.
Match match(const std::string_view whole, const Pattern& pattern, Command& command) {
  std::string_view text = whole;
  if (text.size() <= pattern.word.size()) {
    return same_text(text, pattern.word.substr(0, text.size())) ? Match::kPartial : Match::kNo;
  }
  if (!begins_with(text, pattern.word)) {
    return Match::kNo;
  }
  text.remove_prefix(pattern.word.size());
  if (pattern.skip != 0) {
    const auto at = text.find(pattern.skip);
    if (at == std::string_view::npos) {
      return Match::kPartial;
    }
    text.remove_prefix(at + 1);
  }
  command.offset = 0;
  if (!pattern.read(text, command)) {
    return Match::kPartial;
  }
  command.offset += whole.size() - text.size();
  return Match::kYes;
}

// The two latest positions behind a newline, of one direction.
class Newlines {
 public:
  Newlines(std::array<std::uint32_t, 8>& memory, unsigned direction)
      : at_(&memory[2 * direction]), count_(memory[4 + direction]) {}
  bool known(std::uint32_t seq) const {
    return (count_ > 0 && at_[0] == seq) || (count_ > 1 && at_[1] == seq);
  }
  void add(std::uint32_t seq) {
    if (known(seq)) {
      return;
    }
    const std::uint32_t place = count_ < 2 ? count_++ : (before(at_[0], at_[1]) ? 0 : 1);
    at_[place] = seq;
  }

 private:
  std::uint32_t* at_;
  std::uint32_t& count_;
};

// nf_nat_ftp_fmt_cmd.
std::string command_text(const Command& command, const Address& address, std::uint16_t port) {
  const auto b = address.bytes();
  if (!command.extended) {
    return fmt::format("{},{},{},{},{},{}", b[0], b[1], b[2], b[3], port >> 8, port & 0xffU);
  }
  if (command.address.family() == Family::kNone) {
    return fmt::format("|||{}|", port);
  }
  if (address.is_v4()) {
    return fmt::format("|1|{}|{}|", to_string(address), port);
  }
  std::string groups;
  for (std::size_t i = 0; i < b.size(); i += 2) {
    groups += fmt::format("{}{:02x}{:02x}", i == 0 ? "" : ":", b[i], b[i + 1]);
  }
  return fmt::format("|2|{}|{}|", groups, port);
}

// nf_nat_ftp: the address as the other side knows it, and a port that is free there.
bool announce_translated(HelperPacket& packet, const Command& command, const Announcement& a) {
  const std::uint16_t port = packet.announce_translated(
      a, packet.direction == Direction::kOriginal ? Direction::kReply : Direction::kOriginal);
  if (port == 0) {
    return false;
  }
  Command written = command;
  if (packet.direction == Direction::kReply && command.extended) {
    written.address = Address();  // EPSV names no address
  }
  packet.nat.replace(command.offset, command.length, command_text(written, a.dst, port));
  return true;
}

// True: go on; false: drop.
bool announce(HelperPacket& packet, const Command& command) {
  const Tuple own = packet.own();
  if (command.address != own.src) {
    return true;  // the module's default: nobody announces for others
  }
  const Tuple other = packet.other();
  Announcement a;
  a.src = other.src;
  a.dst = other.dst;
  a.dst_port = command.port;
  a.protocol = protocol::kTcp;
  return packet.nat ? announce_translated(packet, command, a) : packet.announce(a);
}

}  // namespace

bool help_ftp(HelperPacket& packet) {
  if (!packet.established || packet.payload.empty() || !packet.complete) {
    return true;
  }
  const std::string_view text = as_text(packet.payload);
  const std::uint32_t end = packet.seq + static_cast<std::uint32_t>(text.size());
  if (Newlines(packet.memory(), packet.dir()).known(packet.seq)) {
    Command command;
    command.address = packet.own().src;
    Match found = Match::kNo;
    for (const Pattern& pattern : kPatterns[packet.dir()]) {
      found = match(text, pattern, command);
      if (found != Match::kNo) {
        break;
      }
    }
    if (found == Match::kPartial || (found == Match::kYes && !announce(packet, command))) {
      return false;
    }
  }
  if (text.back() == '\n') {
    Newlines(packet.memory(), packet.dir()).add(end);
  }
  return true;
}

}  // namespace natlens::conntrack
