// SIP (nf_conntrack_sip.c): session descriptions announce RTP and RTCP, registrations announce
// calls from the registrar.
//
// The module's defaults: media come directly from the peer (sip_direct_media), calls from the
// registrar (sip_direct_signalling). Memory: [0] CSeq of the latest INVITE, [1] of the latest
// REGISTER.
#include <array>

#include "helper.h"
#include "sip_message.h"
#include "sip_nat.h"
#include "text_scan.h"

namespace natlens::conntrack {
namespace {

constexpr std::uint32_t kMasterSeconds = 3600;  // sip_timeout
constexpr std::size_t kShortest = std::string_view("SIP/2.0 200").size();

struct MediaType {
  std::string_view name;
  ExpectClass expect_class;
};
constexpr auto kMediaTypes = std::to_array<MediaType>({{"audio ", ExpectClass::kAudio},
                                                       {"video ", ExpectClass::kVideo},
                                                       {"image ", ExpectClass::kImage}});

// The address of "c=IN IP4 10.0.0.1" in `part`, if it is of the connection's family.
std::optional<Address> connection_address(std::string_view part, bool v4) {
  const std::string_view key = v4 ? "c=IN IP4 " : "c=IN IP6 ";
  for (std::size_t at = part.find(key); at != std::string_view::npos;
       at = part.find(key, at + 1)) {
    if (at == 0 || part[at - 1] == '\n' || part[at - 1] == '\r') {
      const auto rest = part.substr(at + key.size());
      return Address::parse(rest.substr(0, rest.find_first_of(" /\r\n")));
    }
  }
  return std::nullopt;
}

// Where the next "m=" line begins, at `from` or later; npos: none.
std::size_t next_media(std::string_view body, std::size_t from) {
  for (std::size_t at = body.find("m=", from); at != std::string_view::npos;
       at = body.find("m=", at + 1)) {
    if (at == 0 || body[at - 1] == '\n' || body[at - 1] == '\r') {
      return at;
    }
  }
  return std::string_view::npos;
}

class SipHelp {
 public:
  SipHelp(HelperPacket& packet, std::string_view text)
      : packet_(packet),
        message_(text),
        nat_(packet, text),
        own_(packet.own()),
        other_(packet.other()),
        invite_sequence_(packet.memory()[0]),
        register_sequence_(packet.memory()[1]) {}

  bool run();

 private:
  bool request();
  bool response();
  void flush(bool media) {
    bool done = false;
    packet_.expectations.cancel_of(packet_.record, [&](const Expectation& e) {
      const bool is_media = e.expect_class != ExpectClass::kDefault;
      const bool chosen = is_media == media && !done;
      done = done || (chosen && !media);  // one registration at a time
      return chosen;
    });
  }

  bool session();
  bool media_line(std::string_view part,
                  const std::optional<Address>& of_session,
                  unsigned& media);
  bool expect_media(const Address& address,
                    std::string_view digits,
                    std::uint16_t port,
                    ExpectClass expect_class);
  bool expect_translated(Announcement a, std::string_view digits, std::uint16_t port);
  bool announced_elsewhere(const Announcement& a) const;
  bool registration(std::uint32_t sequence);
  bool registered(std::uint32_t sequence, std::uint32_t code);

