// One JSON line per frame. Keys and their order: i frame class dir ct state t f ws fl vtag orig
// reply reason ev; `ct` is the entry that the frame's own tuple finds after the frame (ICMP
// errors: the inverted quoted tuple), null if there is none, and the keys behind it describe
// that entry.
//
// A fragment's own tuple needs the ports of the first fragment: those of IPv4 are remembered by
// identification, so that the frames of one datagram show one entry. An IPv6 fragment that is
// not the first has no tuple of its own.
#include <array>
#include <iterator>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "natlens/report/track_text.h"

#include "track_routed.h"

namespace natlens::report {
namespace {

using conntrack::PacketClass;
namespace status = conntrack::status;
using Out = std::back_insert_iterator<std::string>;

bool is_icmp(const Tuple& tuple) {
  return tuple.protocol == protocol::kIcmp || tuple.protocol == protocol::kIcmpv6;
}

bool has_ports(const Tuple& tuple) {
  switch (tuple.protocol) {
    case protocol::kTcp:
    case protocol::kUdp:
    case protocol::kUdpLite:
    case protocol::kSctp:
    case protocol::kDccp:
    case protocol::kGre:
      return true;
    default:
      return false;
  }
}

// "10.0.0.1,5000>203.0.113.5,53"; ICMP "10.0.0.1>203.0.113.5,type=8,code=0,id=7".
void put_tuple(Out out, const Tuple& tuple) {
  const std::string src = to_string(tuple.src);
  const std::string dst = to_string(tuple.dst);
  if (is_icmp(tuple)) {
    fmt::format_to(out, "{}>{},type={},code={},id={}", src, dst, tuple.dst_port >> 8,
                   tuple.dst_port & 0xffU, tuple.src_port);
  } else if (has_ports(tuple)) {
    fmt::format_to(out, "{},{}>{},{}", src, tuple.src_port, dst, tuple.dst_port);
  } else {
    fmt::format_to(out, "{}>{}", src, dst);
  }
}

// Masks print as an expectation has them: address and port of each end.
void put_ends(Out out, const Tuple& tuple) {
  fmt::format_to(out, "{},{}>{},{}", to_string(tuple.src), tuple.src_port, to_string(tuple.dst),
                 tuple.dst_port);
}

void put_event(Out out, const conntrack::Event& event) {
  static constexpr std::array<std::string_view, 3> kTags{"NEW", "UPDATE", "DESTROY"};
  fmt::format_to(out, "\"{} {}", kTags[static_cast<std::size_t>(event.kind)], event.connection);
  if (event.has_state) {
    fmt::format_to(out, " {}", conntrack::state_name(event.protocol, event.state));
  }
  if (event.kind != conntrack::EventKind::kDestroy || event.timeout_seconds != 0) {
    fmt::format_to(out, " t={}", event.timeout_seconds);
  }
  if (event.kind != conntrack::EventKind::kDestroy) {
    if ((event.status & status::kSeenReply) == 0) {
      fmt::format_to(out, " [UNREPLIED]");
    }
    if ((event.status & status::kAssured) != 0) {
      fmt::format_to(out, " [ASSURED]");
    }
  }
  *out++ = '"';
}

void put_expectation(Out out, const conntrack::ExpectationEvent& event) {
  fmt::format_to(out, "\"EXP_{} proto={} ", event.made ? "NEW" : "DESTROY", event.protocol);
  put_ends(out, event.tuple);
  fmt::format_to(out, " mask ");
  put_ends(out, event.mask);
  fmt::format_to(out, " helper={}\"", event.helper);
}

void put_verdict(Out out, const conntrack::Verdict& verdict) {
  fmt::format_to(out, "\"class\":\"{}\"", conntrack::to_string(verdict.packet_class));
  const bool belongs = verdict.packet_class == PacketClass::kNew ||
                       verdict.packet_class == PacketClass::kEstablished ||
                       verdict.packet_class == PacketClass::kRelated;
  if (belongs) {
    const bool reply = verdict.direction == conntrack::Direction::kReply;
    fmt::format_to(out, ",\"dir\":\"{}\"", reply ? "reply" : "orig");
  }
}

void put_entry(Out out, const conntrack::EntryView& entry) {
  if (entry.connection == 0) {
    fmt::format_to(out, ",\"ct\":null");
    return;
  }
  fmt::format_to(out, ",\"ct\":{}", entry.connection);
  if (const auto state = conntrack::state_name(entry.protocol, entry.state); !state.empty()) {
    fmt::format_to(out, ",\"state\":\"{}\"", state);
  }
  fmt::format_to(out, ",\"t\":{},\"f\":\"{}{}\"", entry.remaining_seconds,
                 (entry.status & status::kSeenReply) != 0 ? "S" : "",
                 (entry.status & status::kAssured) != 0 ? "A" : "");
  if (entry.protocol == protocol::kTcp) {
    fmt::format_to(out, ",\"ws\":[{},{}],\"fl\":[{},{}]", entry.window_scale[0],
                   entry.window_scale[1], entry.flags[0], entry.flags[1]);
  } else if (entry.protocol == protocol::kSctp) {
    fmt::format_to(out, ",\"vtag\":[{},{}]", entry.vtag[0], entry.vtag[1]);
  }
  fmt::format_to(out, ",\"orig\":\"");
  put_tuple(out, entry.original);
  fmt::format_to(out, "\",\"reply\":\"");
  put_tuple(out, entry.reply);
  *out++ = '"';
}

// The reason of an INVALID; with the arithmetic if it was one.
void put_reason(Out out, const conntrack::Verdict& verdict) {
  const conntrack::InvalidDetail& detail = verdict.invalid;
  if (detail.reason == conntrack::InvalidReason::kNone) {
    return;
  }
  fmt::format_to(out, ",\"reason\":\"{}\"", conntrack::to_string(detail.reason));
  if (detail.excess != 0) {
    fmt::format_to(out, ",\"value\":{},\"bound\":{},\"excess\":{},\"bound_frame\":{}",
                   detail.value, detail.bound, detail.excess, detail.bound_frame);
  }
}

// The IP header and the first transport bytes of first IPv4 fragments, bounded.
class FirstFragments {
 public:
  // The layer to look up for `layer`, a fragment or a datagram put together: itself, or a
  // stand-in with the first fragment's ports, or nothing.
  const decode::Layer* stand_in(const decode::Layer& layer) {
    if (layer.version == 6) {
      return layer.fragment_offset == 0 ? &layer : nullptr;
    }
    const std::string key = fmt::format("{} {} {} {}", to_string(layer.src),
                                        to_string(layer.dst), layer.protocol, layer.ip_id);
    if (layer.fragment_offset == 0 && !layer.reassembled) {
      if (heads_.size() >= kMost) {
        heads_.clear();
      }
      const ByteView head = layer.ip.first(std::min(layer.ip.size(), kHeadBytes));
      heads_.insert_or_assign(key, std::vector<std::uint8_t>(head.begin(), head.end()));
      return &layer;
    }
    const auto found = heads_.find(key);
    if (layer.reassembled) {
      return &layer;
    }
    if (found == heads_.end()) {
      return nullptr;
    }
    copy_ = layer;
    copy_.ip = found->second;
    copy_.total_bytes = static_cast<std::uint32_t>(found->second.size());
    return &copy_;
  }

