// What is said of NATs of known kinds. Each NAT is a function here: flows go in, translations
// come out.
#include "natlens/nat/behaviour.h"

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "natlens/nat/observe.h"

#include "rows.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::nat;
using correlate::TranslationKind;

namespace {

// Flows through one NAT between taps 1 and 2, and what is said of it.
class Lab {
 public:
  // host:port to server:port by the external end, for a second from `at` on.
  TranslationRow& flow(const std::string& internal,
                       const std::string& external,
                       const std::string& far,
                       double at,
                       const std::string& protocol = "udp") {
    auto& r = rows_.emplace_back(row(static_cast<std::int64_t>(rows_.size() + 1),
                                     TranslationKind::kSnat, tuple(protocol, internal, far),
                                     tuple(protocol, external, far)));
    r.start = second(at);
    r.end = second(at + 1);
    r.answered = true;
    return r;
  }
  // A stranger's packet to an external end, let in.
  void inbound(const std::string& internal,
               const std::string& external,
               const std::string& far,
               double at) {
    auto& r = rows_.emplace_back(row(static_cast<std::int64_t>(rows_.size() + 1),
                                     TranslationKind::kDnat, tuple("udp", far, internal),
                                     tuple("udp", far, external)));
    r.opened_from = correlate::FirstSeen::kOutside;
    r.start = second(at);
    r.end = second(at + 0.1);
  }
  void refused(const std::string& external, const std::string& far, double at) {
    unpaired_.push_back({10'000'000'000 + static_cast<std::int64_t>(unpaired_.size()), 2,
                         tuple("udp", far, external), second(at)});
  }
  void hairpin(const std::string& caller,
               const std::string& asked,
               const std::string& shown,
               const std::string& server) {
    auto& r = rows_.emplace_back(row(static_cast<std::int64_t>(rows_.size() + 1),
                                     TranslationKind::kHairpin, tuple("udp", caller, asked),
                                     tuple("udp", shown, server)));
    r.outside_tap = 1;
  }
  void called_in_vain(const std::string& caller, const std::string& asked, double at) {
    unpaired_.push_back({20'000'000'000 + static_cast<std::int64_t>(unpaired_.size()), 1,
                         tuple("udp", caller, asked), second(at)});
  }

  std::vector<Behaviour> behaviours(std::size_t most = 32'768) const {
    RelationBuilder relations(2);
    BehaviourBuilder builder(most);
    for (const auto& r : rows_) builder.add(relations.add(r), r);
    builder.seal();
    for (const auto& u : unpaired_) builder.unpaired(u);
    return builder.rows(relations.rows());
  }
  // "value (confidence)", or "undetermined".
  std::string told(Property property, std::uint8_t protocol = protocol::kUdp) const {
    const bool all = property == Property::kPooling || property == Property::kPortBlocks ||
                     property == Property::kBlockOrder;
    for (const Behaviour& b : behaviours()) {
      if (b.property != property || (!all && b.protocol != protocol)) continue;
      INFO(b.detail);
      CHECK(b.value.empty() == b.confidence.empty());
      if (b.value.empty()) return "undetermined";
      CHECK((b.evidence_for > 0 && !b.examples.empty()));
      CHECK(b.examples.size() <= 5);
      return fmt::format("{} ({})", b.value, b.confidence);
    }
    return "no row";
  }

 private:
  std::vector<TranslationRow> rows_;
  std::vector<UnpairedRow> unpaired_;
};

std::string host(int n, int port) {
  return fmt::format("10.0.0.{}:{}", n, port);
}
std::string outside(int port, int address = 1) {
  return fmt::format("198.51.100.{}:{}", address, port);
}
std::string server(int n, int port = 53) {
  return fmt::format("192.0.2.{}:{}", n, port);
}
// Ports as if by chance, the same in every run.
int scattered(int n) {
  return 1024 + static_cast<int>((static_cast<std::uint32_t>(n) * 2654435761U >> 7) % 64'000);
}

constexpr auto kMapping = Property::kMapping;

}  // namespace

TEST_CASE("one external port to all servers is endpoint-independent", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 4; ++n) {
    for (int s = 1; s <= 3; ++s) lab.flow(host(n, 5000), outside(scattered(n)), server(s), s);
  }
  CHECK(lab.told(kMapping) == "endpoint-independent (certain)");
}

TEST_CASE("kept ports alone make that only likely", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 4; ++n) {
    for (int s = 1; s <= 3; ++s) lab.flow(host(n, 5000 + n), outside(5000 + n), server(s), s);
  }
  CHECK(lab.told(kMapping) == "endpoint-independent (likely)");
}

