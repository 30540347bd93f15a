// What the rules on NAT behaviour work on: one translation of one NAT, reduced, and the words
// that they share. X:x is the internal endpoint, X':x' the external one, Y:y the remote one
// (RFC 4787).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "natlens/nat/records.h"

namespace natlens::nat {

struct Observation {
  std::int64_t id = 0;     // translation.id
  std::int64_t start = 0;  // ns, first and last packet
  std::int64_t end = 0;
  std::int64_t alive =
      0;  // the mapping was there until then at least, by what is known of NATs
  Endpoint internal;
  Endpoint external;
  Endpoint far;
  std::uint8_t protocol = 0;
  std::int64_t answered_after = 0;  // ns; as TranslationRow has them
  std::int64_t came_after = 0;
  std::int64_t resumed_after = 0;
  std::int64_t answer_gap = 0;
  std::int64_t answer_apart = 0;
  std::int64_t came_apart = 0;
  bool inbound = false;   // the remote end opened it
  bool answered = false;  // packets in both directions
  bool closed = false;    // TCP: by FIN or RST
  bool fixed = false;     // X:x is a port forward or the like
  bool fresh = false;     // no mapping of X:x was alive
  bool forced = false;    // X':x was taken by another host towards the same Y:y

  bool preserved() const { return internal.port == external.port; }
};

// A connection that came to an external endpoint and has no image inside.
struct Refusal {
  std::int64_t connection = 0;  // connection.id
  std::int64_t start = 0;
  Endpoint external;
  Endpoint far;
  std::uint8_t protocol = 0;
};

// A host inside that called an external address of its own NAT, and how the server saw it.
struct Hairpin {
  std::int64_t id = 0;  // translation.id; connection.id without image
  std::uint8_t protocol = 0;
  Endpoint asked;
  Address caller;
  Address shown;  // as the server saw it; none: no image
};

// Counts with the first few ids that show them.
class Evidence {
 public:
  void add(std::int64_t id) {
    ++count_;
    if (examples_.size() < kMostExamples) examples_.push_back(id);
  }
  std::uint64_t count() const { return count_; }
  const std::vector<std::int64_t>& examples() const { return examples_; }

 private:
  static constexpr std::size_t kMostExamples = 5;
  std::uint64_t count_ = 0;
  std::vector<std::int64_t> examples_;
};

// The observations of one NAT and protocol (or of all protocols), by start, with the orders
// that the rules ask for.
class Observed {
 public:
  // REQUIRES: sorted by start. Sets alive, fixed, fresh and forced.
  explicit Observed(std::vector<Observation> by_start);

  std::span<const Observation> all() const { return all_; }
  const Observation& at(std::uint32_t i) const { return all_[i]; }
  // Numbers of outbound observations that are not fixed, by (protocol, X:x, start).
  std::span<const std::uint32_t> by_internal() const { return by_internal_; }
  // All, by (protocol, X':x', Y:y, start).
  std::span<const std::uint32_t> by_flow() const { return by_flow_; }
  // Runs `use` for each stretch of by_internal() with the same protocol and X:x.
  template <typename Use>
  void each_internal(Use use) const {
    for (std::size_t from = 0; from < by_internal_.size();) {
      std::size_t to = from + 1;
      while (to < by_internal_.size() && same_internal(by_internal_[from], by_internal_[to]))
        ++to;
      use(std::span<const std::uint32_t>(by_internal_).subspan(from, to - from));
      from = to;
    }
  }
  // Another host held `external` towards o's remote end when o began.
  bool conflict(const Observation& o, const Endpoint& external) const;
  // New mappings, by start.
  std::vector<const Observation*> fresh() const;

 private:
  bool same_internal(std::uint32_t a, std::uint32_t b) const {
    return all_[a].protocol == all_[b].protocol && all_[a].internal == all_[b].internal;
  }
  void find_fixed();
  void sort();
  void find_fresh();

  std::vector<Observation> all_;
  std::vector<std::uint32_t> by_internal_;
  std::vector<std::uint32_t> by_flow_;
};

// Share of the new, not forced mappings that kept their port.
struct Preservation {
  std::uint64_t free = 0;
  std::uint64_t kept = 0;
  // 3.5: enough of them, and hardly any kept the port: equal ports are no accident then.
  bool none() const { return free >= 10 && kept * 20 <= free; }
};
Preservation preservation(const Observed& seen);

// A verdict about to be made. With anything against it, it is not certain.
Behaviour verdict(Property property,
                  std::string value,
                  std::string_view confidence,
                  const Evidence& evidence,
                  const Evidence& against = {},
                  std::string detail = {});
// Where the value itself says that the other thing occurs, too, or where it may by chance:
// `other` is no evidence against it.
Behaviour verdict_of_both(Property property,
                          std::string value,
                          std::string_view confidence,
                          const Evidence& evidence,
                          const Evidence& other,
                          std::string detail);
Behaviour undetermined(Property property, std::string detail, const Evidence& evidence = {});
inline constexpr std::string_view kCertain = "certain";
inline constexpr std::string_view kLikely = "likely";

// The rules, each in its file. `seen` is of one protocol.
Behaviour mapping_behaviour(const Observed& seen, std::uint8_t protocol);
Behaviour filtering_behaviour(const Observed& seen, std::span<const Refusal> refusals);
Behaviour timeout_bounds(const Observed& seen,
                         std::span<const Refusal> refusals,
                         bool answered);
// The shortest silence that mappings with answers did not outlive, on two mappings; 0: unknown.
std::int64_t timeout_at_most(const Observed& seen, std::span<const Refusal> refusals);
Behaviour refresh_behaviour(const Observed& seen, std::span<const Refusal> refusals);
Behaviour port_reuse(const Observed& seen);
void port_behaviours(const Observed& seen, std::vector<Behaviour>& out);
void port_order(const Observed& seen, std::vector<Behaviour>& out);
// `seen` is of all protocols.
Behaviour pooling_behaviour(const Observed& seen);
Behaviour port_blocks(const Observed& seen);
Behaviour block_order(const Observed& seen);

}  // namespace natlens::nat
