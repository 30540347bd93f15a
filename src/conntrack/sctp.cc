// SCTP (nf_conntrack_proto_sctp.c): associations followed chunk by chunk, held together by
// their verification tags. vtag[d] is the tag that packets of direction d carry: the other end
// chose it.
#include <bitset>

#include "protocols.h"

namespace natlens::conntrack {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kChunkHeaderBytes = 4;
constexpr std::size_t kInitBytes = 16;  // of INIT and INIT-ACK, after the chunk header

enum ChunkType : std::uint8_t {
  kData = 0,
  kInit = 1,
  kInitAck = 2,
  kHeartbeat = 4,
  kHeartbeatAck = 5,
  kAbort = 6,
  kShutdown = 7,
  kShutdownAck = 8,
  kError = 9,
  kCookieEcho = 10,
  kCookieAck = 11,
  kShutdownComplete = 14,
};

enum class Step : std::uint8_t { NO, CL, CW, CE, ES, SS, SR, SA, HS, IV };
using enum Step;
using Row = std::array<Step, static_cast<std::size_t>(SctpState::kCount)>;

struct ChunkRows {
  ChunkType type;
  Row original;
  Row reply;
};
// clang-format off
// Columns: NO  CL  CW  CE  ES  SS  SR  SA  HS; the letters are those of SctpState's names.
constexpr auto kSteps = std::to_array<ChunkRows>({
  {kInit,             {CL, CL, CW, CE, ES, CL, CL, SA, CW}, {IV, CL, CW, CE, ES, SS, SR, SA, IV}},
  {kInitAck,          {CL, CL, CW, CE, ES, SS, SR, SA, CL}, {IV, CW, CW, CE, ES, SS, SR, SA, IV}},
  {kAbort,            {CL, CL, CL, CL, CL, CL, CL, CL, CL}, {IV, CL, CL, CL, CL, CL, CL, CL, IV}},
  {kShutdown,         {CL, CL, CW, CE, SS, SS, SR, SA, CL}, {IV, CL, CW, CE, SR, SS, SR, SA, IV}},
  {kShutdownAck,      {SA, CL, CW, CE, ES, SA, SA, SA, SA}, {IV, CL, CW, CE, ES, SA, SA, SA, IV}},
  {kError,            {CL, CL, CW, CE, ES, SS, SR, SA, CL}, {IV, CL, CW, CL, ES, SS, SR, SA, IV}},
  {kCookieEcho,       {CL, CL, CE, CE, ES, SS, SR, SA, CL}, {IV, CL, CE, CE, ES, SS, SR, SA, IV}},
  {kCookieAck,        {CL, CL, CW, ES, ES, SS, SR, SA, CL}, {IV, CL, CW, ES, ES, SS, SR, SA, IV}},
  {kShutdownComplete, {CL, CL, CW, CE, ES, SS, SR, CL, CL}, {IV, CL, CW, CE, ES, SS, SR, CL, IV}},
  {kHeartbeat,        {HS, CL, CW, CE, ES, SS, SR, SA, HS}, {IV, CL, CW, CE, ES, SS, SR, SA, HS}},
  {kHeartbeatAck,     {CL, CL, CW, CE, ES, SS, SR, SA, HS}, {IV, CL, CW, CE, ES, SS, SR, SA, ES}},
});
// clang-format on

// DATA, SACK and other chunks keep the state.
Step step_of(unsigned direction, SctpState from, std::uint8_t type) {
  for (const ChunkRows& rows : kSteps) {
    if (rows.type == type) {
      return (direction == 0 ? rows.original : rows.reply)[static_cast<std::size_t>(from)];
    }
  }
  return static_cast<Step>(from);
}

struct Chunk {
  std::uint8_t type = 0;
  bool t_flag = false;
  std::uint16_t length = 0;
  ByteView rest;  // behind the chunk header, to the packet's end
};

// Walks the chunks; a false answer of visit(chunk, index) ends the walk and is returned.
template <typename Visit>
bool for_each_chunk(ByteView packet, Visit visit) {
  std::size_t offset = kHeaderBytes;
  for (std::size_t i = 0; offset + kChunkHeaderBytes <= packet.size(); ++i) {
    Chunk chunk;
    chunk.type = packet[offset];
    chunk.t_flag = (packet[offset + 1] & 1U) != 0;
    chunk.length = load_be16(packet, offset + 2);
    chunk.rest = packet.subspan(offset + kChunkHeaderBytes);
    if (!visit(chunk, i)) {
      return false;
    }
    offset += (chunk.length + 3U) & ~3U;
  }
  return true;
}

using Present = std::bitset<256>;

// do_basic_checks: what may stand beside what.
bool chunks_in_order(ByteView packet, Present& present) {
  std::size_t count = 0;
  bool alone = false;
  const bool fine = for_each_chunk(packet, [&](const Chunk& chunk, std::size_t i) {
    alone = alone || chunk.type == kInit || chunk.type == kInitAck ||
            chunk.type == kShutdownComplete;
    const bool first_only = alone || chunk.type == kCookieAck || chunk.type == kCookieEcho;
    if ((first_only && i != 0) || chunk.length == 0) {
      return false;
    }
    present.set(chunk.type);
    count = i + 1;
    return true;
  });
  return fine && count != 0;
}

bool init_tag(const Chunk& chunk, std::uint32_t& tag) {
  if (chunk.rest.size() < kInitBytes) {
    return false;
  }
  tag = load_be32(chunk.rest, 0);
  return true;
}

// One packet's way over its chunks.
class Association {
 public:
  Association(Track& track, const Present& present)
      : track_(track),
        sctp_(track.entry.sctp),
        present_(present),
        tag_(load_be32(track.bytes(), 4)),
        d_(track.dir()),
        other_(1 - d_) {}

