// Rewriting SIP messages for NAT (nf_nat_sip.c): wherever the message names an end of the
// connection as one side knows it, it gets the name that the other side knows.
#pragma once

#include <cstdint>
#include <string_view>

#include "helper.h"

namespace natlens::conntrack {

class SipNat {
 public:
  // `text` is the whole payload, that edits count from.
  SipNat(HelperPacket& packet, std::string_view text)
      : packet_(packet), text_(text), own_(packet.own()), other_(packet.other()) {}

  // Request line, Via, From, To, Contact.
  void headers(bool request);
  // The port of a media line, and the addresses of the session; `at` is a view into the text.
  void media_port(std::string_view at, std::uint16_t port);
  void session_addresses();
  // Content-Length, once everything else is done; puts the edits in order.
  void finish();
  // The address that the other side knows for the announcing end.
  Address media_address() const { return other_.dst; }

 private:
  bool replacement(const Address& address, std::uint16_t port, std::string& out) const;
  void end_at(std::string_view host_and_port);
  void uri_in(std::string_view value);
  void replace(std::string_view at, std::string text);

  HelperPacket& packet_;
  std::string_view text_;
  Tuple own_;
  Tuple other_;
};

}  // namespace natlens::conntrack
