// A NAT in-line whose TUN device is one end of a socket pair, and whose clock stands until it
// is set.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "natlens/replay/inline.h"
#include "natlens/replay/tun.h"
#include "natlens/ruleset/parse.h"

#include "support/catch.h"
#include "support/packet.h"

namespace natlens::test {

inline constexpr const char* kMasquerade =
    "table ip nat {\n chain post {\n  type nat hook postrouting priority srcnat;\n"
    "  oifname \"wan0\" masquerade\n }\n}\n";

class InlineBox {
 public:
  struct Setup {
    std::string rules = kMasquerade;
    bool offload = false;
    std::uint32_t mtu = 1500;
    std::uint32_t most_connections = 0;
  };
  struct Seen : replay::Watcher {
    void opened(const conntrack::Opened&) override { ++connections; }
    void event(const conntrack::Event&) override {}
    void closed(const conntrack::Closed&) override { ++closed_connections; }
    void passed(const ruleset::Passed&, unsigned) override { ++packets; }
    std::size_t connections = 0;
    std::size_t closed_connections = 0;
    std::size_t packets = 0;
  };

  InlineBox() : InlineBox(Setup{}) {}
  explicit InlineBox(const Setup& setup) : buffer_(70'000) {
    int files[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, files) == 0);
    device_ = replay::FileDescriptor(files[0]);
    kernel_ = replay::FileDescriptor(files[1]);
    const int bytes = 1 << 20;
    for (const int fd : files) {
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    replay::InlineOptions options;
    options.offload = setup.offload;
    options.setup.answers = options.setup.errors = true;
    options.setup.interfaces = {
        {"lan0",
         {*ruleset::parse_prefix("10.0.0.0/8"), *ruleset::parse_prefix("fd00::/8")},
         {*Address::parse("10.0.0.1"), *Address::parse("fd00::1")},
         setup.mtu},
        {"wan0",
         {*ruleset::parse_prefix("0.0.0.0/0"), *ruleset::parse_prefix("::/0")},
         {*Address::parse("198.51.100.1"), *Address::parse("2001:db8:f::1")},
         setup.mtu}};
    REQUIRE(options.tracking.set_sysctl("nf_conntrack_max",
                                        std::to_string(setup.most_connections)));
    nat_ = std::make_unique<replay::InlineNat>(read(setup.rules), options, seen);
  }

  static std::unique_ptr<const ruleset::Ruleset> read(const std::string& text) {
    auto rules = ruleset::parse(text, "test.nft");
    REQUIRE(rules);
    return std::make_unique<const ruleset::Ruleset>(std::move(*rules));
  }

  void at(double seconds) {
    now_ = Timestamp::from_ns(static_cast<std::int64_t>((1e6 + seconds) * 1e9));
  }
  void tick() { nat_->tick(now_); }
  void put(const Bytes& bytes) {
    REQUIRE(::send(kernel_.get(), bytes.data(), bytes.size(), 0) ==
            static_cast<ssize_t>(bytes.size()));
  }
  void serve() { REQUIRE(nat_->serve(device_.get(), now_)); }
  // What the kernel gets next; empty: nothing.
  Bytes take() {
    const ssize_t got = ::recv(kernel_.get(), buffer_.data(), buffer_.size(), 0);
    return got <= 0 ? Bytes() : Bytes(buffer_.begin(), buffer_.begin() + got);
  }
  bool drop() { return ::recv(kernel_.get(), buffer_.data(), buffer_.size(), 0) > 0; }
  // All that leaves for one packet.
  std::vector<Bytes> send(const Bytes& bytes) {
    put(bytes);
    serve();
    std::vector<Bytes> out;
    for (Bytes got = take(); !got.empty(); got = take()) out.push_back(got);
    return out;
  }
  Bytes one(const Bytes& bytes) {
    const auto out = send(bytes);
    REQUIRE(out.size() == 1);
    return out.front();
  }
  replay::InlineNat& nat() { return *nat_; }
  std::uint64_t fates(ruleset::Fate fate) {
    return nat_->counters().fates[static_cast<std::size_t>(fate)];
  }

  Seen seen;

 private:
  replay::FileDescriptor device_;
  replay::FileDescriptor kernel_;
  Bytes buffer_;
  Timestamp now_ = Timestamp::from_ns(1'000'000'000'000'000);
  std::unique_ptr<replay::InlineNat> nat_;
};

}  // namespace natlens::test