  // First packet (sctp_new).
  bool start(const Chunk& chunk) {
    if (step_of(0, SctpState::kNone, chunk.type) == NO) {
      return false;
    }
    if (chunk.type == kInit) {
      return tag_ == 0 && init_tag(chunk, sctp_.vtag[1]);
    }
    if (chunk.type == kHeartbeat) {
      sctp_.vtag[0] = tag_;
    } else if (chunk.type == kShutdownAck) {
      sctp_.vtag[1] = tag_;  // a SHUTDOWN-COMPLETE will come back, RFC 9260 8.4
    }
    return true;
  }

  // RFC 9260 8.5: chunks that have rules of their own apart, the tag must be the right one.
  bool tag_matches() const {
    for (const ChunkType type : {kInit, kShutdownComplete, kCookieEcho, kAbort, kShutdownAck,
                                 kHeartbeat, kHeartbeatAck}) {
      if (present_.test(type)) {
        return true;
      }
    }
    return tag_ == sctp_.vtag[d_];
  }

  // False: INVALID, for `reason()`; what earlier chunks changed stays.
  bool take(const Chunk& chunk) {
    reason_ = InvalidReason::kBadTag;
    bool skip = false;
    if (!check_tag(chunk, skip)) {
      return false;
    }
    if (skip) {
      return true;
    }
    const auto old_state = static_cast<SctpState>(track_.entry.state);
    const Step step = step_of(d_, old_state, chunk.type);
    if (step == IV) {
      reason_ = InvalidReason::kBadState;
      return false;
    }
    const auto new_state = static_cast<SctpState>(step);
    if ((chunk.type == kInit && !take_init(chunk, old_state, new_state)) ||
        (chunk.type == kInitAck && !take_init_ack(chunk))) {
      return false;
    }
    track_.entry.state = static_cast<std::uint8_t>(new_state);
    if (new_state != old_state) {
      track_.changes.proto_info = true;
      if (new_state == SctpState::kEstablished) {
        track_.assure();
      }
    }
    return true;
  }

  InvalidReason reason() const { return reason_; }
  bool refreshes() const { return !ignore_; }

 private:
  bool check_tag(const Chunk& chunk, bool& skip) {
    switch (chunk.type) {
      case kInit:
        return tag_ == 0;
      case kAbort:
      case kShutdownComplete:
        return tag_ == sctp_.vtag[chunk.t_flag ? other_ : d_];
      case kCookieEcho:
        return tag_ == sctp_.vtag[d_];
      case kCookieAck:
        sctp_.init_seen = {};
        return true;
      case kHeartbeat:
        return heartbeat(skip);
      case kHeartbeatAck:
        return heartbeat_ack();
      default:
        return true;
    }
  }

