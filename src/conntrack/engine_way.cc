// A router's part: between tracking and confirming, packets go through filter rules and NAT.
#include "engine.h"
#include "helper.h"
#include "tcp_segment.h"

namespace natlens::conntrack {
namespace {

// nf_nat_may_kill: a port may be taken from a connection that has ended.
bool may_evict(const Entry& old) {
  const auto state = static_cast<TcpState>(old.state);
  return (state == TcpState::kTimeWait || state == TcpState::kClose) &&
         old.has(status::kSrcNat) && !old.has(status::kFixedTimeout);
}

// Where an expected connection goes: as its master's translation says, mirrored.
Following following(const Expectation& met,
                    const Tuple& original,
                    const Entry& master,
                    const Tuple& master_reply) {
  const bool as_reply = met.follow_direction == Direction::kReply;
  const Tuple& same = as_reply ? master_reply : master.original;
  const Tuple& other = as_reply ? master.original : master_reply;
  Following out;
  out.follows = true;
  out.src = other.dst;
  out.dst = other.src;
  out.port = met.saved_port;
  out.port_is_source = met.saves_source;
  if (met.saved_dst.family() != Family::kNone) {  // SIP: media may come from anywhere
    out.src = original.src == same.src ? other.dst : original.src;
    out.dst = met.saved_dst;
  }
  return out;
}

}  // namespace

bool Engine::taken(const Tuple& tuple) const {
  LookupKey key;
  set_key(key, tuple, way_zone_);
  return static_cast<bool>(table_.find(key));
}

bool Engine::evict_closing(const Tuple& reply) {
  LookupKey key;
  set_key(key, reply, way_zone_);
  const auto found = table_.find(key);
  if (!found) {
    return true;
  }
  const Entry& old = table_[found.record];
  const auto state = static_cast<TcpState>(scratch_.state);
  if (found.direction == Direction::kOriginal || reply.protocol != protocol::kTcp ||
      state != TcpState::kSynSent || !may_evict(old) ||
      !after(scratch_.tcp.side[0].end, old.tcp.side[0].end)) {
    return false;
  }
  destroy(found.record, CloseReason::kReplaced, 0);
  return true;
}

bool Engine::forget(const Tuple& tuple, std::uint32_t zone) {
  LookupKey key;
  set_key(key, tuple, zone);
  const auto found = table_.find(key);
  if (found) {
    destroy(found.record, CloseReason::kReplaced, 0);
  }
  return static_cast<bool>(found);
}

// False: dropped by a rule. Gives the entry its reply tuple, status and helper.
bool Engine::pass_first(RecordNumber record,
                        const Prepared& prepared,
                        const Verdict& verdict,
                        const Expectation* met,
                        HelperKind& helper) {
  Passage passage(*prepared.packet, *this);
  const Entry& entry = table_[record];
  passage.zone = way_zone_ = entry.zone;
  passage.status = entry.status;
  passage.packet_class = verdict.packet_class;
  passage.original = entry.original;
  passage.reply = table_.reply_of(entry);
  if (met != nullptr && met->follows) {
    const Entry& master = table_[met->master];
    passage.following = following(*met, entry.original, master, table_.reply_of(master));
  }
  const Tuple plain = passage.reply;
  if (!way_->pass(passage)) {
    return false;
  }
  Entry& mine = table_[record];
  mine.set(passage.add_status);
  if (!(passage.reply == plain)) {
    table_.set_reply(record, passage.reply);
  }
  if (!passage.helper.empty() && !mine.has(status::kHelper)) {
    if (const HelperInfo* info = find_helper(passage.helper)) {
      helper = info->kind;
      mine.set(status::kHelper);
    }
  }
  return true;
}

bool Engine::pass_known(Entry& entry, const Packet& packet, const Verdict& verdict) {
  Passage passage(packet, *this);
  passage.connection = entry.serial;
  passage.zone = way_zone_ = entry.zone;
  passage.status = entry.status;
  passage.packet_class = verdict.packet_class;
  passage.direction = verdict.direction;
  passage.original = entry.original;
  passage.reply = table_.reply_of(entry);
  return way_->pass(passage);
}

// __nf_conntrack_confirm: a translated entry whose reply tuple is another one's cannot be told
// apart from it.
bool Engine::reply_taken(RecordNumber record) const {
  const Entry& entry = table_[record];
  LookupKey key;
  set_key(key, table_.reply_of(entry), entry.zone);
  key.zone_original = entry.zone_of(0);
  key.zone_reply = entry.zone_of(1);
  return static_cast<bool>(table_.find(key));
}

// What a helper replaced in a TCP segment shifts all that follows it.
void Engine::adjust(RecordNumber record, HelperPacket& packet) {
  std::int64_t growth = 0;
  for (const PayloadEdit& edit : edits_) {
    growth += static_cast<std::int64_t>(edit.text.size()) - edit.length;
  }
  if (growth == 0 || packet.protocol != protocol::kTcp) {
    return;
  }
  Entry& entry = table_[record];
  entry.set(status::kSeqAdjust);
  adjustments_[entry.serial].resized(packet.direction, packet.seq,
                                     static_cast<std::int32_t>(growth));
}

}  // namespace natlens::conntrack
