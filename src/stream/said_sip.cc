// SIP (RFC 3261, RFC 3581) and the SDP in it (RFC 8866, RFC 8839): the ends that a caller
// names, and how its requests arrive at the other side.
#include "said.h"
#include "said_text.h"

namespace natlens::stream {
namespace {

std::string_view take_line(std::string_view& text) {
  const std::string_view line = take_until(text, "\n");
  take(text, '\n');
  return trimmed(line);
}

// The value of ";name=value" in header parameters; empty if it is not there.
std::string_view parameter(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(';'); at != std::string_view::npos; at = text.find(';')) {
    text.remove_prefix(at + 1);
    if (begins_with(text, name) && text.size() > name.size() && text[name.size()] == '=') {
      return text.substr(name.size() + 1,
                         text.find_first_of(";, ", name.size()) - name.size() - 1);
    }
  }
  return {};
}

// "SIP/2.0/UDP host:port;branch=...;received=address;rport=port"
void read_via(std::string_view value, Said& said) {
  take_until(value, " ");
  value = trimmed(value);
  const auto sender = read_host_port(trimmed(take_until(value, ";,")));
  if (!sender) return;
  Statement& via = said.add(StatementKind::kVia);
  via.named = sender->endpoint;
  set_text(via, sender->name);
  const auto received = Address::parse(parameter(value, "received"));
  std::string_view rport = parameter(value, "rport");
  const auto port = take_number(rport, 65535);
  if (!received && !port) return;
  Statement& arrived = said.add(StatementKind::kReceived);
  arrived.whose = sender->endpoint;
  arrived.named.address = received.value_or(sender->endpoint.address);
  arrived.named.port = static_cast<std::uint16_t>(port.value_or(0));
}

// "name <sip:user@host:port;transport=udp>;expires=60"
void read_contact(std::string_view value, Said& said) {
  std::size_t at = value.find("sip:");
  if (at == std::string_view::npos) return;
  value.remove_prefix(at + 4);
  std::string_view host = take_until(value, ">;, ");
  at = host.find('@');
  if (at != std::string_view::npos) host.remove_prefix(at + 1);
  const auto end = read_host_port(host);
  if (!end) return;
  Statement& contact = said.add(StatementKind::kContact);
  contact.named = end->endpoint;
  set_text(contact, end->name);
}

// "1 1 udp 2130706431 192.0.2.1 5000 typ srflx raddr 10.0.0.2 rport 5000"
void read_candidate(std::string_view value, Said& said) {
  std::array<std::string_view, 12> words;
  for (std::string_view& word : words) {
    word = take_until(value, " ");
    take(value, ' ');
  }
  if (words[7] != "srflx" || words[8] != "raddr" || words[10] != "rport") return;
  const auto mapped = Address::parse(words[4]);
  const auto local = Address::parse(words[9]);
  const auto mapped_port = take_number(words[5], 65535);
  const auto local_port = take_number(words[11], 65535);
  if (!mapped || !local || !mapped_port || !local_port) return;
  Statement& statement = said.add(StatementKind::kMapped);
  statement.named = {*mapped, static_cast<std::uint16_t>(*mapped_port)};
  statement.whose = {*local, static_cast<std::uint16_t>(*local_port)};
  statement.transport = begins_with(words[2], "tcp") ? protocol::kTcp : protocol::kUdp;
}

// "c=IN IP4 192.0.2.1"
std::optional<Address> read_connection(std::string_view line) {
  line.remove_prefix(std::min<std::size_t>(line.size(), 9));
  return Address::parse(take_until(line, "/ "));
}

// An address for all media stands before the first m= line, one for a single medium behind it;
// so the statement of a medium is completed when its own c= line comes.
void read_body(std::string_view text, Said& said) {
  Address session;
  Statement* medium = nullptr;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (begins_with(line, "c=in ip")) {
      const auto address = read_connection(line);
      if (address) (medium != nullptr ? medium->named.address : session) = *address;
    } else if (begins_with(line, "m=")) {
      const std::string_view kind = take_until(line, " ");
      take(line, ' ');
      const auto port = take_number(line, 65535);
      if (!port) continue;
      medium = &said.add(StatementKind::kMedia);
      medium->named = {session, static_cast<std::uint16_t>(*port)};
      medium->transport =
          line.find("TCP") != std::string_view::npos ? protocol::kTcp : protocol::kUdp;
      set_text(*medium, kind.substr(2));
    } else if (begins_with(line, "a=candidate:")) {
      read_candidate(line.substr(12), said);
    }
  }
}

// The length of the message's body; of a stream's without the header: 0.
std::size_t read_headers(std::string_view text, std::size_t rest, bool stream, Said& said) {
  std::size_t body = stream ? 0 : rest;
  take_line(text);
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string_view name = trimmed(take_until(line, ":"));
    if (!take(line, ':')) continue;
    const std::string_view value = trimmed(line);
    if (begins_with(name, "via") || name == "v" || name == "V") read_via(value, said);
    if (begins_with(name, "contact") || name == "m" || name == "M") read_contact(value, said);
    if (begins_with(name, "content-length") || name == "l" || name == "L") {
      std::string_view digits = value;
      if (const auto length = take_number(digits, 1 << 20)) body = *length;
    }
  }
  return body;
}

bool first_line_fits(std::string_view line) {
  return begins_with(line, "sip/2.0 ") ||
         (line.size() > 8 && begins_with(line.substr(line.size() - 8), " sip/2.0"));
}

}  // namespace

Reading read_sip(const Heard& heard, Said& said) {
  const std::string_view text = as_text(heard.bytes);
  // The second byte tells most other datagrams apart before anything is searched.
  if (text.size() > 1 && (text[1] < 'A' || text[1] > 'Z')) return Reading::no();
  const std::size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) return unfinished(heard);
  if (!first_line_fits(trimmed(text.substr(0, line_end)))) return Reading::no();
  const std::size_t blank = text.find("\r\n\r\n");
  if (blank == std::string_view::npos && heard.stream) return Reading::more();
  const std::size_t head = blank == std::string_view::npos ? text.size() : blank + 4;
  const std::size_t body =
      read_headers(text.substr(0, head), text.size() - head, heard.stream, said);
  if (heard.stream && text.size() - head < body) {
    said.clear();
    return Reading::more();
  }
  read_body(text.substr(head, body), said);
  return Reading::read(head + std::min(body, text.size() - head));
}

}  // namespace natlens::stream