TEST_CASE("another port for each server address is address-dependent", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 4; ++n) {
    for (int s = 1; s <= 2; ++s) {
      const auto external = outside(scattered(10 * n + s));
      lab.flow(host(n, 5000), external, server(s, 53), 1);
      lab.flow(host(n, 5000), external, server(s, 54), 1.5);
    }
  }
  CHECK(lab.told(kMapping) == "address-dependent (certain)");
}

TEST_CASE("another port for each server port is address- and port-dependent",
          "[nat][behaviour]") {
  Lab lab;
  int port = 0;
  for (int n = 2; n <= 4; ++n) {
    for (int s = 1; s <= 2; ++s) {
      lab.flow(host(n, 5000), outside(scattered(++port)), server(s, 53), 1);
      lab.flow(host(n, 5000), outside(scattered(++port)), server(s, 54), 1.5);
    }
  }
  CHECK(lab.told(kMapping) == "address-and-port-dependent (certain)");
}

TEST_CASE("without a second port of a server both remain possible", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 4; ++n) {
    for (int s = 1; s <= 2; ++s) {
      lab.flow(host(n, 5000), outside(scattered(10 * n + s)), server(s), s);
    }
  }
  CHECK(lab.told(kMapping) == "endpoint-dependent (address or port) (certain)");
}

TEST_CASE("a port clash is no sign of a symmetric NAT", "[nat][behaviour]") {
  Lab lab;
  for (int s = 1; s <= 3; ++s) lab.flow(host(2, 5000), outside(5000), server(s), s);
  // The same port from another host: taken towards server 1 and 2, free towards server 9.
  lab.flow(host(3, 5000), outside(5000), server(9), 4);
  lab.flow(host(3, 5000), outside(40211), server(1), 4.1);
  lab.flow(host(3, 5000), outside(40377), server(2), 4.2);
  CHECK(lab.told(kMapping) == "endpoint-independent until conflict (certain)");
  CHECK(lab.told(Property::kDeterminism) == "no (certain)");
}

TEST_CASE("different ports without a clash are not excused", "[nat][behaviour]") {
  Lab lab;
  for (int s = 1; s <= 3; ++s) lab.flow(host(2, 5000), outside(5000), server(s), s);
  lab.flow(host(3, 5000), outside(5000), server(9), 4);
  lab.flow(host(3, 5000), outside(40211), server(11), 4.1);
  lab.flow(host(3, 5000), outside(40377), server(12), 4.2);
  CHECK(lab.told(kMapping) == "mixed (certain)");
}

TEST_CASE("a port drawn twice from a narrow range is chance", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 11; ++n) {
    for (int s = 1; s <= 6; ++s) {
      const int port = n == 2 && s < 3 ? 7 : 300 * (n % 3) + 40 * s + n;
      lab.flow(host(n, 5000), outside(10'000 + port), server(s, 53 + s % 2), 1);
    }
  }
  CHECK(lab.told(kMapping) == "endpoint-dependent (address or port) (certain)");
}

TEST_CASE("flows that do not overlap tell nothing of mapping", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 4; ++n) {
    for (int s = 1; s <= 3; ++s) {
      lab.flow(host(n, 5000), outside(scattered(10 * n + s)), server(s), 100 * s);
    }
  }
  CHECK(lab.told(kMapping) == "undetermined");
  CHECK(Lab().behaviours().empty());
}

TEST_CASE("a port forward tells nothing of mapping", "[nat][behaviour]") {
  Lab lab;
  for (int s = 1; s <= 4; ++s) lab.inbound(host(20, 80), outside(8080), server(s), s);
  for (int s = 1; s <= 4; ++s)
    lab.flow(host(20, 80), outside(scattered(s)), server(s + 4), 5 + s);
  CHECK(lab.told(kMapping) == "undetermined");
  CHECK(lab.told(Property::kFiltering) == "undetermined");
}

TEST_CASE("filtering is told by what strangers got through", "[nat][behaviour]") {
  const auto with = [](bool address_in, bool stranger_in) {
    Lab lab;
    for (int n = 2; n <= 3; ++n) {
      lab.flow(host(n, 5000), outside(5000 + n), server(1), 1);
      const auto let = [&](bool in, const std::string& far) {
        if (in) {
          lab.inbound(host(n, 5000), outside(5000 + n), far, 3);
        } else {
          lab.refused(outside(5000 + n), far, 3);
        }
      };
      let(address_in, server(1, 99));
      let(stranger_in, server(40 + n, 53));
    }
    return lab.told(Property::kFiltering);
  };
  CHECK(with(true, true) == "endpoint-independent (certain)");
  CHECK(with(true, false) == "address-dependent (certain)");
  CHECK(with(false, false) == "address-and-port-dependent (certain)");
}

