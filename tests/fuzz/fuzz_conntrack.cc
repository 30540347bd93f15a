// Any sequence of IP packets through the tracker, all helpers attached to every port that
// occurs. Input: packets one after the other, each behind two bytes of time (in 64 ms) and one
// of length.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "natlens/conntrack/tracker.h"
#include "natlens/decode/decoder.h"

namespace {

using namespace natlens;

// The life of an entry as the sink is told it: opened once, closed once.
struct Checker : conntrack::Sink {
  void opened(const conntrack::Opened& o) override {
    if (o.connection != ++last) std::abort();
    ++live;
  }
  void event(const conntrack::Event& e) override {
    if (e.connection == 0 || e.connection > last) std::abort();
  }
  void closed(const conntrack::Closed& c) override {
    if (live-- == 0 || c.connection > last) std::abort();
  }
  std::uint32_t last = 0;
  std::uint32_t live = 0;
};

conntrack::Options options_of(std::uint8_t choice) {
  conntrack::Options options;
  static constexpr const char* kHelpers[] = {
      "ftp=tcp/21",       "sip=udp/5060",  "irc=tcp/6667", "pptp=tcp/1723", "tftp=udp/69",
      "amanda=udp/10080", "sane=tcp/6566", "snmp=udp/161", "sip=tcp/5060"};
  for (const char* helper : kHelpers) {
    if (!options.add_helper(helper)) std::abort();
  }
  static constexpr const char* kKernels[] = {"6.18", "5.10"};
  if (!options.set_kernel(kKernels[choice & 1U]) ||
      !options.set_sysctl("nf_conntrack_checksum", (choice & 2U) != 0 ? "auto" : "0") ||
      !options.set_sysctl("nf_conntrack_max", (choice & 4U) != 0 ? "3" : "0")) {
    std::abort();
  }
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  ByteView input(data, size);
  Checker checker;
  conntrack::Tracker tracker(options_of(input[0]), checker);
  decode::Decoder decoder;
  decode::DecodedFrame decoded;
  input = input.subspan(1);
  std::int64_t now = 0;
  std::uint32_t frames = 0;
  while (input.size() > 3) {
    now += std::int64_t{load_be16(input, 0)} * 64'000'000;
    const std::size_t length = std::min<std::size_t>(input[2], input.size() - 3);
    capture::Frame frame;
    frame.bytes = input.subspan(3, length);
    frame.wire_bytes = static_cast<std::uint32_t>(length);
    frame.number = frame.ordinal = ++frames;
    frame.time = Timestamp::from_ns(now);
    frame.link_type = 101;
    decoder.decode(frame, decoded);
    for (const decode::Layer& layer : decoded.layers()) {
      if (layer.quoted) continue;
      conntrack::Packet packet;
      packet.layer = &layer;
      packet.zone = layer.zone;
      packet.frame = frames;
      packet.time = frame.time;
      conntrack::Verdict verdict;
      tracker.track({&packet, 1}, {&verdict, 1});
      const auto view = tracker.lookup(packet);
      if (view.connection > checker.last) std::abort();
    }
    input = input.subspan(3 + length);
  }
  tracker.finish(Timestamp::from_ns(now));
  if (checker.live != 0) std::abort();
  return 0;
}
