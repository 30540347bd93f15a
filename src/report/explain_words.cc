#include "explain_words.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace natlens::report {
namespace {

using conntrack::InvalidReason;

// `what` the value is, and on which side of the bound it lies; empty for a reason without
// arithmetic. By InvalidReason.
struct ReasonRow {
  InvalidReason reason;
  std::string_view words;
  std::string_view what = {};
  std::string_view side = {};
  std::string_view advice = {};
};

constexpr std::string_view kLiberal =
    "nf_conntrack_tcp_be_liberal=1 lets it pass; without it a rule `ct state invalid drop` "
    "drops "
    "it, and a NAT forwards it untranslated";

constexpr auto kReasons = std::to_array<ReasonRow>(
    {{InvalidReason::kNone, "no reason was recorded"},
     {InvalidReason::kShortHeader, "the transport header is not all there"},
     {InvalidReason::kBadHeader, "a length in the transport header contradicts the packet"},
     {InvalidReason::kBadChecksum,
      "the transport checksum is wrong",
      {},
      {},
      "nf_conntrack_checksum=0 does not look at checksums"},
     {InvalidReason::kBadFlags, "no TCP sends this combination of flags"},
     {InvalidReason::kBadState, "the connection's state has no way on with such a packet"},
     {InvalidReason::kNotFirst,
      "such a packet cannot start a connection, and there is none that it belongs to",
      {},
      {},
      "its connection had ended or timed out, or began before the capture"},
     {InvalidReason::kSeqAboveWindow,
      "it carries data beyond the window that the receiver has offered", "sequence number",
      "above", kLiberal},
     {InvalidReason::kAckUnseen, "it acknowledges data that never passed here",
      "acknowledgement", "above", kLiberal},
     {InvalidReason::kRstOutOfWindow,
      "it is a reset older than what the other end has acknowledged", "sequence number",
      "below", "nf_conntrack_tcp_ignore_invalid_rst=1 lets such resets pass without effect"},
     {InvalidReason::kNoInverse,
      "this type of ICMP neither asks, answers nor reports an error"},
     {InvalidReason::kErrorUnrelated,
      "this ICMP error quotes a packet of no known connection, or comes from the wrong way"},
     {InvalidReason::kErrorUnreadable, "the packet that this ICMP error quotes cannot be read"},
     {InvalidReason::kFragment, "it is a fragment that was not put together"},
     {InvalidReason::kBadChunks,
      "SCTP does not allow these chunks in one packet or in this order"},
     {InvalidReason::kBadTag, "its SCTP verification tag is not the one of this association"},
     {InvalidReason::kTableFull,
      "the table was full",
      {},
      {},
      "nf_conntrack_max is the size of the table"},
     {InvalidReason::kOther, "the helper of this connection refused it"},
     {InvalidReason::kSegmentTooOld, "it lies more than a window behind what was already sent",
      "end of the segment", "below", kLiberal},
     {InvalidReason::kAckTooOld, "its acknowledgement is too old", "acknowledgement", "below",
      kLiberal}});
static_assert(kReasons.size() == static_cast<std::size_t>(InvalidReason::kCount));

const ReasonRow& row_of(std::string_view reason) {
  const auto found = std::find_if(kReasons.begin(), kReasons.end(), [&](const ReasonRow& row) {
    return conntrack::to_string(row.reason) == reason;
  });
  return found == kReasons.end() ? kReasons.front() : *found;
}

}  // namespace

std::string_view invalid_words(std::string_view reason) {
  return row_of(reason).words;
}

std::string_view invalid_advice(std::string_view reason) {
  return row_of(reason).advice;
}

std::string arithmetic_text(const Arithmetic& arithmetic) {
  const ReasonRow& row = row_of(arithmetic.reason);
  if (row.what.empty() || arithmetic.excess == 0) return "";
  return fmt::format("{} {} is {} {} {}, the bound{}", row.what, arithmetic.value,
                     arithmetic.excess, row.side, arithmetic.bound,
                     arithmetic.bound_frame.empty()
                         ? ""
                         : fmt::format(" that {} set", arithmetic.bound_frame));
}

}  // namespace natlens::report