TEST_CASE("what came to no mapping proves nothing of filtering", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 3; ++n) {
    lab.flow(host(n, 5000), outside(5000 + n), server(1), 1);
    lab.refused(outside(7000 + n), server(1, 99), 3);    // a scanner
    lab.refused(outside(5000 + n), server(40, 9), 500);  // long after
  }
  CHECK(lab.told(Property::kFiltering) == "undetermined");
}

TEST_CASE("what something speaks against is not certain", "[nat][behaviour]") {
  Lab lab;
  for (int i = 0; i < 60; ++i) {
    const int port = i == 30 ? 40'000 : 5000 + i;
    lab.flow(host(2, 5000 + i), outside(port), server(1), i);
  }
  CHECK(lab.told(Property::kPortPreservation) == "preserving (likely)");
}

TEST_CASE("ports: kept, changed, at random, one after the other", "[nat][behaviour]") {
  Lab keeps, random, sequential;
  for (int i = 0; i < 60; ++i) {
    keeps.flow(host(2, 5000 + i), outside(5000 + i), server(1), i);
    random.flow(host(2, 5000 + i), outside(scattered(i)), server(1), i);
    sequential.flow(host(2, scattered(i)), outside(2000 + i), server(1), i);
  }
  CHECK(keeps.told(Property::kPortPreservation) == "preserving (certain)");
  CHECK(keeps.told(Property::kPortOrder) == "undetermined");
  CHECK(random.told(Property::kPortPreservation) == "not preserving (certain)");
  CHECK(random.told(Property::kPortOrder) == "random (certain)");
  CHECK(random.told(Property::kPortParity) == "not kept (certain)");
  CHECK(sequential.told(Property::kPortOrder) == "sequential (certain)");
  CHECK(sequential.told(Property::kPortRange) == "2000 to 2059 (certain)");
}

TEST_CASE("ports: parity and pairs for RTP and RTCP", "[nat][behaviour]") {
  Lab lab;
  for (int i = 0; i < 12; ++i) {
    const int port = scattered(i) & ~1;
    lab.flow(host(2, 5000 + 2 * i), outside(port), server(1), i);
    lab.flow(host(2, 5001 + 2 * i), outside(port + 1), server(1, 54), i + 0.1);
  }
  CHECK(lab.told(Property::kPortParity) == "kept (certain)");
  CHECK(lab.told(Property::kPortContiguity) == "kept (certain)");
}

TEST_CASE("a clash: another port, another address, the same for both", "[nat][behaviour]") {
  Lab remaps, overloads;
  for (int i = 0; i < 4; ++i) {
    const int port = 5000 + i;
    remaps.flow(host(2, port), outside(port), server(1), i);
    remaps.flow(host(3, port), outside(40000 + 7 * i), server(1), i + 0.5);
    overloads.flow(host(2, port), outside(port), server(1), i);
    overloads.flow(host(3, port), outside(port), server(1), i + 0.5);
  }
  CHECK(remaps.told(Property::kOnConflict) == "remaps (certain)");
  CHECK(remaps.told(Property::kPortOverloading) == "no (certain)");
  CHECK(overloads.told(Property::kOnConflict) == "overloads (certain)");
  CHECK(overloads.told(Property::kPortOverloading) == "yes (certain)");
}

TEST_CASE("one port for two hosts towards different servers is sharing", "[nat][behaviour]") {
  Lab lab;
  lab.flow(host(2, 5000), outside(5000), server(1), 0);
  lab.flow(host(3, 5000), outside(5000), server(2), 0.5);
  CHECK(lab.told(Property::kPortSharing) == "yes (certain)");
  CHECK(lab.told(Property::kPortOverloading) == "undetermined");
}

TEST_CASE("a pool: one address per host, or any", "[nat][behaviour]") {
  Lab one, paired, arbitrary;
  for (int n = 2; n <= 4; ++n) {
    for (int s = 1; s <= 3; ++s) {
      one.flow(host(n, 5000 + s), outside(5000 + s), server(n), s);
      paired.flow(host(n, 5000 + s), outside(5000 + s, n % 2), server(n), s);
      arbitrary.flow(host(n, 5000 + s), outside(5000 + s, 1 + (s + n) % 3), server(s), s);
    }
  }
  CHECK(one.told(Property::kPooling) == "one external address (certain)");
  CHECK(paired.told(Property::kPooling) == "paired (certain)");
  CHECK(arbitrary.told(Property::kPooling) == "arbitrary (certain)");
}