  // A heartbeat with an unknown tag may come from a new path: let through, its answer decides.
  bool heartbeat(bool& skip) {
    if (sctp_.vtag[d_] == 0) {
      sctp_.vtag[d_] = tag_;
    } else if (tag_ == sctp_.vtag[d_]) {
      sctp_.heartbeat_failed = 0;
    } else {
      if (present_.test(kData) || ignore_) {
        return false;
      }
      sctp_.heartbeat_failed = 1;
      sctp_.heartbeat_failed_direction = static_cast<std::uint8_t>(d_);
      ignore_ = skip = true;
    }
    return true;
  }

  bool heartbeat_ack() {
    if (sctp_.vtag[d_] == 0) {
      sctp_.vtag[d_] = tag_;
    } else if (tag_ == sctp_.vtag[d_]) {
      sctp_.heartbeat_failed = 0;
    } else {
      if (present_.test(kData) || ignore_ || sctp_.heartbeat_failed == 0 ||
          sctp_.heartbeat_failed_direction == d_) {
        return false;
      }
      sctp_.heartbeat_failed = 0;
      sctp_.vtag[d_] = tag_;
      sctp_.vtag[other_] = 0;
    }
    return true;
  }

  bool take_init(const Chunk& chunk, SctpState old_state, SctpState new_state) {
    std::uint32_t tag = 0;
    if (!init_tag(chunk, tag)) {
      reason_ = InvalidReason::kShortHeader;
      return false;
    }
    if (old_state == SctpState::kNone || sctp_.vtag[other_] != tag) {
      if (sctp_.init_seen[d_] != 0 && sctp_.init_seen[other_] != 0) {
        sctp_.init_seen[other_] = 0;
      }
      sctp_.init_seen[d_] = 1;
    }
    sctp_.vtag[other_] = tag;
    if (old_state == SctpState::kClosed && new_state == SctpState::kClosed &&
        !track_.is_first()) {
      ignore_ = true;
    }
    return true;
  }

  bool take_init_ack(const Chunk& chunk) {
    std::uint32_t tag = 0;
    if (!init_tag(chunk, tag)) {
      reason_ = InvalidReason::kShortHeader;
      return false;
    }
    const std::uint32_t known = sctp_.vtag[other_];
    const bool both = sctp_.init_seen[d_] != 0 && sctp_.init_seen[other_] != 0;
    if (track_.options.kernel.sctp_init_collision &&
        ((sctp_.init_seen[other_] == 0 && known != 0 && known != tag) ||
         (both && known != tag))) {
      return false;
    }
    sctp_.vtag[other_] = tag;
    return true;
  }

  Track& track_;
  SctpTrack& sctp_;
  const Present& present_;
  std::uint32_t tag_;
  unsigned d_;
  unsigned other_;
  InvalidReason reason_ = InvalidReason::kNone;
  bool ignore_ = false;  // accepted, not refreshed
};

// Out of the blue packets that never start anything (RFC 9260 8.4).
bool may_start(const Present& present) {
  return !present.test(kAbort) && !present.test(kShutdownComplete) && !present.test(kCookieAck);
}

}  // namespace

Outcome track_sctp(Track& track) {
  if (track.packet.transport.wire_bytes < kHeaderBytes) {
    return track.refuse(InvalidReason::kShortHeader);
  }
  if (track.checksums.enabled() && !track.checksums.acceptable_sctp(track.packet)) {
    return track.refuse(InvalidReason::kBadChecksum);
  }
  Present present;
  if (!chunks_in_order(track.bytes(), present)) {
    return track.refuse(InvalidReason::kBadChunks);
  }
  Association association(track, present);
  if (track.is_first()) {
    const auto start = [&](const Chunk& chunk, std::size_t) {
      return association.start(chunk);
    };
    if (!may_start(present) || !for_each_chunk(track.bytes(), start)) {
      return track.refuse(InvalidReason::kNotFirst);
    }
  }
  if (!association.tag_matches()) {
    return track.refuse(InvalidReason::kBadTag);
  }
  const auto take = [&](const Chunk& chunk, std::size_t) { return association.take(chunk); };
  if (!for_each_chunk(track.bytes(), take)) {
    return track.refuse(association.reason());
  }
  if (association.refreshes()) {
    track.refresh(track.options.sctp_timeout[track.entry.state]);
  }
  return Outcome::kAccept;
}

}  // namespace natlens::conntrack
