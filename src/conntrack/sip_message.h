// Reading SIP (RFC 3261) and SDP (RFC 4566) as far as the helper needs it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "natlens/net/address.h"

namespace natlens::conntrack {

struct SipUri {
  Address address;
  std::uint16_t port = 5060;
  std::string_view rest;  // of the header's line, behind host and port
};

// One SIP message. Views into its text.
class SipMessage {
 public:
  explicit SipMessage(std::string_view text) : text_(text) {}

  std::uint32_t status_code() const;  // of a response; 0: unreadable
  std::string_view method() const;    // of a request: the first word
  // The value of the first header of this name (or one-letter form) from `from` on, without
  // white space around it; `next` is set behind its line.
  std::optional<std::string_view> header(std::string_view name,
                                         char compact,
                                         std::size_t& next) const;
  // "CSeq: 1 INVITE": number, and the method named behind it.
  std::optional<std::uint32_t> sequence(std::string_view* method = nullptr) const;
  std::optional<std::uint32_t> expires() const;
  // The address of the first URI in a Contact header from `next` on. Nothing: no such header,
  // or a name instead of an address.
  std::optional<SipUri> contact(std::size_t& next, bool& found_header) const;
  // The session description behind the headers; "" = none.
  std::string_view body() const;

 private:
  std::string_view text_;
};

// "expires=3600" and "transport=tcp" among the parameters behind a URI.
std::optional<std::uint32_t> sip_number_parameter(std::string_view rest, std::string_view name);
// 17 without a transport parameter; nothing for one that is neither udp nor tcp.
std::optional<std::uint8_t> sip_transport(std::string_view rest);

}  // namespace natlens::conntrack
