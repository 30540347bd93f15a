// PPTP (nf_conntrack_pptp.c, RFC 2637): a call that is established announces a GRE connection
// in each direction, keyed by the call ids of both ends; the first that comes cancels the
// other.
//
// The client is the PNS, the server the PAC. Memory: [0] session state, [1] call state, [2] the
// PNS' call id as the PAC knows it, [3] the PAC's, [4] the PNS' own: through NAT
// (nf_nat_pptp.c) the PAC gets to know the control connection's port outside in its place.
#include <string>

#include "helper.h"

namespace natlens::conntrack {
namespace {

constexpr std::size_t kPacketHeaderBytes = 8;
constexpr std::size_t kMessageAt = 12;  // behind the packet and the control header
constexpr std::uint16_t kControl = 1;
constexpr std::uint32_t kMagicCookie = 0x1a2b3c4d;
constexpr std::uint8_t kResultOk = 1;  // of every reply

enum Message : std::uint16_t {
  kStartRequest = 1,
  kStartReply,
  kStopRequest,
  kStopReply,
  kEchoRequest,
  kEchoReply,
  kOutCallRequest,
  kOutCallReply,
  kInCallRequest,
  kInCallReply,
  kInCallConnected,
  kClearRequest,
  kDisconnectNotify,
  kWanErrorNotify,
  kSetLinkInfo,
};
// Least bytes of each message behind the control header (pptp_msg_size).
constexpr std::array<std::size_t, 16> kMessageBytes{0,  144, 144, 4,  4, 0,   0,  156,
                                                    20, 208, 12,  16, 4, 136, 28, 12};

enum Session : std::uint32_t { kNoSession, kSessionError, kStopping, kRequested, kConfirmed };
enum Call : std::uint32_t {
  kNoCall,
  kCallError,
  kOutRequested,
  kOutConfirmed,
  kInRequested,
  kInReplied,
  kInConfirmed,
  kClearing
};

class Control {
 public:
  Control(HelperPacket& packet, ByteView message)
      : packet_(packet),
        message_(message),
        session_(packet.memory()[0]),
        call_(packet.memory()[1]),
        pns_(packet.memory()[2]),
        pac_(packet.memory()[3]),
        pns_inside_(packet.memory()[4]) {}

  void from_client(std::uint16_t type) {
    switch (type) {
      case kStartRequest:
        if (session_ == kNoSession) session_ = kRequested;
        break;
      case kStopRequest:
        session_ = kStopping;
        break;
      case kOutCallRequest:
        if (session_ == kConfirmed) {
          call_ = kOutRequested;
          pns_ = pns_inside_ = word(0);
          if (packet_.nat) {
            pns_ = packet_.table.reply_of(packet_.table[packet_.record]).dst_port;
            replace(0, pns_);
          }
        }
        break;
      case kInCallReply:
        if ((call_ == kInRequested || call_ == kInReplied) && pac_ == word(2)) {
          call_ = result(4) == kResultOk ? kInReplied : kNoCall;
          pns_ = call_ == kInReplied ? word(0) : pns_;
          replace(0, pns_);
        }
        break;
      case kClearRequest:
        if (session_ == kConfirmed) {
          call_ = kClearing;
          replace(0, pns_);
        }
        break;
      default:
        break;
    }
  }

  void from_server(std::uint16_t type) {
    switch (type) {
      case kStartReply:
        if (session_ >= kRequested)
          session_ = result(2) == kResultOk ? kConfirmed : kSessionError;
        break;
      case kStopReply:
        if (session_ <= kStopping)
          session_ = result(0) == kResultOk ? kNoSession : kSessionError;
        break;
      case kOutCallReply:
        out_call_reply();
        break;
      case kInCallRequest:
        if (session_ == kConfirmed) {
          call_ = kInRequested;
          pac_ = word(0);
        }
        break;
      case kInCallConnected:
        if (session_ == kConfirmed && (call_ == kInReplied || call_ == kInConfirmed) &&
            pns_ == word(0)) {
          call_ = kInConfirmed;
          expect_gre();
          replace(0, pns_inside_);
        }
        break;
      case kDisconnectNotify:
        call_ = kNoCall;
        end_call();
        replace(0, pns_inside_);
        break;
      case kWanErrorNotify:
      case kSetLinkInfo:
        replace(0, pns_inside_);
        break;
      default:
        break;
    }
  }

