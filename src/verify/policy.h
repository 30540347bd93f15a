// A policy file: names, promises and waivers, every key known and every value understood.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/result.h"

#include "outcome.h"
#include "policy_values.h"
#include "toml_reader.h"

namespace natlens::verify {

// What a key's value is.
enum class ValueType : std::uint8_t {
  kText,
  kWord,       // one of a few, or free
  kWords,      // one, or a list
  kAddresses,  // prefix, range, name, tap, or a list
  kEndpoint,   // "web:80", "203.0.113.10:7000-7003"
  kPorts,
  kTime,
  kCount,
  kAmount,  // a count, or "0.01%"
  kThreshold,
  kBool,
  kFile,
  kMoment,  // "2026-11-21T08:30:54Z", or a time from the capture's start
  kBudget   // a table of words and counts
};

struct Value {
  ruleset::Place place;
  std::string text;
  std::vector<std::string> words;
  AddressSet addresses;
  PortSet ports;
  std::int64_t number = 0;  // count, ns
  double percent = 0;
  Threshold threshold;
  bool flag = false;
  std::map<std::string, std::int64_t> budget;
};

struct Assertion {
  std::string id;
  std::string kind;
  std::string file;
  ruleset::Place place;
  std::map<std::string, Value, std::less<>> values;

  const Value* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  bool flag(std::string_view key, bool otherwise) const;
  // The limits and words that all kinds share.
  Limits limits() const;
};

struct Waiver {
  ruleset::Place place;
  std::string code;                         // of a finding
  std::string assertion;                    // or id of an assertion
  std::map<std::string, AddressSet> where;  // src, dst, address
  std::map<std::string, PortSet> ports;     // sport, dport, port
  std::string until;
  std::string reason;
  mutable std::uint64_t used = 0;  // findings that it forgave
};

struct Policy {
  std::string file;
  std::map<std::string, AddressSet> names;
  std::map<std::string, std::string> taps;  // name in the policy, name in the database
  bool complete = false;                    // all exits of the box are captured
  std::vector<Assertion> assertions;
  std::vector<Waiver> waivers;
};

// An Error says "FILE:LINE:COLUMN: what; what would be right".
Result<Policy> parse_policy(std::string_view text, const std::string& file);
Result<Policy> load_policy(const std::string& file);
// One assertion from words: "forward id=web-published target=10.0.0.80:80", as comments of
// rules have it behind "verify:".
Result<Assertion> parse_comment(std::string_view text,
                                const ruleset::Place& place,
                                const Policy& names);

}  // namespace natlens::verify
