// A router with two sides for packets of a fuzzer, and what must hold of what it sends.
#pragma once

#include <memory>

#include "natlens/ruleset/router.h"

#include "decode_frames.h"

namespace natlens::fuzz {

class RouterBox {
 public:
  explicit RouterBox(const ruleset::Ruleset& rules) {
    ruleset::RouterSetup setup;
    setup.answers = true;
    setup.interfaces = {
        {"lan0",
         {*ruleset::parse_prefix("10.0.0.0/8"), *ruleset::parse_prefix("fd00::/8")},
         {}},
        {"wan0",
         {*ruleset::parse_prefix("0.0.0.0/0"), *ruleset::parse_prefix("::/0")},
         {*Address::parse("198.51.100.1"), *Address::parse("2001:db8:ff::1")}}};
    conntrack::Options options;
    require(static_cast<bool>(options.set_sysctl("nf_conntrack_checksum", "0")));
    router_ = std::make_unique<ruleset::Router>(rules, setup, options, sink_);
  }

  void pass(const capture::Frame& frame, unsigned side) {
    decoder_.decode(frame, decoded_);
    const auto layers = decoded_.layers();
    if (layers.empty() || layers[0].quoted) return;
    conntrack::Packet packet;
    packet.layer = &layers[0];
    packet.quoted = layers.size() > 1 && layers[1].quoted ? &layers[1] : nullptr;
    packet.frame = frame.ordinal;
    packet.time = frame.time;
    router_->pass(packet, side, passed_);
    for (const ruleset::Emitted& out : passed_.out) {
      require(out.ip.size() >= 20 && out.ip.size() <= 70'000 && out.interface < 2);
      require(out.ip[0] >> 4 == 4 || out.ip[0] >> 4 == 6);
    }
  }

 private:
  struct Silent : conntrack::Sink {
    void opened(const conntrack::Opened&) override {}
    void event(const conntrack::Event&) override {}
    void closed(const conntrack::Closed&) override {}
  };
  Silent sink_;
  std::unique_ptr<ruleset::Router> router_;
  decode::Decoder decoder_{{.fragment_bytes = 1 << 18}};
  decode::DecodedFrame decoded_;
  ruleset::Passed passed_;
};

}  // namespace natlens::fuzz
