// IPv6 translators: packet sizes that differ by 20 bytes, and prefixes whose sum must not.
#include <algorithm>
#include <array>

#include "between.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"NAT64-MTU", "NPT-INVALID"});

constexpr std::uint32_t kHeaders = 20;     // IPv6 header less IPv4 header
constexpr std::uint32_t kLeastMtu = 1280;  // of IPv6

// ---- NAT64

struct Sides {
  std::uint32_t v6 = kNone;
  std::uint32_t v4 = kNone;
};

Sides sides_of(const Picture& picture, const Translation& t) {
  const bool first = picture.connections()[t.inside].original.src.is_v6();
  return first ? Sides{t.inside, t.outside} : Sides{t.outside, t.inside};
}

// Errors that say "too big", with the MTU they name.
std::vector<const Note*> too_big(const Picture& picture, std::uint32_t connection) {
  std::vector<const Note*> out;
  for (const Note* note : notes_of_kind(picture, connection, stream::NoteKind::kIcmpError)) {
    if (note->packet.mtu != 0) out.push_back(note);
  }
  return out;
}

void report_wrong_mtu(
    const Case& of, const Translation& t, const Note& v4, const Note& v6, bool to_v6) {
  const std::uint32_t from = to_v6 ? v4.packet.mtu : v6.packet.mtu;
  const std::uint32_t got = to_v6 ? v6.packet.mtu : v4.packet.mtu;
  // More than this the next packet must not have; less is another link's.
  const std::uint32_t most = to_v6             ? std::max(kLeastMtu, from + kHeaders)
                             : from > kHeaders ? from - kHeaders
                                               : 0;
  const bool small = to_v6 && got < kLeastMtu;
  if (got <= most && !small) return;
  Draft draft;
  draft.code = "NAT64-MTU";
  draft.variant = "wrong-mtu";
  draft.subject = Subject::kTranslation;
  draft.subject_id = t.id;
  draft.facts = {{"announced", from},
                 {"translated", got},
                 {"at_most", most},
                 {"at_least", to_v6 ? kLeastMtu : 0U}};
  draft.text = fmt::format(
      "an ICMP error with MTU {} was translated to one with MTU {}, which should be {} {}",
      from, got, small ? "at least" : "at most", small ? kLeastMtu : most);
  draft.frame(Role::kCause, v4.frame);
  draft.frame(Role::kCause, v6.frame);
  draft.connections = {t.inside, t.outside};
  of.report.raise(std::move(draft));
}

// Each error with its image, which follows within the pair window.
void compare_errors(const Case& of, const Translation& t) {
  const Picture& picture = of.picture;
  const Sides sides = sides_of(picture, t);
  const Nanoseconds window = of.gates.pair_window(picture.connections()[t.inside].tap,
                                                  picture.connections()[t.outside].tap);
  for (const Note* v4 : too_big(picture, sides.v4)) {
    for (const Note* v6 : too_big(picture, sides.v6)) {
      if (std::chrono::abs(v4->frame.time - v6->frame.time) > window) continue;
      report_wrong_mtu(of, t, *v4, *v6, v4->frame.time <= v6->frame.time);
    }
  }
}

