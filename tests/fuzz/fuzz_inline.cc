// Any packets with any offload header through the NAT in-line, whose device is a socket pair;
// bit 1 of the option byte: the rules are read again before it.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include <sys/socket.h>

#include "natlens/replay/inline.h"
#include "natlens/replay/tun.h"
#include "natlens/ruleset/parse.h"

#include "decode_frames.h"

namespace natlens::fuzz {
namespace {

constexpr const char* kRules = R"(
nat64 { pool 192.0.2.1 }
npt { inside fd01:2:3::/48; outside 2001:db8:1::/48 }
table ip f {
  chain forward {
    type filter hook forward priority 0;
    udp dport 9 reject
  }
}
table ip n {
  chain pre {
    type nat hook prerouting priority dstnat;
    iifname wan0 tcp dport 8000-8010 dnat to 10.0.0.2-10.0.0.4:80
  }
  chain post {
    type nat hook postrouting priority srcnat;
    oifname wan0 masquerade
  }
}
)";
constexpr std::array<capture::LinkType, 1> kRawIp{101};
constexpr std::size_t kHeader = 10;
constexpr std::size_t kMost = 65'535 + kHeader;

std::unique_ptr<const ruleset::Ruleset> read_rules() {
  auto rules = ruleset::parse(kRules, "fuzz.nft");
  require(static_cast<bool>(rules));
  return std::make_unique<const ruleset::Ruleset>(std::move(*rules));
}

replay::InlineOptions options() {
  replay::InlineOptions options;
  options.offload = true;
  options.setup.answers = options.setup.errors = true;
  options.setup.interfaces = {
      {"lan0",
       {*ruleset::parse_prefix("10.0.0.0/8"), *ruleset::parse_prefix("fd00::/8")},
       {*Address::parse("10.0.0.1"), *Address::parse("fd00::1")},
       1280},
      {"wan0",
       {*ruleset::parse_prefix("0.0.0.0/0"), *ruleset::parse_prefix("::/0")},
       {*Address::parse("198.51.100.1"), *Address::parse("2001:db8:ff::1")},
       1280}};
  require(static_cast<bool>(options.tracking.set_sysctl("nf_conntrack_checksum", "0")));
  return options;
}

struct Silent : replay::Watcher {
  void opened(const conntrack::Opened&) override {}
  void event(const conntrack::Event&) override {}
  void closed(const conntrack::Closed&) override {}
  void passed(const ruleset::Passed&, unsigned) override {}
};

// What the kernel would get has to be IP, and cut into something.
void drain(int fd, std::vector<std::uint8_t>& buffer) {
  for (;;) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    require(static_cast<std::size_t>(got) >= kHeader + 20);
    require(buffer[kHeader] >> 4 == 4 || buffer[kHeader] >> 4 == 6);
    require(buffer[0] <= 1);
  }
}

void run(std::span<const std::uint8_t> input) {
  static const replay::InlineOptions kOptions = options();
  std::array<int, 2> files{};
  require(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, files.data()) == 0);
  const replay::FileDescriptor device(files[0]);
  const replay::FileDescriptor kernel(files[1]);
  Silent silent;
  replay::InlineNat nat(read_rules(), kOptions, silent);
  std::vector<std::uint8_t> buffer(kMost);
  Timestamp now = Timestamp::from_ns(0);
  each_frame(input, kRawIp, [&](const capture::Frame& frame, std::uint8_t option) {
    now = frame.time;
    if ((option & 2U) != 0) nat.reload(read_rules());
    const auto bytes = frame.bytes.first(std::min(frame.bytes.size(), kMost));
    if (bytes.empty() || ::send(kernel.get(), bytes.data(), bytes.size(), 0) < 0) return;
    require(static_cast<bool>(nat.serve(device.get(), now)));
    drain(kernel.get(), buffer);
    nat.tick(now);
  });
  nat.finish(now);
}

}  // namespace
}  // namespace natlens::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  natlens::fuzz::run({data, size});
  return 0;
}
