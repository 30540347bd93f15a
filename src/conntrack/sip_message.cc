#include "sip_message.h"

#include <algorithm>

#include "text_scan.h"

namespace natlens::conntrack {
namespace {

constexpr std::string_view kVersion = "SIP/2.0 ";

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (is_space(text.back()) || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

// Is this line the header `name`, or its one-letter form? Gives what follows the colon.
std::optional<std::string_view> value_of(std::string_view line,
                                         std::string_view name,
                                         char compact) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const auto field = trim(line.substr(0, colon));
  const bool short_form = compact != 0 && field.size() == 1 && lower(field[0]) == compact;
  if (!short_form && !same_text(field, name)) {
    return std::nullopt;
  }
  return trim(line.substr(colon + 1));
}

// "sip:user@10.0.0.1:5060;..." behind "sip:": the host has to be an address.
std::optional<SipUri> read_uri(std::string_view text) {
  const auto end = text.find_first_of(">;, \t\r\n");
  const auto at = text.substr(0, end).find('@');
  if (at != std::string_view::npos) {
    text.remove_prefix(at + 1);
  }
  std::string_view host;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) {
      return std::nullopt;
    }
    host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
  } else {
    host = text.substr(0, text.find_first_of(":>;, \t\r\n"));
    text.remove_prefix(host.size());
  }
  const auto address = Address::parse(host);
  if (!address) {
    return std::nullopt;
  }
  SipUri uri;
  uri.address = *address;
  if (!text.empty() && text.front() == ':') {
    text.remove_prefix(1);
    const std::uint32_t port = take_number(text);
    if (port < 1024 || port > 65535) {
      return std::nullopt;
    }
    uri.port = static_cast<std::uint16_t>(port);
  }
  uri.rest = text;
  return uri;
}

}  // namespace

std::uint32_t SipMessage::status_code() const {
  auto rest = text_.substr(std::min(kVersion.size(), text_.size()));
  return take_number(rest);
}

std::string_view SipMessage::method() const {
  return text_.substr(0, text_.find(' '));
}

std::optional<std::string_view> SipMessage::header(std::string_view name,
                                                   char compact,
                                                   std::size_t& next) const {
  while (next < text_.size()) {
    const auto end = std::min(text_.find('\n', next), text_.size());
    const auto line = text_.substr(next, end - next);
    next = end + 1;
    if (trim(line).empty()) {
      break;  // the headers end
    }
    if (const auto value = value_of(line, name, compact)) {
      return value;
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> SipMessage::sequence(std::string_view* named) const {
  std::size_t next = 0;
  auto value = header("CSeq", 0, next);
  if (!value || value->empty() || !is_digit(value->front())) {
    return std::nullopt;
  }
  const std::uint32_t number = take_number(*value);
  if (named != nullptr) {
    *named = trim(*value);
  }
  return number;
}

std::optional<std::uint32_t> SipMessage::expires() const {
  std::size_t next = 0;
  auto value = header("Expires", 0, next);
  if (!value || value->empty() || !is_digit(value->front())) {
    return std::nullopt;
  }
  return take_number(*value);
}

std::optional<SipUri> SipMessage::contact(std::size_t& next, bool& found_header) const {
  const auto value = header("Contact", 'm', next);
  found_header = value.has_value();
  if (!value) {
    return std::nullopt;
  }
  const auto at = value->find("sip:");
  return at == std::string_view::npos ? std::nullopt : read_uri(value->substr(at + 4));
}

std::string_view SipMessage::body() const {
  const auto crlf = text_.find("\r\n\r\n");
  const auto lf = text_.find("\n\n");
  if (crlf == std::string_view::npos && lf == std::string_view::npos) {
    return {};
  }
  return crlf < lf ? text_.substr(crlf + 4) : text_.substr(lf + 2);
}

std::optional<std::uint32_t> sip_number_parameter(std::string_view rest,
                                                  std::string_view name) {
  rest = rest.substr(0, rest.find(','));
  const auto at = rest.find(name);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  rest.remove_prefix(at + name.size());
  return take_number(rest);
}

std::optional<std::uint8_t> sip_transport(std::string_view rest) {
  constexpr std::string_view kName = "transport=";
  const auto at = rest.substr(0, rest.find(',')).find(kName);
  if (at == std::string_view::npos) {
    return protocol::kUdp;
  }
  rest.remove_prefix(at + kName.size());
  const auto value = rest.substr(0, rest.find_first_of(";>, \t\r\n"));
  if (same_text(value, "udp")) {
    return protocol::kUdp;
  }
  if (same_text(value, "tcp")) {
    return protocol::kTcp;
  }
  return std::nullopt;
}

}  // namespace natlens::conntrack
