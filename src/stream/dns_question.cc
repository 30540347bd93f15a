// A forwarder asks with an id and from a port of its own, adds options of its own, and may vary
// the case of letters; name, type and class stay. Query and answer are told apart in the
// fingerprint, but not in the digest: the answer's agreement says nothing new.
#include "dns_question.h"

#include <array>

#include "digest.h"

namespace natlens::stream {
namespace {

constexpr std::uint16_t kPort = 53;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kLongestName = 255;  // RFC 1035 2.3.4

std::uint8_t lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + ('a' - 'A')) : c;
}

// The message itself.
std::optional<DnsQuestion> question_of(ByteView bytes) {
  if (bytes.size() < kHeaderBytes + 5) return std::nullopt;
  const bool answer = (bytes[2] & 0x80U) != 0;
  if ((bytes[2] & 0x78U) != 0 || load_be16(bytes, 4) != 1)
    return std::nullopt;  // opcode 0, one question
  std::array<std::uint8_t, kLongestName + 4> question;
  std::size_t size = 0;
  for (std::size_t at = kHeaderBytes; bytes[at] != 0;) {
    const std::size_t label = bytes[at];
    if (label > 63 || size + label + 1 > kLongestName) return std::nullopt;
    if (at + 1 + label + 4 >= bytes.size())
      return std::nullopt;  // the next length, type and class follow
    for (std::size_t i = 0; i <= label; ++i) question[size++] = lower(bytes[at++]);
  }
  const std::size_t name = size;
  const std::size_t behind = kHeaderBytes + name + 1;
  if (behind + 4 > bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < 4; ++i) question[size++] = bytes[behind + i];
  return DnsQuestion{digest_of(ByteView(question).first(size)),
                     static_cast<std::uint32_t>(name), answer};
}

}  // namespace

std::optional<DnsQuestion> dns_question(const decode::Layer& layer) {
  if (layer.src_port != kPort && layer.dst_port != kPort) return std::nullopt;
  ByteView bytes = layer.payload;
  if (layer.transport != decode::TransportKind::kTcp) return question_of(bytes);
  // A message has its length before it (RFC 1035 4.2.2), unless that went ahead by itself.
  if (bytes.size() < 2) return std::nullopt;
  const std::size_t length = load_be16(bytes, 0);
  if (length + 2 == layer.payload_wire_bytes || length > layer.payload_wire_bytes)
    if (const auto found = question_of(bytes.subspan(2))) return found;
  return question_of(bytes);
}

void append_dns_question(const decode::Layer& layer,
                         const Sighting& sighting,
                         std::vector<Sighting>& out) {
  const auto question = dns_question(layer);
  if (!question) return;
  Sighting found = sighting;
  found.kind = SightingKind::kDnsQuestion;
  found.payload_digest = question->digest;
  found.payload_bytes = question->name_bytes;
  found.fingerprint = key_of(Salt::kQuestion, question->digest, question->answer ? 1 : 0);
  found.continued = true;  // the packet itself is counted already
  out.push_back(found);
}

}  // namespace natlens::stream
