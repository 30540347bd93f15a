#include "natlens/replay/inline.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include "segments.h"
#include "virtio_header.h"

namespace natlens::replay {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kMostBytes = 65'535 + VirtioHeader::kBytes;
constexpr capture::LinkType kRawIp = 101;

std::size_t header_bytes(ByteView ip) {
  return (ip[0] >> 4) == 6 ? 40 : (ip[0] & 15U) * 4U;
}

std::vector<Address> own_addresses(const ruleset::RouterSetup& setup) {
  std::vector<Address> own;
  for (const ruleset::Interface& interface : setup.interfaces) {
    own.insert(own.end(), interface.addresses.begin(), interface.addresses.end());
  }
  return own;
}

}  // namespace

struct InlineNat::Buffers {
  std::vector<std::uint8_t> read = std::vector<std::uint8_t>(kMostBytes);
  std::vector<std::uint8_t> completed;
  decode::DecodedFrame decoded;
};

InlineNat::InlineNat(std::unique_ptr<const ruleset::Ruleset> rules,
                     const InlineOptions& options,
                     Watcher& watcher)
    : rules_(std::move(rules)),
      offload_(options.offload),
      mtu_(options.setup.interfaces[0].mtu),
      own_(own_addresses(options.setup)),
      watcher_(watcher),
      router_(*rules_, options.setup, options.tracking, watcher),
      buffers_(std::make_unique<Buffers>()) {}

InlineNat::~InlineNat() = default;

Result<std::size_t> InlineNat::serve(int fd, Timestamp now) {
  for (std::size_t count = 0; count < kBatch; ++count) {
    const ssize_t got = ::read(fd, buffers_->read.data(), buffers_->read.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return count;
    if (got <= 0) {
      return Error{fmt::format("cannot read from the TUN device: {}",
                               got == 0 ? "it is gone" : std::strerror(errno))};
    }
    handle(fd, std::span(buffers_->read).first(static_cast<std::size_t>(got)), now);
  }
  return kBatch;
}

void InlineNat::handle(int fd, std::span<std::uint8_t> bytes, Timestamp now) {
  VirtioHeader header;
  if (offload_) {
    if (bytes.size() < VirtioHeader::kBytes) {
      ++counters_.unreadable;
      return;
    }
    header = VirtioHeader::load(bytes);
    bytes = bytes.subspan(VirtioHeader::kBytes);
  }
  ++counters_.packets_in;
  counters_.bytes_in += bytes.size();
  ++frames_;
  capture::Frame frame;
  frame.bytes = bytes;
  frame.wire_bytes = static_cast<std::uint32_t>(bytes.size());
  // A translator's packets differ too much for a checksum that is half done.
  if (!rules_->nat64.empty() && header.needs_checksum() && !header.cut_later()) {
    buffers_->completed.assign(bytes.begin(), bytes.end());
    complete_checksum(buffers_->completed);
    frame.bytes = buffers_->completed;
    header = {};
  }
  frame.time = now;
  frame.number = frame.ordinal = frames_;
  frame.link_type = kRawIp;
  decoder_.decode(frame, buffers_->decoded);
  const auto layers = buffers_->decoded.layers();
  if (layers.empty() || layers[0].quoted || layers[0].ip.empty()) {
    ++counters_.unreadable;
    return;
  }
  const decode::Layer& layer = layers[0];
  if (std::find(own_.begin(), own_.end(), layer.src) != own_.end()) {
    ++counters_.martian;
    return;
  }
  conntrack::Packet packet;
  packet.layer = &layer;
  packet.quoted = layers.size() > 1 && layers[1].quoted ? &layers[1] : nullptr;
  packet.frame = frames_;
  packet.time = now;
  const unsigned entered = router_.interface_of_source(layer.src);
  router_.pass(packet, entered, passed_, header.cut_later());
  ++counters_.fates[static_cast<std::size_t>(passed_.fate)];
  counters_.inconclusive += passed_.doubt != nullptr || passed_.doubtful ? 1 : 0;
  watcher_.passed(passed_, entered);
  if (sends_back(passed_, entered)) {
    ++counters_.sent_back;
    return;
  }
  std::array<std::uint8_t, VirtioHeader::kBytes> left{};
  const bool whole = passed_.out.size() == 1 && !passed_.out[0].own;
  if (whole && offload_) {
    const ByteView out = passed_.out[0].ip;
    const bool crossed = (out[0] >> 4) != layer.version;
    const int grown = crossed ? static_cast<int>(header_bytes(out)) -
                                    static_cast<int>(layer.ip.size() - layer.l4.size())
                              : 0;
    header_of_left(header, out, grown, mtu_).store(left);
  }
  write_out(fd, left);
}

// What an outer host sends to an address that is routed here, and that is neither the router's
// nor translated, would come in again as soon as it is out.
bool InlineNat::sends_back(const ruleset::Passed& passed, unsigned entered) const {
  return entered == 1 && passed.fate == ruleset::Fate::kForwarded && !passed.out.empty() &&
         passed.out[0].interface == 1 && passed.before.dst == passed.after.dst;
}

void InlineNat::write_out(int fd, std::span<const std::uint8_t> header) {
  for (const ruleset::Emitted& out : passed_.out) {
    std::array<iovec, 2> parts{};
    parts[0] = {const_cast<std::uint8_t*>(header.data()), header.size()};
    parts[1] = {const_cast<std::uint8_t*>(out.ip.data()), out.ip.size()};
    const std::size_t first = offload_ ? 0 : 1;
    if (::writev(fd, &parts[first], static_cast<int>(2 - first)) < 0) {
      ++counters_.write_failed;
      continue;
    }
    ++counters_.packets_out;
    counters_.bytes_out += out.ip.size();
    counters_.own += out.own ? 1 : 0;
  }
}

void InlineNat::tick(Timestamp now) {
  router_.tracker().advance(now);
}

void InlineNat::reload(std::unique_ptr<const ruleset::Ruleset> rules) {
  router_.replace_rules(*rules);
  rules_ = std::move(rules);
}

void InlineNat::finish(Timestamp now) {
  router_.tracker().finish(now);
}

}  // namespace natlens::replay