 private:
  static constexpr std::size_t kMost = 1024;
  static constexpr std::size_t kHeadBytes = 128;
  std::unordered_map<std::string, std::vector<std::uint8_t>> heads_;
  decode::Layer copy_;
};

}  // namespace

struct TrackJsonl::Impl : conntrack::Sink {
  explicit Impl(const conntrack::Options& options)
      : own(std::make_unique<conntrack::Tracker>(options, *this)), tracker(*own) {}
  Impl(const conntrack::Options& options,
       const ruleset::Ruleset& rules,
       ruleset::RouterSetup setup)
      : router(std::make_unique<ruleset::Router>(rules, std::move(setup), options, *this)),
        tracker(router->tracker()) {}

  void opened(const conntrack::Opened& o) override {
    if (!o.helper.empty()) {  // it may become a master
      put_tuple(std::back_inserter(masters[o.connection]), o.original);
    }
  }
  void closed(const conntrack::Closed&) override {}
  void event(const conntrack::Event& e) override {
    separate();
    put_event(std::back_inserter(events), e);
  }
  void expectation(const conntrack::ExpectationEvent& e) override {
    separate();
    put_expectation(std::back_inserter(events), e);
  }
  void separate() {
    if (!events.empty()) {
      events += ',';
    }
  }

  conntrack::Packet packet_of(const capture::Frame& frame,
                              const decode::DecodedFrame& decoded) {
    conntrack::Packet packet;
    const auto layers = decoded.layers();
    if (!layers.empty() && !layers.front().quoted) {
      packet.layer = &layers.front();
      packet.quoted = layers.size() > 1 && layers[1].quoted ? &layers[1] : nullptr;
      packet.zone = layers.front().zone;
    }
    packet.frame = frame.ordinal;
    packet.time = frame.time;
    return packet;
  }