TEST_CASE("blocks of ports belong to subscribers; a narrow range is no block",
          "[nat][behaviour]") {
  Lab blocks, range, alone;
  for (int i = 0; i < 48; ++i) {
    const int n = i % 4;
    const int within = scattered(i) % 500;
    blocks.flow(host(2 + n, 5000 + i), outside(1024 + 512 * n + within), server(1), i);
    range.flow(host(2 + n, 5000 + i), outside(10'000 + 500 + within), server(1), i);
    alone.flow(host(2, 5000 + i), outside(10'000 + within), server(1), i);
  }
  CHECK(blocks.told(Property::kPortBlocks) == "blocks of 504 ports or more (certain)");
  CHECK(range.told(Property::kPortBlocks) == "none (certain)");
  CHECK(alone.told(Property::kPortBlocks) == "a block, or a range of all (likely)");
}

TEST_CASE("timeouts are bounds from what was outlived and what was not", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 3; ++n) {
    lab.flow(host(n, 5000), outside(scattered(n)), server(1), 10 * n);
    lab.inbound(host(n, 5000), outside(scattered(n)), server(1), 10 * n + 101);
    lab.flow(host(n, 6000), outside(scattered(n + 10)), server(1), 1000 * n);
    lab.refused(outside(scattered(n + 10)), server(1), 1000 * n + 101 + 200 * n);
  }
  CHECK(lab.told(Property::kTimeout) == "100 s to 500 s (certain)");
}

TEST_CASE("mappings that all ended at one moment had no timeout", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 5; ++n) {
    lab.flow(host(n, 5000), outside(scattered(n)), server(1), 10 + 0.1 * n);
    lab.flow(host(n, 5000), outside(scattered(n + 10)), server(1), 14 + 0.1 * n);
  }
  CHECK(lab.told(Property::kTimeout) == "undetermined");
}

TEST_CASE("silences within a flow are bounds too", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 3; ++n) {
    auto& kept = lab.flow(host(n, 5000), outside(5000), server(n), 1000 * n);
    kept.answered_after_ms = kept.came_after_ms = 25'000;
    auto& lost = lab.flow(host(n, 6000), outside(6000), server(n), 1000 * n);
    lost.answered_after_ms = 5'000;
    lost.came_after_ms = static_cast<std::uint32_t>(30'000 + 1000 * n);
  }
  CHECK(lab.told(Property::kTimeout) == "25 s to 32 s (certain)");
}

TEST_CASE("refreshing is told by who kept a mapping alive", "[nat][behaviour]") {
  const auto with = [](std::uint32_t gap, std::uint32_t apart, std::uint32_t came) {
    Lab lab;
    for (int n = 2; n <= 4; ++n) {
      auto& lost = lab.flow(host(n, 6000), outside(6000), server(n), 1000 * n);
      lost.came_after_ms = static_cast<std::uint32_t>(60'000 + 1000 * n);
      auto& stream = lab.flow(host(n, 5000), outside(5000), server(n), 1000 * n);
      stream.end = second(1000 * n + 300);
      stream.answered_after_ms = stream.came_after_ms = 15'000;
      stream.answer_gap_ms = gap;
      stream.answer_apart_ms = apart;
      stream.came_apart_ms = came;
    }
    return lab.told(Property::kRefresh);
  };
  CHECK(with(200'000, 200'000, 200'000) == "both (certain)");
  CHECK(with(15'000, 200'000, 200'000) == "inbound (certain)");
  CHECK(with(200'000, 15'000, 15'000) == "outbound (certain)");
  CHECK(with(200'000, 60'000, 200'000) == "outbound only (certain)");
  CHECK(with(15'000, 60'000, 200'000) == "outbound only (likely)");
  CHECK(with(15'000, 15'000, 15'000) == "undetermined");
  Lab unknown;  // without a timeout nothing is longer than it
  unknown.flow(host(2, 5000), outside(5000), server(2), 0).answer_gap_ms = 200'000;
  CHECK(unknown.told(Property::kRefresh) == "undetermined");
}

TEST_CASE("idle TCP connections tell how long they are remembered", "[nat][behaviour]") {
  Lab lab;
  for (int n = 2; n <= 3; ++n) {
    auto& kept = lab.flow(host(n, 5000), outside(5000), server(n, 22), 10'000 * n, "tcp");
    kept.answered_after_ms = kept.came_after_ms = 3'000'000;
    auto& lost = lab.flow(host(n, 6000), outside(6000), server(n, 22), 10'000 * n, "tcp");
    lost.came_after_ms = static_cast<std::uint32_t>(3'600'000 + 1000 * n);
  }
  CHECK(lab.told(Property::kTimeout, protocol::kTcp) == "3000 s to 3602 s (certain)");
}

TEST_CASE("a port that goes to another host tells how soon", "[nat][behaviour]") {
  Lab lab;
  for (int n = 0; n < 4; ++n) {
    lab.flow(host(2, 5000 + n), outside(7000 + n), server(1), 10 * n);
    lab.flow(host(3, 6000 + n), outside(7000 + n), server(2), 10 * n + 131 + n);
  }
  CHECK(lab.told(Property::kPortReuse) == "after 130 s or more (certain)");
  Lab shared;  // at the same time it is no reuse
  for (int n = 0; n < 4; ++n) {
    shared.flow(host(2, 5000 + n), outside(7000 + n), server(1), 10).end = second(100);
    shared.flow(host(3, 6000 + n), outside(7000 + n), server(2), 20).end = second(100);
  }
  CHECK(shared.told(Property::kPortReuse) == "undetermined");
}

TEST_CASE("blocks in the order of the hosts follow from their addresses", "[nat][behaviour]") {
  const auto with = [](const std::vector<int>& blocks) {
    Lab lab;
    for (std::size_t s = 0; s < blocks.size(); ++s) {
      for (int i = 0; i < 6; ++i) {
        lab.flow(host(static_cast<int>(s) + 2, 5000 + i),
                 outside(10'240 + 512 * blocks[s] + scattered(i) % 512), server(i), i);
      }
    }
    return lab.told(Property::kBlockOrder);
  };
  CHECK(with({0, 1, 2, 3, 4}) == "deterministic (likely)");
  CHECK(with({9, 8, 7, 5, 4, 3, 2, 1}) == "deterministic (certain)");
  CHECK(with({3, 0, 2, 4, 1}) == "not in the order of the hosts (certain)");
  CHECK(with({0, 1, 2, 3}) == "undetermined");
}

TEST_CASE("where ports change, a port that stayed is a mapping that stayed",
          "[nat][behaviour]") {
  Lab random, keeps;
  for (int i = 0; i < 12; ++i) {
    random.flow(host(2, 5000 + i), outside(scattered(i)), server(1), i).resumed_after_ms =
        70'000;
    keeps.flow(host(2, 5000 + i), outside(5000 + i), server(1), i).resumed_after_ms = 70'000;
  }
  CHECK(random.told(Property::kTimeout) == "70 s or more (certain)");
  CHECK(keeps.told(Property::kTimeout) == "undetermined");
}

TEST_CASE("hairpins are told by the source that the server saw", "[nat][behaviour]") {
  const auto with = [](const std::string& shown) {
    Lab lab;
    lab.flow(host(20, 80), outside(8080), server(1), 0);
    for (int i = 0; i < 3; ++i)
      lab.hairpin(host(2, 4000 + i), outside(8080), shown, host(20, 80));
    return lab.told(Property::kHairpinning);
  };
  CHECK(with("198.51.100.1:4000") == "yes (certain)");
  CHECK(with("10.0.0.2:4000") == "yes, with the internal source (certain)");
  CHECK(with("10.0.0.1:4000") == "yes, with the router's source (certain)");
  Lab lab;
  lab.flow(host(20, 80), outside(8080), server(1), 0);
  CHECK(lab.told(Property::kHairpinning) == "undetermined");
  for (int i = 0; i < 3; ++i) lab.called_in_vain(host(2, 4000 + i), outside(8080), 1);
  CHECK(lab.told(Property::kHairpinning) == "no (certain)");
}

TEST_CASE("memory is bounded: the earliest translations of a NAT are kept",
          "[nat][behaviour]") {
  Lab lab;
  for (int i = 99; i >= 0; --i) lab.flow(host(2, 5000 + i), outside(5000 + i), server(1), i);
  for (const Behaviour& b : lab.behaviours(20)) {
    if (b.property != Property::kPortPreservation) continue;
    CHECK(b.evidence_for == 20);
    CHECK(b.examples.front() == 100);
  }
}
