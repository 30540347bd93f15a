// A live interface as a source.
//
// libpcap lends a packet during its callback only, so frames are copied into an arena that the
// next call of next() uses again. The watermark: what the kernel still holds when its buffer
// was found empty came after that moment, less the time that it keeps packets back. While the
// buffer is not empty, the last packet's time is all that is known.
//
// An interface that goes down may come up again, so its tap goes on; one that is gone ends it.
#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "natlens/capture/live.h"

#include "link_hints.h"
#include "live_handle.h"

namespace natlens::capture {
namespace {

constexpr std::size_t kMaxBatch = 64;
constexpr std::size_t kMaxTaps = 1024;
constexpr int kPollMs = 100;
constexpr Nanoseconds kHeldBack = std::chrono::milliseconds(4 * kHandOverMs);
constexpr Nanoseconds kCountEvery = std::chrono::seconds(1);

Timestamp wall_clock() {
  return Timestamp::from_ns(
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
}

std::int64_t steady_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

LiveSpec named(LiveSpec spec) {
  if (spec.name.empty()) spec.name = spec.interface;
  return spec;
}

bool is_down(const std::string& interface) {
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool told = ioctl(fd, SIOCGIFFLAGS, &request) == 0;
  close(fd);
  return told && (request.ifr_flags & IFF_UP) == 0;
}

class InterfaceSource final : public Source {
 public:
  InterfaceSource(const LiveSpec& spec, const LiveOptions& options, LiveLimits& limits)
      : spec_(named(spec)), options_(options), limits_(limits) {}

  Result<void> start();

  std::span<const Frame> next(std::size_t max) override;
  bool ended() const override { return ended_; }
  Timestamp watermark() const override { return watermark_; }
  void count() override;
  std::vector<std::string> take_messages() override { return std::exchange(messages_, {}); }
  void set_jumps(std::uint16_t, std::vector<ClockJump>) override {}
  const std::vector<FileInfo>& files() const override { return files_; }
  const std::vector<TapInfo>& taps() const override { return taps_; }
  std::span<const Secrets> secrets() const override { return {}; }
  std::uint64_t total_bytes() const override { return 0; }
  std::uint64_t bytes_read() const override { return bytes_; }

 private:
  static void on_packet(u_char* self, const pcap_pkthdr* header, const u_char* bytes) {
    reinterpret_cast<InterfaceSource*>(self)->take(*header, bytes);
  }
  void take(const pcap_pkthdr& header, const u_char* bytes);
  bool read(std::size_t max);
  std::uint16_t tap_of(Frame& frame);
  void failed();
  void gone(const std::string& why);
  void look();
  void write();
  TapInfo& add_tap(const std::string& name, const std::string& interface);

  const LiveSpec spec_;
  const LiveOptions options_;
  LiveLimits& limits_;
  LiveHandle handle_;
  unsigned ifindex_ = 0;  // 0: any
  bool by_ifindex_ = false;
  std::int64_t ns_per_fraction_ = 1000;
  LinkType link_type_ = 0;
  std::vector<FileInfo> files_;
  std::vector<TapInfo> taps_;
  std::vector<std::string> messages_;
  std::vector<std::uint8_t> arena_;
  std::size_t used_ = 0;  // of the arena
  std::array<Frame, kMaxBatch> frames_;
  std::size_t count_ = 0;  // of frames_
  std::uint64_t bytes_ = 0;
  std::uint32_t log_interface_ = 0;
  pcap_stat last_{};
  Timestamp counted_at_ = Timestamp::from_ns(0);
  Timestamp watermark_ = Timestamp::from_ns(0);
  int failures_ = 0;  // of libpcap, one after another
  bool down_ = false;
  bool ended_ = false;
};

Result<void> InterfaceSource::start() {
  std::string warning;
  auto handle = open_handle(spec_.interface, options_, warning);
  if (!handle) return handle.error();
  handle_ = std::move(*handle);
  if (!warning.empty()) messages_.push_back(std::move(warning));
  if (pcap_get_tstamp_precision(handle_.get()) == PCAP_TSTAMP_PRECISION_NANO)
    ns_per_fraction_ = 1;
  link_type_ = static_cast<LinkType>(pcap_datalink(handle_.get()));
  by_ifindex_ = spec_.interface == "any";
  ifindex_ = by_ifindex_ ? 0 : if_nametoindex(spec_.interface.c_str());
  const auto snaplen = static_cast<std::size_t>(pcap_snapshot(handle_.get()));
  arena_.resize(std::max<std::size_t>(2 * snaplen, std::size_t{1} << 20));
  FileInfo file;
  file.path = spec_.interface;
  file.format = "live";
  file.first_ordinal = 1;
  files_.push_back(std::move(file));
  if (options_.log != nullptr) {
    InterfaceDescription description;
    description.link_type = link_type_;
    description.snaplen = options_.snaplen;
    description.name = spec_.interface;
    description.description = spec_.name;
    description.filter = options_.filter;
    log_interface_ = options_.log->add_interface(description);
  }
  // Of one interface a file of these frames would tell no number.
  if (!by_ifindex_) add_tap(spec_.name, spec_.interface);
  return {};
}

TapInfo& InterfaceSource::add_tap(const std::string& name, const std::string& interface) {
  TapInfo tap;
  tap.name = name;
  tap.interface = interface;
  tap.link_type = link_type_;
  tap.snaplen = options_.snaplen;
  tap.filter = options_.filter;
  return taps_.emplace_back(std::move(tap));
}

// Of "any" by the number that each packet has; its name as it is now.
std::uint16_t InterfaceSource::tap_of(Frame& frame) {
  if (!by_ifindex_) return 0;
  const LinkHints hints = read_link_hints(frame.link_type, frame.bytes);
  frame.direction = hints.direction;
  constexpr std::size_t kIfindexAt = 4;
  const std::uint32_t ifindex =
      hints.interface[0] == 0 ? 0 : load_be32(frame.bytes, kIfindexAt);
  for (std::size_t t = 0; t < taps_.size(); ++t) {
    if (taps_[t].ifindex == ifindex) return static_cast<std::uint16_t>(t);
  }
  if (taps_.size() >= kMaxTaps) return static_cast<std::uint16_t>(kMaxTaps - 1);
  char name[IF_NAMESIZE] = {};
  if (if_indextoname(ifindex, name) == nullptr) fmt::format_to_n(name, 15, "if{}", ifindex);
  // The number is what a file of these frames would tell.
  add_tap(fmt::format("{}/{}", spec_.name, name), fmt::format("if{}", ifindex)).ifindex =
      ifindex;
  return static_cast<std::uint16_t>(taps_.size() - 1);
}

void InterfaceSource::take(const pcap_pkthdr& header, const u_char* bytes) {
  assert(count_ < frames_.size() && used_ + header.caplen <= arena_.size());
  if (!limits_.take()) {
    ended_ = true;
    pcap_breakloop(handle_.get());
    return;
  }
  Frame& frame = frames_[count_++];
  frame = {};
  std::memcpy(arena_.data() + used_, bytes, header.caplen);
  frame.bytes = ByteView(arena_.data() + used_, header.caplen);
  used_ += header.caplen;
  frame.time = Timestamp::from_ns(std::int64_t{header.ts.tv_sec} * 1'000'000'000 +
                                  std::int64_t{header.ts.tv_usec} * ns_per_fraction_);
  frame.wire_bytes = header.len;
  frame.link_type = link_type_;
  FileInfo& file = files_.front();
  if (options_.log == nullptr) {
    frame.number = frame.ordinal = static_cast<std::uint32_t>(++file.frames);
  }
  bytes_ += header.caplen;
  frame.tap = tap_of(frame);
  TapInfo& tap = taps_[frame.tap];
  ++tap.frames;
  for (auto* first : {&tap.first, &file.first}) {
    if (!first->has_value() || frame.time < *first) *first = frame.time;
  }
  for (auto* last : {&tap.last, &file.last}) *last = std::max(*last, frame.time);
  if (used_ + static_cast<std::size_t>(pcap_snapshot(handle_.get())) > arena_.size()) {
    pcap_breakloop(handle_.get());
  }
}

// False: nothing was there.
bool InterfaceSource::read(std::size_t max) {
  const Timestamp before = wall_clock();
  const int got = pcap_dispatch(handle_.get(), static_cast<int>(max), on_packet,
                                reinterpret_cast<u_char*>(this));
  if (got == PCAP_ERROR) failed();
  if (count_ > 0) failures_ = 0;
  if (count_ > 0) {
    watermark_ = std::max(watermark_, frames_[count_ - 1].time);
  } else if (got == 0 || got == PCAP_ERROR) {
    watermark_ = std::max(watermark_, before - kHeldBack);
  }
  if (before - counted_at_ >= kCountEvery) {
    counted_at_ = before;
    count();
    look();
  }
  return count_ > 0;
}

std::span<const Frame> InterfaceSource::next(std::size_t max) {
  assert(max >= 1 && max <= kMaxBatch);
  count_ = 0;
  used_ = 0;
  if (!ended_ && !limits_.over() && !read(max) && !ended_) {
    pollfd ready{pcap_get_selectable_fd(handle_.get()), POLLIN, 0};
    poll(&ready, failures_ > 0 ? 0 : 1, kPollMs);
    read(max);
  }
  if (limits_.over()) ended_ = true;
  if (count_ != 0 && options_.log != nullptr) write();
  return {frames_.data(), count_};
}

// The log names the frames, of all sources in one order.
void InterfaceSource::write() {
  options_.log->write(log_interface_, {frames_.data(), count_});
  if (files_.front().format == "live") files_.clear();
  while (files_.size() <= frames_[count_ - 1].file) {
    files_.push_back(options_.log->file(files_.size()));
  }
  if (options_.log->failed()) limits_.end();
}

// What libpcap says of an interface that went depends on its version; look() knows.
void InterfaceSource::failed() {
  if (by_ifindex_) return gone(pcap_geterr(handle_.get()));
  failures_ = failures_ + 1;
  look();
  constexpr int kMostFailures =
      100;  // one for each wait: ten seconds of an interface that is up
  if (!ended_ && !down_ && failures_ > kMostFailures) gone(pcap_geterr(handle_.get()));
}

// Is the interface there, and up?
void InterfaceSource::look() {
  if (by_ifindex_ || ended_) return;
  if (if_nametoindex(spec_.interface.c_str()) != ifindex_) {
    return gone(fmt::format("the interface {} is gone", spec_.interface));
  }
  const bool down = is_down(spec_.interface);
  if (down != down_) {
    messages_.push_back(
        down ? fmt::format("{}: {} is down; its packets are taken again once it is up",
                           spec_.name, spec_.interface)
             : fmt::format("{}: {} is up again", spec_.name, spec_.interface));
  }
  down_ = down;
}

void InterfaceSource::gone(const std::string& why) {
  ended_ = true;
  messages_.push_back(fmt::format("{}: {}; the tap ends here", spec_.name, why));
  files_.front().complete = false;
  files_.front().notes.push_back({bytes_, why, true});
}

// The kernel's counters have 32 bits, and may be read only so often.
void InterfaceSource::count() {
  pcap_stat now{};
  if (!handle_ || pcap_stats(handle_.get(), &now) != 0) return;
  for (TapInfo& tap : taps_) {
    tap.received += now.ps_recv - last_.ps_recv;
    tap.dropped_by_kernel += now.ps_drop - last_.ps_drop;
    tap.dropped_by_interface += now.ps_ifdrop - last_.ps_ifdrop;
    tap.dropped = tap.dropped_by_kernel + tap.dropped_by_interface;
  }
  last_ = now;
  if (options_.log == nullptr || taps_.empty()) return;
  options_.log->set_drops(log_interface_, taps_.front().dropped);
  options_.log->flush();
}

}  // namespace

void LiveLimits::start() {
  if (duration_.count() > 0) until_ns_ = steady_ns() + duration_.count();
}

bool LiveLimits::take() {
  if (!counted_) return true;
  std::uint64_t left = left_.load(std::memory_order_relaxed);
  while (left > 0 && !left_.compare_exchange_weak(left, left - 1)) {
  }
  return left > 0;
}

bool LiveLimits::over() const {
  if (ended_.load(std::memory_order_relaxed)) return true;
  if (counted_ && left_.load(std::memory_order_relaxed) == 0) return true;
  return until_ns_ != 0 && steady_ns() >= until_ns_;
}

Result<LiveSpec> parse_live(std::string_view argument) {
  LiveSpec spec;
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos) {
    spec.interface = argument;
  } else {
    spec.name = argument.substr(0, equals);
    spec.interface = argument.substr(equals + 1);
    if (spec.name.empty()) return Error{fmt::format("{}: empty tap name before '='", argument)};
  }
  if (spec.interface.empty()) {
    return Error{fmt::format("'{}' names no interface; write [NAME=]INTERFACE", argument)};
  }
  return spec;
}

Result<std::unique_ptr<Source>> open_live(const LiveSpec& spec,
                                          const LiveOptions& options,
                                          LiveLimits& limits) {
  auto source = std::make_unique<InterfaceSource>(spec, options, limits);
  if (auto started = source->start(); !started) return started.error();
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace natlens::capture
