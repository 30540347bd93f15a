// Is what a box did among what its rules allow?
//
// A rule gives a set of outcomes: any address of its pool, any value of its map, another port
// if its own is taken. And what a rule matches may not be seen in captures (a mark, a user, an
// interface without a name). So the answer is one of three: yes, however that may be; no,
// however it may be; or it depends, and on what.
//
// Only a connection's first packet meets NAT chains. Whether a port was taken is not decided
// here: `port_kept` says what happened, and whoever knows the other connections judges.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "natlens/net/address.h"
#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

struct FirstPacket {
  Tuple tuple;  // as it entered
  // Interfaces by which it entered and left (or would leave), as rules call them; "": not
  // known, "(...)": none that rules name.
  std::string in;
  std::string out;
  std::uint16_t tcp_flags = 0;
  std::uint8_t ttl = 64;
  std::uint32_t bytes = 0;
  bool invalid = false;  // tracking refused it: rules see it, NAT does not
};

struct JudgeSetup {
  std::vector<Address> own;   // the router's addresses
  bool own_complete = false;  // there are no others
  // Answers that somebody gave to what captures do not show, by Unsettled::what.
  std::vector<std::pair<std::string, bool>> assumed;
};

// What captures do not show, and a rule asks for.
struct Unsettled {
  const Rule* rule = nullptr;
  std::string what;  // "meta mark", "iifname"...
};

enum class PortFate : std::uint8_t { kKept, kChanged, kInRange, kNone };

struct Judgement {
  Truth allowed = Truth::kYes;  // kUnknown: it depends on what is `unsettled`
  // The translating rules on the ways that allow it; nullptr: none.
  const Rule* destination_rule = nullptr;
  const Rule* source_rule = nullptr;
  bool rule_certain = true;      // all ways that allow it use the same ones
  const Rule* broken = nullptr;  // what should have acted, or dropped; nullptr: no rule says so
  std::string expected;          // what the rules would have made of it
  PortFate source_port = PortFate::kNone;
  bool random = false;      // the source rule draws ports (a random flag)
  bool persistent = false;  // and keeps to one address for each source
  std::vector<Unsettled> unsettled;
};

class Judge {
 public:
  // `rules` are not owned and outlive the judge.
  Judge(const Ruleset& rules, JudgeSetup setup);
  ~Judge();
  Judge(Judge&&) noexcept;

  // `after`: the tuple it left with; nothing: it did not leave.
  Judgement judge(const FirstPacket& packet, const std::optional<Tuple>& after) const;
  // What the rules would make of it, in words that are equal if the allowed outcomes are.
  std::string outcome(const FirstPacket& packet) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::ruleset