// IPv4 segments larger than the IPv6 host takes that do not come out, and nobody is told.
void report_silent(const Case& of, const Crossing& way) {
  const Picture& picture = of.picture;
  const auto least = static_cast<std::uint64_t>(of.parameters["mtu_min_failures"]);
  for (const LostPackets& lost : lost_packets(of, way, "NAT64-MTU")) {
    const Translation& t = picture.translations()[lost.translation];
    if (t.kind != correlate::TranslationKind::kNat64) continue;
    const Sides sides = sides_of(picture, t);
    const Connection& v4 = picture.connections()[sides.v4];
    const Connection& v6 = picture.connections()[sides.v6];
    if (v4.tap != way.before || !is_tcp(v4.original)) continue;
    const bool large =
        std::all_of(lost.proven.begin(), lost.proven.end(),
                    [&](const Fate* fate) { return fate->payload_bytes > v6.mss[0]; });
    if (v6.mss[0] == 0 || !large || lost.proven.size() < least || lost.passed < least ||
        !too_big(picture, sides.v4).empty()) {
      continue;
    }
    Draft draft;
    draft.code = "NAT64-MTU";
    draft.variant = "no-ptb";
    draft.confidence = Confidence::kLikely;
    draft.subject = Subject::kTranslation;
    draft.subject_id = t.id;
    draft.count = lost.lost;
    draft.facts = {{"lost", lost.lost},
                   {"passed", lost.passed},
                   {"sizes_lost", {lost.smallest, lost.largest}},
                   {"mss", v6.mss[0]},
                   {"mtu_min_failures", least}};
    draft.text = fmt::format(
        "{}: {} packets with {} bytes and more did not come out as IPv6, and no ICMP error "
        "told "
        "the sender",
        flow_text(v4.original), lost.lost, lost.smallest);
    for (const Fate* fate : lost.proven) draft.frame(Role::kCause, fate->frame);
    draft.missing(way.after, lost.proven.front()->frame.time);
    draft.connections = {t.inside, t.outside};
    of.report.raise(std::move(draft));
  }
}

// ---- prefix translation

// One's complement sum of the words of an address, 0xffff taken for 0.
std::uint32_t sum_of(const Address& address) {
  std::uint32_t sum = 0;
  const auto bytes = address.bytes();
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  }
  return sum % 0xffff;
}

const Invalid* bad_checksum(const Picture& picture, std::uint32_t connection) {
  for (const std::uint32_t i : picture.invalid_of(connection)) {
    if (picture.invalid()[i].reason == "bad_checksum") return &picture.invalid()[i];
  }
  return nullptr;
}

void report_prefix(const Case& of, const Translation& t) {
  const Picture& picture = of.picture;
  const Connection& inside = picture.connections()[t.inside];
  const Connection& outside = picture.connections()[t.outside];
  const bool by_source = inside.original.src != outside.original.src;
  const Address& before = by_source ? inside.original.src : inside.original.dst;
  const Address& after = by_source ? outside.original.src : outside.original.dst;
  if (t.reversed || before == after || sum_of(before) == sum_of(after)) return;
  const Invalid* bad = bad_checksum(picture, t.outside);
  Draft draft;
  draft.code = "NPT-INVALID";
  draft.variant = "not-neutral";
  draft.severity = bad != nullptr ? Severity::kError : Severity::kInfo;
  draft.subject = Subject::kNat;
  draft.subject_id = t.nat;
  draft.facts = {{"internal", to_string(before)},
                 {"external", to_string(after)},
                 {"sums", {sum_of(before), sum_of(after)}},
                 {"checksum_wrong", bad != nullptr}};
  draft.text = fmt::format(
      "{} became {}, which has another checksum: a prefix translation, but not the neutral one "
      "of RFC 6296{}",
      to_string(before), to_string(after),
      bad != nullptr ? ", and checksums were left as they were" : "");
  draft.frame(Role::kExample, inside.first_frame);
  draft.frame(Role::kExample, outside.first_frame);
  if (bad != nullptr) draft.frame(Role::kEffect, bad->frame);
  draft.connections = {t.inside, t.outside};
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  for (const Translation& t : of.picture.translations()) {
    if (t.kind == correlate::TranslationKind::kNat64 ||
        t.kind == correlate::TranslationKind::kNat46) {
      compare_errors(of, t);
    }
    if (t.kind == correlate::TranslationKind::kNpt) report_prefix(of, t);
  }
  for (const Crossing& way : crossings(of.picture, is_nat)) report_silent(of, way);
}

}  // namespace

const Family kTranslators{kCodes, run};

}  // namespace natlens::findings