  conntrack::EntryView entry_after(conntrack::Packet packet) {
    const decode::Layer& layer = *packet.layer;
    if (layer.fragment || layer.reassembled) {
      packet.layer = fragments.stand_in(layer);
    }
    return packet.layer == nullptr ? conntrack::EntryView() : tracker.lookup(packet);
  }

  // The tracker and the router that uses it, or the tracker alone.
  std::unique_ptr<ruleset::Router> router;
  std::unique_ptr<conntrack::Tracker> own;
  conntrack::Tracker& tracker;
  ruleset::Passed passed;
  std::unordered_map<std::uint32_t, std::string> masters;
  FirstFragments fragments;
  std::string events;
  std::string text;
  std::uint64_t index = 0;
};

TrackJsonl::TrackJsonl(const conntrack::Options& options)
    : impl_(std::make_unique<Impl>(options)) {}
TrackJsonl::TrackJsonl(const conntrack::Options& options,
                       const ruleset::Ruleset& rules,
                       ruleset::RouterSetup setup)
    : impl_(std::make_unique<Impl>(options, rules, std::move(setup))) {}
TrackJsonl::~TrackJsonl() = default;

std::string_view TrackJsonl::line(const capture::Frame& frame,
                                  const decode::DecodedFrame& decoded) {
  Impl& im = *impl_;
  im.events.clear();
  im.text.clear();
  conntrack::Verdict verdict;
  conntrack::EntryView entry;
  const conntrack::Packet packet = im.packet_of(frame, decoded);
  if (packet.layer == nullptr) {
    im.tracker.advance(frame.time);
  } else if (im.router) {
    im.router->pass(packet, im.router->interface_of_source(packet.layer->src), im.passed);
    verdict = im.passed.verdict;
    entry = im.entry_after(im.passed.packet);
  } else {
    im.tracker.track({&packet, 1}, {&verdict, 1});
    entry = im.entry_after(packet);
  }
  const Out out = std::back_inserter(im.text);
  fmt::format_to(out, "{{\"i\":{},\"frame\":{},", im.index++, frame.number);
  put_verdict(out, verdict);
  put_entry(out, entry);
  if (im.router && packet.layer != nullptr) {
    const auto master = im.masters.find(entry.master);
    put_routed_entry(im.text, entry, master == im.masters.end() ? "" : master->second);
    put_routed_packet(im.text, im.passed, *packet.layer);
  }
  put_reason(out, verdict);
  if (!im.events.empty()) {
    fmt::format_to(out, ",\"ev\":[{}]", im.events);
  }
  im.text += '}';
  return im.text;
}

}  // namespace natlens::report
