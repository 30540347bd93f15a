// IRC (nf_conntrack_irc.c): "PRIVMSG bob :\1DCC SEND file 167772161 40001 1000\1" from the
// client announces a connection from anywhere to the client's address and port.
#include <array>

#include <fmt/format.h>

#include "helper.h"
#include "text_scan.h"

namespace natlens::conntrack {
namespace {

constexpr auto kCommands =
    std::to_array<std::string_view>({"SEND ", "CHAT ", "MOVE ", "TSEND ", "SCHAT "});
constexpr std::size_t kShortestOffer = 12;    // "AAAAAAAA P\1\n"
constexpr std::size_t kShortestMessage = 26;  // " :\1DCC CHAT t AAAAAAAA P\1\n"

struct Offer {
  std::uint32_t address = 0;
  std::uint32_t port = 0;
  // Where in the text address and port stand.
  std::size_t offset = 0;
  std::size_t length = 0;
};

// Behind the command: a name, the address as a decimal number, the port; in one line.
bool read_offer(std::string_view text, Offer& offer) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos || text.size() - space < kShortestOffer) {
    return false;
  }
  text.remove_prefix(space + 1);
  const std::size_t before = text.size();
  offer.offset = space + 1;
  if (text.find('\n') == std::string_view::npos) {
    return false;
  }
  offer.address = take_number(text);
  while (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
  }
  offer.port = take_number(text) & 0xffffU;
  offer.length = before - text.size();
  return true;
}

// True: go on; false: drop.
bool announce(HelperPacket& packet, const Offer& offer) {
  Announcement a;
  a.dst = packet.other().dst;
  a.dst_port = static_cast<std::uint16_t>(offer.port);
  a.protocol = protocol::kTcp;
  if (!packet.nat) {
    return packet.announce(a);
  }
  const std::uint16_t port = packet.announce_translated(a, Direction::kReply);
  if (port != 0) {
    packet.nat.replace(offer.offset, offer.length,
                       fmt::format("{} {}", a.dst.v4_host_order(), port));
  }
  return port != 0;
}

bool is_own(const HelperPacket& packet, const Offer& offer) {
  const Address address = Address::v4(offer.address);
  return offer.port != 0 && (packet.own().src == address || packet.other().dst == address);
}

}  // namespace

bool help_irc(HelperPacket& packet) {
  if (packet.direction == Direction::kReply || !packet.established || packet.payload.empty()) {
    return true;
  }
  std::string_view text = as_text(packet.payload);
  while (!text.empty() && (text.front() == ' ' || (text.front() >= 9 && text.front() <= 13))) {
    text.remove_prefix(1);
  }
  constexpr std::string_view kMessage = "PRIVMSG ";
  if (text.size() < kMessage.size() + 2 || !begins_with(text, kMessage)) {
    return true;
  }
  text.remove_prefix(kMessage.size());
  const auto start = text.find(" :");
  constexpr std::string_view kDcc = "\1DCC ";
  if (start == std::string_view::npos || text.size() - start < kShortestMessage ||
      text.substr(start + 2, kDcc.size()) != kDcc) {
    return true;
  }
  text.remove_prefix(start + 2 + kDcc.size());
  for (const std::string_view command : kCommands) {
    if (!text.starts_with(command)) {
      continue;
    }
    Offer offer;
    if (read_offer(text.substr(command.size()), offer) && is_own(packet, offer)) {
      offer.offset += packet.payload.size() - text.size() + command.size();
      return announce(packet, offer);
    }
  }
  return true;
}

}  // namespace natlens::conntrack
