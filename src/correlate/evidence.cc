#include "evidence.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "natlens/net/bytes.h"

#include "kinds.h"

namespace natlens::correlate {
namespace {

constexpr std::size_t kFingerprintWidth = std::size_t{1} << 20;
constexpr std::size_t kEndWidth = std::size_t{1} << 17;

// What a kind of sighting is evidence of, and the most that one agreement can be worth.
struct KindRow {
  EvidenceField field;
  float bits;      // with its digest
  float bits_cut;  // if the capture cut what the digest is made of
};
constexpr auto kKinds = std::to_array<KindRow>({
    {EvidenceField::kTcpHandshake, 40, 32},  // 32-bit ISN; window, timestamps
    {EvidenceField::kTcpData, 44, 36},       // sequence and acknowledgement, bytes
    {EvidenceField::kTcpAck, 40, 36},        // the same without bytes, timestamps
    {EvidenceField::kTcpHandshake, 30, 28},  // FIN, RST: one of the two may be 0
    {EvidenceField::kPayload, 32, 20},
    {EvidenceField::kIcmpEcho, 28, 16},
    {EvidenceField::kIcmpQuote, 20, 20},
    {EvidenceField::kTcpStream, 28, 28},  // bytes alone: what repeats tells its rarity
    {EvidenceField::kDnsQuestion, 28, 28},
    {EvidenceField::kTcpShape, 30, 26},  // a timestamp; equal clocks are told by what repeats
    {EvidenceField::kTcpStream, 0, 0},   // where the proxy's own talk ends: no evidence
    {EvidenceField::kPayload, 32, 20},   // a datagram behind a SOCKS header
});
static_assert(kKinds.size() == static_cast<std::size_t>(stream::SightingKind::kCount));

// No far end is rarer than this: popular servers are popular in every capture.
constexpr float kEndModel = 10;
constexpr float kSourceModel = 16;  // address and port
constexpr float kPortModel = 14;
// Both ends changed at once is rare (RFC 2663: twice NAT), so it takes more to believe it.
constexpr int kTwicePrior = -10;
// So is a forwarded packet on the link that it came from, while two senders of one payload are
// not.
constexpr int kSameTapPrior = -14;
constexpr float kTimingMost = 12;
constexpr std::int64_t kTimingFloor = 1'000'000;  // closer than a millisecond says no more

float payload_model(float most, std::uint32_t bytes) {
  return std::min(most, 4.0F * static_cast<float>(std::min<std::uint32_t>(bytes, 64)));
}

std::uint64_t address_key(const Address& address, std::uint32_t port) {
  return content_hash(address.bytes(), 0x10000U + port);
}

float rarity(std::uint32_t others, std::uint64_t of, float model) {
  if (others == 0) return model;
  const float ratio = static_cast<float>(of) / static_cast<float>(others);
  return std::clamp(std::log2(std::max(ratio, 1.0F)), 0.0F, model);
}

}  // namespace

EvidenceField field_of(stream::SightingKind kind) {
  return kKinds[static_cast<std::size_t>(kind)].field;
}

bool is_tcp(EvidenceField field) {
  return field == EvidenceField::kTcpHandshake || field == EvidenceField::kTcpData ||
         field == EvidenceField::kTcpAck;
}

Weigher::Weigher(Taps& taps)
    : taps_(taps), fingerprints_(kFingerprintWidth), ends_(kEndWidth) {}

std::uint64_t Weigher::salted(std::uint64_t key, std::uint16_t tap) {
  const std::uint64_t spread = (key + tap) * 0x9e3779b97f4a7c15U;
  return spread ^ spread >> 29;
}

void Weigher::prefetch(std::uint16_t tap, std::uint64_t key) const {
  fingerprints_.prefetch(salted(key, tap));
}

void Weigher::count_fingerprint(std::uint16_t tap, std::uint64_t key) {
  ++taps_[tap].fingerprints;
  if (!fingerprints_.add(salted(key, tap))) return;
  for (std::uint16_t t = 0; t < taps_.size(); ++t) taps_[t].fingerprints /= 2;
}

void Weigher::count_connection(const Connection& connection) {
  const Tuple& tuple = connection.original;
  const std::uint16_t tap = connection.tap;
  const auto count = [&](std::uint64_t key) {
    if (!ends_.add(salted(key, tap))) return;
    for (std::uint16_t t = 0; t < taps_.size(); ++t) taps_[t].connections /= 2;
  };
  ++taps_[tap].connections;
  count(address_key(tuple.dst, tuple.dst_port));
  count(address_key(tuple.src, tuple.src_port));
  count(mix(tuple.src_port, tuple.protocol));
}

float Weigher::observed_bits(EvidenceField field,
                             std::uint64_t key,
                             const Pair& pair,
                             float model) const {
  // The packet itself stands at each tap once; at one tap, for both connections. A handshake
  // may stand there again for each way through the box (hairpin, bridge): sequence numbers are
  // random, so only a crowd of equal ones (a scan with a constant) says otherwise.
  const std::uint32_t expected = field == EvidenceField::kTcpHandshake ? 4
                                 : pair.tap0 == pair.tap1              ? 2
                                                                       : 1;
  float bits = model;
  for (const std::uint16_t tap : {pair.tap0, pair.tap1}) {
    const std::uint32_t count = fingerprints_.count(salted(key, tap));
    const std::uint32_t others = count > expected ? count - expected : 0;
    bits = std::min(bits, rarity(others, taps_[tap].fingerprints, model));
  }
  return bits;
}

float Weigher::content_bits(const stream::Sighting& sighting,
                            std::uint64_t key,
                            const Pair& pair) const {
  const KindRow& row = kKinds[static_cast<std::size_t>(sighting.kind)];
  float model = sighting.payload_digest == 0 ? row.bits_cut : row.bits;
  if (row.field == EvidenceField::kPayload || row.field == EvidenceField::kTcpStream ||
      row.field == EvidenceField::kDnsQuestion)
    model = payload_model(model, sighting.payload_bytes);
  if (row.field == EvidenceField::kTcpData || row.field == EvidenceField::kTcpAck) return model;
  return observed_bits(row.field, key, pair, model);
}

float Weigher::end_bits(std::uint64_t what,
                        std::uint16_t tap0,
                        std::uint16_t tap1,
                        float model) const {
  const std::uint32_t expected = tap0 == tap1 ? 2 : 1;
  float bits = model;
  for (const std::uint16_t tap : {tap0, tap1}) {
    const std::uint32_t count = ends_.count(salted(what, tap));
    const std::uint32_t others = count > expected ? count - expected : 0;
    bits = std::min(bits, rarity(others, taps_[tap].connections, model));
  }
  return bits;
}

void Weigher::weigh_ends(const Connection& one, const Connection& other, Pair& pair) const {
  const Tuple second = pair.reversed ? turned(other.original) : other.original;
  const Tuple& first = one.original;
  const SharedEnds shared = shared_ends(first, second);
  // A shared end may have a name of its own at each tap (RFC 6052): the more common one counts.
  const auto bits = [&](std::uint64_t what, std::uint64_t as_well, float model) {
    return std::min(end_bits(what, pair.tap0, pair.tap1, model),
                    end_bits(as_well, pair.tap0, pair.tap1, model));
  };
  float far = 0;
  if (shared.dst && !first.dst.is_multicast()) {
    far += bits(address_key(first.dst, first.dst_port),
                address_key(second.dst, second.dst_port), kEndModel);
  }
  if (shared.src) {
    far += bits(address_key(first.src, first.src_port),
                address_key(second.src, second.src_port), kSourceModel);
  }
  pair.field(EvidenceField::kFarEndpoint) = far;
  if (shared.src_port && !shared.src && first.src_port != 0) {
    pair.field(EvidenceField::kSourcePort) =
        end_bits(mix(first.src_port, first.protocol), pair.tap0, pair.tap1, kPortModel);
  }
  // A group's address is no far end, so a changed source counts as both ends changed.
  const bool kept = shared.src || (shared.dst && !first.dst.is_multicast());
  pair.prior = static_cast<std::int8_t>((kept ? 0 : kTwicePrior) +
                                        (pair.tap0 == pair.tap1 ? kSameTapPrior : 0));
}

float Weigher::timing_bits(std::int64_t gap_ns,
                           std::int64_t window_ns,
                           const Pair& pair) const {
  if (!taps_.related(pair.tap0, pair.tap1)) return 0;
  const std::int64_t floor = std::max(kTimingFloor, taps_.error_ns(pair.tap0, pair.tap1));
  const std::int64_t gap = std::max(floor, gap_ns < 0 ? -gap_ns : gap_ns);
  if (gap >= window_ns) return 0;
  return std::min(kTimingMost,
                  std::log2(static_cast<float>(window_ns) / static_cast<float>(gap)));
}

}  // namespace natlens::correlate