  HelperPacket& packet_;
  SipMessage message_;
  SipNat nat_;
  Tuple own_;
  Tuple other_;
  std::uint32_t& invite_sequence_;
  std::uint32_t& register_sequence_;
};

bool SipHelp::run() {
  const bool is_response = as_text(packet_.payload).starts_with("SIP/2.0 ");
  if (packet_.nat) {
    nat_.headers(!is_response);
  }
  if (!(is_response ? response() : request())) {
    return false;
  }
  if (packet_.nat) {
    nat_.finish();
  }
  return true;
}

bool SipHelp::request() {
  const auto method = message_.method();
  const auto is = [&](std::string_view name) { return same_text(method, name); };
  const bool with_session = is("INVITE") || is("UPDATE") || is("ACK") || is("PRACK");
  if (!with_session && !is("BYE") && !is("REGISTER")) {
    return true;
  }
  const auto sequence = message_.sequence();
  if (!sequence) {
    return false;
  }
  if (is("BYE")) {
    flush(true);
    return true;
  }
  if (is("REGISTER")) {
    return registration(*sequence);
  }
  if (is("INVITE")) {
    flush(true);
  }
  if (!session()) {
    return false;
  }
  if (is("INVITE")) {
    invite_sequence_ = *sequence;
  }
  return true;
}

bool SipHelp::response() {
  const std::uint32_t code = message_.status_code();
  std::string_view method;
  const auto sequence = message_.sequence(&method);
  if (code == 0 || !sequence) {
    return false;
  }
  if (begins_with(method, "REGISTER")) {
    return registered(*sequence, code);
  }
  if (!begins_with(method, "INVITE") && !begins_with(method, "UPDATE") &&
      !begins_with(method, "PRACK")) {
    return true;
  }
  if (code >= 100 && code <= 299) {
    return session();
  }
  if (invite_sequence_ == *sequence) {
    flush(true);
  }
  return true;
}

// The media lines of the session description. False: drop.
bool SipHelp::session() {
  const auto body = message_.body();
  if (!begins_with(body, "v=")) {
    return true;
  }
  std::size_t at = next_media(body, 0);
  const auto of_session = connection_address(body.substr(0, at), own_.src.is_v4());
  for (unsigned media = 0; media < kMediaTypes.size() && at != std::string_view::npos;) {
    const auto end = next_media(body, at + 2);
    const auto part = body.substr(at, end == std::string_view::npos ? end : end - at);
    if (!media_line(part, of_session, media)) {
      return false;
    }
    at = end;
  }
  if (packet_.nat) {
    nat_.session_addresses();
  }
  return true;
}

// One "m=audio 30000 ..." line with what follows up to the next.
bool SipHelp::media_line(std::string_view part,
                         const std::optional<Address>& of_session,
                         unsigned& media) {
  const auto line = part.substr(2);
  for (const MediaType& type : kMediaTypes) {
    if (!begins_with(line, type.name)) {
      continue;
    }
    const auto digits = line.substr(type.name.size());
    auto number = digits;
    const std::uint32_t port = take_number(number);
    if (port == 0) {
      return true;  // an inactive stream
    }
    const auto own_address = connection_address(part, own_.src.is_v4());
    const auto address = own_address ? own_address : of_session;
    if (port < 1024 || port > 65535 || !address) {
      return false;
    }
    ++media;
    return expect_media(*address, digits.substr(0, digits.size() - number.size()),
                        static_cast<std::uint16_t>(port), type.expect_class);
  }
  return true;
}

// Another call of the same helper may have announced the same media already.
bool SipHelp::announced_elsewhere(const Announcement& a) const {
  Tuple wanted;
  wanted.src = a.src;
  wanted.dst = a.dst;
  wanted.dst_port = a.dst_port;
  wanted.protocol = a.protocol;
  const Expectation* e = packet_.expectations.find(wanted, packet_.table[packet_.record].zone);
  return e != nullptr && e->master != packet_.record && e->helper == HelperKind::kSip &&
         e->expect_class == a.expect_class;
}

// nf_nat_sdp_media: a pair of ports that is free outside, from the announced one up.
bool SipHelp::expect_translated(Announcement a, std::string_view digits, std::uint16_t port) {
  a.follows = true;
  a.follow_direction =
      packet_.direction == Direction::kOriginal ? Direction::kReply : Direction::kOriginal;
  a.saved_dst = a.dst;
  a.dst = nat_.media_address();
  const std::uint16_t wanted = a.dst_port;
  for (std::uint32_t even = wanted; even < 65535; even += 2) {
    a.dst_port = static_cast<std::uint16_t>(even);
    a.saved_port = wanted;
    const Announced rtp = packet_.expectations.announce(packet_.record, a);
    if (rtp == Announced::kRefused) {
      continue;
    }
    Announcement control = a;
    control.dst_port = static_cast<std::uint16_t>(even + 1);
    control.saved_port = static_cast<std::uint16_t>(wanted + 1);
    if (packet_.expectations.announce(packet_.record, control) != Announced::kRefused) {
      nat_.media_port(digits, static_cast<std::uint16_t>(even | (port & 1U)));
      return true;
    }
    if (rtp == Announced::kMade) {
      packet_.expectations.cancel_of(packet_.record, [&](const Expectation& e) {
        return e.tuple.dst_port == a.dst_port && e.expect_class == a.expect_class;
      });
    }
  }
  return false;
}

// set_expected_rtp_rtcp: an even port for RTP, the next for RTCP. False: drop.
bool SipHelp::expect_media(const Address& address,
                           std::string_view digits,
                           std::uint16_t port,
                           ExpectClass expect_class) {
  if (address != own_.src) {
    return true;
  }
  Announcement a;
  a.src = other_.src;
  a.dst = address;
  a.dst_port = port;
  a.protocol = protocol::kUdp;
  a.expect_class = expect_class;
  a.any_master = true;
  if (announced_elsewhere(a)) {
    return true;
  }
  a.dst_port = static_cast<std::uint16_t>(port & ~1U);
  if (packet_.nat) {
    return expect_translated(a, digits, port);
  }
  const Announced rtp = packet_.expectations.announce(packet_.record, a);
  if (rtp == Announced::kRefused) {
    return false;
  }
  Announcement control = a;
  control.dst_port = static_cast<std::uint16_t>(a.dst_port + 1);
  if (packet_.expectations.announce(packet_.record, control) != Announced::kRefused) {
    return true;
  }
  if (rtp == Announced::kMade) {
    packet_.expectations.cancel_of(packet_.record, [&](const Expectation& e) {
      return e.tuple.dst_port == a.dst_port && e.expect_class == expect_class;
    });
  }
  return false;
}

bool SipHelp::registration(std::uint32_t sequence) {
  if (packet_.expected) {
    return true;  // expected connections cannot register again
  }
  std::size_t next = 0;
  bool has_contact = false;
  const auto uri = message_.contact(next, has_contact);
  if (!uri || uri->address != own_.src) {
    return true;  // no registrations for third parties
  }
  const auto transport = sip_transport(uri->rest);
  if (!transport) {
    return true;
  }
  const std::uint32_t seconds =
      sip_number_parameter(uri->rest, "expires=").value_or(message_.expires().value_or(0));
  if (seconds != 0) {
    Announcement a;
    a.src = other_.src;
    a.dst = uri->address;
    a.dst_port = uri->port;
    a.protocol = *transport;
    a.gives_helper = HelperKind::kSip;
    a.permanent = a.inactive = true;
    if (!packet_.announce(a)) {
      return false;
    }
  }
  register_sequence_ = sequence;
  return true;
}

bool SipHelp::registered(std::uint32_t sequence, std::uint32_t code) {
  if (register_sequence_ != sequence || (code >= 100 && code <= 199)) {
    return true;
  }
  const std::uint32_t usual = message_.expires().value_or(0);
  std::size_t next = 0;
  for (bool has_contact = code >= 200 && code <= 299; has_contact;) {
    const auto uri = message_.contact(next, has_contact);
    const auto transport = uri ? sip_transport(uri->rest) : std::nullopt;
    if (!uri || uri->address != own_.dst || !transport) {
      continue;
    }
    const std::uint32_t seconds = sip_number_parameter(uri->rest, "expires=").value_or(usual);
    if (seconds == 0) {
      break;
    }
    Tuple destination;
    destination.dst = uri->address;
    destination.dst_port = uri->port;
    destination.protocol = *transport;
    if (packet_.expectations.activate(packet_.record, destination, seconds)) {
      return true;
    }
  }
  flush(false);
  return true;
}

}  // namespace

bool help_sip(HelperPacket& packet) {
  const bool tcp = packet.protocol == protocol::kTcp;
  if ((tcp && !packet.established) || packet.payload.empty()) {
    return true;
  }
  packet.refresh_seconds = kMasterSeconds;
  if (packet.payload.size() < kShortest || !packet.complete) {
    return true;
  }
  SipHelp help(packet, as_text(packet.payload));
  return help.run();
}

}  // namespace natlens::conntrack