 private:
  std::uint16_t word(std::size_t at) const { return load_be16(message_, at); }
  std::uint8_t result(std::size_t at) const { return message_[at]; }

  void out_call_reply() {
    if (session_ != kConfirmed || (call_ != kOutRequested && call_ != kOutConfirmed) ||
        pns_ != word(2)) {
      return;
    }
    call_ = kNoCall;
    if (result(4) == kResultOk) {
      call_ = kOutConfirmed;
      pac_ = word(0);
      expect_gre();
    }
    replace(2, pns_inside_);
  }

  // Puts a call id into the message, if the connection is translated.
  void replace(std::size_t at, std::uint32_t call_id) const {
    if (!packet_.nat) {
      return;
    }
    const std::string bytes{static_cast<char>(call_id >> 8), static_cast<char>(call_id)};
    packet_.nat.replace(kMessageAt + at, bytes.size(), bytes);
  }

  // The GRE tuple of a direction: keys are the ids of the sender and of the receiver.
  Tuple call_tuple(unsigned direction) const {
    const Entry& entry = packet_.table[packet_.record];
    Tuple tuple = direction == 0 ? entry.original : packet_.table.reply_of(entry);
    tuple.protocol = protocol::kGre;
    tuple.src_port = static_cast<std::uint16_t>(direction == 0 ? pns_ : pac_);
    tuple.dst_port = static_cast<std::uint16_t>(direction == 0 ? pac_ : pns_);
    return tuple;
  }

  // Through NAT the PNS' packets come from another call id outside, and the PAC's go to it.
  bool announce(const Tuple& tuple, const Tuple& sibling, Direction direction) {
    Announcement a;
    a.src = tuple.src;
    a.src_port = tuple.src_port;
    a.any_src_port = false;
    a.dst = tuple.dst;
    a.dst_port = tuple.dst_port;
    a.protocol = protocol::kGre;
    a.sibling = sibling;
    if (packet_.nat) {
      a.follows = true;
      a.follow_direction = direction;
      // Linux looks for the other one under a name that it does not have (6.18).
      if (direction == Direction::kReply) a.sibling = {};
      a.saves_source = direction == Direction::kOriginal;
      a.saved_port = static_cast<std::uint16_t>(a.saves_source ? pns_ : pns_inside_);
    }
    return packet_.announce(a);
  }

  void expect_gre() {
    Tuple original = call_tuple(0);
    if (packet_.nat) {
      original.src_port = static_cast<std::uint16_t>(pns_inside_);
    }
    const Tuple reply = call_tuple(1);
    const Entry& entry = packet_.table[packet_.record];
    if (!announce(original, reply, Direction::kOriginal)) {
      return;
    }
    const bool both = announce(reply, original, Direction::kReply);
    if (both && packet_.gre_keys.add(entry.serial, 0, original) &&
        packet_.gre_keys.add(entry.serial, 1, reply)) {
      return;
    }
    if (both) {
      packet_.expectations.cancel(reply, entry.zone);
    }
    packet_.expectations.cancel(original, entry.zone);
  }

  // pptp_destroy_siblings: the call's GRE connection, or what is left of its expectations.
  void end_call() {
    const Entry& entry = packet_.table[packet_.record];
    packet_.gre_keys.remove_of(entry.serial);
    for (unsigned d = 0; d < 2; ++d) {
      const Tuple tuple = call_tuple(d);
      if (!packet_.expectations.cancel(tuple, entry.zone)) {
        packet_.ended.push_back(tuple);
      }
    }
  }

  HelperPacket& packet_;
  ByteView message_;
  std::uint32_t& session_;
  std::uint32_t& call_;
  std::uint32_t& pns_;
  std::uint32_t& pac_;
  std::uint32_t& pns_inside_;
};

}  // namespace

bool help_pptp(HelperPacket& packet) {
  const ByteView bytes = packet.payload;
  if (!packet.established || bytes.size() < kMessageAt || load_be16(bytes, 2) != kControl ||
      load_be32(bytes, 4) != kMagicCookie) {
    return true;
  }
  const std::uint16_t type = load_be16(bytes, kPacketHeaderBytes);
  const ByteView message = bytes.subspan(kMessageAt);
  if (type >= kMessageBytes.size() || message.size() < kMessageBytes[type]) {
    return true;
  }
  Control control(packet, message);
  if (packet.direction == Direction::kOriginal) {
    control.from_client(type);
  } else {
    control.from_server(type);
  }
  return true;
}

}  // namespace natlens::conntrack
