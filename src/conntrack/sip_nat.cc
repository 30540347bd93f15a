#include "sip_nat.h"

#include <algorithm>

#include <fmt/format.h>

#include "sip_message.h"
#include "text_scan.h"

namespace natlens::conntrack {
namespace {

constexpr std::uint16_t kUsualPort = 5060;

struct HeaderName {
  std::string_view name;
  char compact;
};
constexpr auto kAddressHeaders =
    std::to_array<HeaderName>({{"From", 'f'}, {"To", 't'}, {"Contact", 'm'}});

// "10.0.0.1" or "[2001:db8::1]" with or without ":5060" at the start of `text`.
struct HostPort {
  std::string_view whole;
  Address address;
  std::uint16_t port = kUsualPort;
};

bool read_host_port(std::string_view text, HostPort& out) {
  std::string_view rest = text;
  std::string_view host;
  if (!rest.empty() && rest.front() == '[') {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) {
      return false;
    }
    host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
  } else {
    host = rest.substr(0, rest.find_first_of(":>;, \t\r\n"));
    rest.remove_prefix(host.size());
  }
  const auto address = Address::parse(host);
  if (!address) {
    return false;
  }
  out.address = *address;
  if (rest.size() > 1 && rest.front() == ':' && is_digit(rest[1])) {
    rest.remove_prefix(1);
    out.port = static_cast<std::uint16_t>(take_number(rest));
  }
  out.whole = text.substr(0, text.size() - rest.size());
  return true;
}

std::string written(const Address& address) {
  return address.is_v6() ? fmt::format("[{}]", to_string(address)) : to_string(address);
}

}  // namespace

void SipNat::replace(std::string_view at, std::string text) {
  if (at != text) {
    packet_.nat.replace(static_cast<std::size_t>(at.data() - text_.data()), at.size(),
                        std::move(text));
  }
}

// map_addr: the sender's end becomes what the receiver knows, and the other way round.
bool SipNat::replacement(const Address& address, std::uint16_t port, std::string& out) const {
  Address to;
  std::uint16_t to_port = 0;
  if (address == own_.src && port == own_.src_port) {
    to = other_.dst;
    to_port = other_.dst_port;
  } else if (address == own_.dst && port == own_.dst_port) {
    to = other_.src;
    to_port = other_.src_port;
  } else {
    return false;
  }
  if (to == address && to_port == port) {
    return false;
  }
  out = fmt::format("{}:{}", written(to), to_port);
  return true;
}

void SipNat::end_at(std::string_view host_and_port) {
  HostPort end;
  std::string text;
  if (read_host_port(host_and_port, end) && replacement(end.address, end.port, text)) {
    replace(end.whole, std::move(text));
  }
}

void SipNat::uri_in(std::string_view value) {
  const auto scheme = value.find("sip:");
  if (scheme == std::string_view::npos) {
    return;
  }
  auto rest = value.substr(scheme + 4);
  const auto user = rest.substr(0, rest.find_first_of(">;, \t\r\n")).find('@');
  end_at(user == std::string_view::npos ? rest : rest.substr(user + 1));
}

void SipNat::headers(bool request) {
  const SipMessage message(text_);
  if (request) {
    uri_in(text_.substr(0, text_.find('\n')));
  }
  std::size_t next = 0;
  if (const auto via = message.header("Via", 'v', next)) {
    const auto space = via->find(' ');
    if (space != std::string_view::npos) {
      end_at(via->substr(space + 1));
    }
  }
  for (const HeaderName& header : kAddressHeaders) {
    next = 0;
    while (const auto value = message.header(header.name, header.compact, next)) {
      uri_in(*value);
      if (header.name != "Contact") {
        break;
      }
    }
  }
}

void SipNat::media_port(std::string_view at, std::uint16_t port) {
  replace(at, std::to_string(port));
}

// Owner and connection lines; every one that names the announcing end.
void SipNat::session_addresses() {
  const auto body = SipMessage(text_).body();
  for (std::size_t at = 0; at < body.size();) {
    const auto end = std::min(body.find('\n', at), body.size());
    const auto line = body.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with("o=") && !line.starts_with("c=")) {
      continue;
    }
    const auto key = line.find(own_.src.is_v4() ? "IN IP4 " : "IN IP6 ");
    if (key == std::string_view::npos) {
      continue;
    }
    auto address = line.substr(key + 7);
    address = address.substr(0, address.find_first_of(" /\r"));
    if (const auto parsed = Address::parse(address); parsed && *parsed == own_.src) {
      replace(address, to_string(media_address()));
    }
  }
}

void SipNat::finish() {
  auto& edits = *packet_.nat.edits;
  const auto body = SipMessage(text_).body();
  const auto body_at =
      body.empty() ? text_.size() : static_cast<std::size_t>(body.data() - text_.data());
  std::int64_t size = static_cast<std::int64_t>(body.size());
  for (const PayloadEdit& edit : edits) {
    if (edit.offset >= body_at) {
      size += static_cast<std::int64_t>(edit.text.size()) - edit.length;
    }
  }
  std::size_t next = 0;
  const auto length = SipMessage(text_).header("Content-Length", 'l', next);
  if (length && size != static_cast<std::int64_t>(body.size())) {
    replace(*length, std::to_string(size));
  }
  std::sort(edits.begin(), edits.end(),
            [](const PayloadEdit& a, const PayloadEdit& b) { return a.offset < b.offset; });
}

}  // namespace natlens::conntrack
