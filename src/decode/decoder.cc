#include "natlens/decode/decoder.h"

#include <array>

#include "context.h"
#include "flow_memory.h"
#include "opener.h"
#include "reassembly.h"

namespace natlens::decode {

struct Decoder::Impl {
  explicit Impl(const DecoderOptions& o) : options(o), reassembler(o.fragment_bytes) {
    if (o.keys != nullptr && !o.keys->empty()) need_opener().add(*o.keys);
  }
  Opener& need_opener() {
    if (opener == nullptr) opener = std::make_unique<Opener>();
    return *opener;
  }

  DecoderOptions options;
  Reassembler reassembler;
  FlowMemory flows;
  std::unique_ptr<Opener> opener;
  std::size_t secrets_met = 0;
  DecoderStats stats;
};

Decoder::Decoder(const DecoderOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

void Decoder::decode(const capture::Frame& frame, DecodedFrame& out) {
  out.layer_count = 0;
  out.via_count = 0;
  out.stop = DecodeStop::kNone;
  out.stop_offset = 0;
  out.stop_in = Encapsulation::kNone;
  out.ethertype = 0;
  out.src_mac = {};
  out.dst_mac = {};
  out.waits_for_fragments = false;
  out.own_bytes = false;
  impl_->reassembler.begin_frame();
  if (impl_->opener != nullptr) impl_->opener->begin_frame();
  const auto captured = static_cast<std::uint32_t>(frame.bytes.size());
  Context context{.out = out,
                  .reassembler = impl_->options.reassemble ? &impl_->reassembler : nullptr,
                  .flows = impl_->flows,
                  .opener = impl_->opener.get(),
                  .time = frame.time,
                  .at = {.data = frame.bytes.data(),
                         .captured = captured,
                         .wire = std::max(frame.wire_bytes, captured)},
                  .open_esp_null = impl_->options.open_esp_null};
  for (Step step = by_link_type(context, frame.link_type); step.run != nullptr;) {
    step = step.run(context);
  }
  ++impl_->stats.frames;
  ++impl_->stats.stops[static_cast<std::size_t>(out.stop)];
  impl_->stats.fragments_expired = impl_->reassembler.expired();
}

Result<void> Decoder::learn(std::span<const capture::Secrets> secrets, std::string_view file) {
  constexpr std::uint32_t kWireguardKeyLog = 0x57474b4c;
  constexpr std::uint32_t kEspAssociations = 0x45535053;
  Result<void> read;
  for (; impl_->secrets_met < secrets.size(); ++impl_->secrets_met) {
    const capture::Secrets& block = secrets[impl_->secrets_met];
    if (block.type != kWireguardKeyLog && block.type != kEspAssociations) continue;
    Opener& opener = impl_->need_opener();
    const Result<void> added =
        opener.ring().add(block.text.view(), std::string(file) + ": secrets");
    opener.update();
    if (!added && read) read = added;
  }
  return read;
}

const DecoderStats& Decoder::stats() const {
  return impl_->stats;
}

void Context::enter_plain_text(const std::uint8_t* data, std::size_t bytes) {
  const auto all = static_cast<std::uint32_t>(bytes);
  at = {.data = data, .captured = all, .wire = all};
  plain_text = true;
  out.own_bytes = true;
  opener->keep_room();
}

void Context::enter_zone_of_outer_pair(Encapsulation kind) {
  if (out.layer_count == 0) return;
  const Layer& outer = layer();
  const std::uint64_t src = content_hash(outer.src.bytes());
  const std::uint64_t dst = content_hash(outer.dst.bytes());
  enter_zone(kind, mix(std::min(src, dst), std::max(src, dst)));
}

std::string_view to_string(DecodeStop stop) {
  constexpr auto kNames =
      std::to_array<std::string_view>({"none", "snap", "malformed", "unsupported", "depth",
                                       "encrypted", "fragment", "unauthentic"});
  static_assert(kNames.size() == static_cast<std::size_t>(DecodeStop::kCount));
  return kNames[static_cast<std::size_t>(stop)];
}

// The names that tshark gives them, as in docs/decode.md.
std::string_view to_string(Encapsulation kind) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"none",  "eth",    "sll",   "null",    "vlan",     "ieee8021ad", "ieee8021ah",
       "mpls",  "pppoes", "ppp",   "macsec",  "llc",      "wlan",       "nflog",
       "pktap", "raw",    "ipip",  "gre",     "erspan",   "etherip",    "l2tp",
       "vxlan", "geneve", "gtp",   "teredo",  "gue",      "fou",        "lisp-data",
       "ayiya", "nsh",    "ah",    "esp",     "udpencap", "wg",         "openvpn",
       "icmp",  "icmpv6", "sflow", "isakmp",  "arp",      "stt",        "ip",
       "ipv6",  "tcp",    "udp",   "udplite", "sctp",     "dccp"});
  static_assert(kNames.size() == static_cast<std::size_t>(Encapsulation::kCount));
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace natlens::decode
