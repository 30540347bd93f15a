// Rules as one model, wherever they were written: nftables (text or JSON) or iptables-save.
//
// A rule is a list of statements that a packet meets in order, as nftables evaluates them:
// matches, which end the rule where they fail, and actions. What could not be understood is a
// match or an action too (kUnknown), so that nothing decided behind it is taken for certain.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/address.h"

namespace natlens::ruleset {

enum class Truth : std::uint8_t { kNo, kYes, kUnknown };

// Where something stands, to be told to a person.
struct Place {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};
std::string to_string(const Place& place);  // "nat.nft:12:3"

// A number of up to 128 bits, or an IPv6 address, big-endian; an IPv4 address in the last four.
using Number = std::array<std::uint8_t, 16>;
Number number_of(std::uint64_t value);
Number number_of(const Address& address);
std::uint64_t low_bits(const Number& number);

struct Prefix {
  Address address;
  unsigned bits = 0;
  bool contains(const Address& other) const;
};
// "10.0.0.0/8", or an address alone.
std::optional<Prefix> parse_prefix(std::string_view text);

// From low to high, both included; or the name of an interface, where a final * means any
// continuation.
struct Range {
  Number low{};
  Number high{};
  std::string name;
};

// What of a packet is looked at.
enum class Field : std::uint8_t {
  kUnknown,
  kInInterface,
  kOutInterface,
  kFamily,  // 4 or 6
  kSrc,
  kDst,
  kProtocol,
  kSrcPort,
  kDstPort,
  kIcmpType,
  kIcmpCode,
  kTcpFlags,
  kState,      // as a bit: see state_bit
  kStatus,     // conntrack::status
  kDirection,  // 0 original, 1 reply
  kMark,
  kCtMark,
  kCtProtocol,
  kOriginalSrc,
  kOriginalDst,
  kOriginalSrcPort,
  kOriginalDstPort,
  kReplySrc,
  kReplyDst,
  kReplySrcPort,
  kReplyDstPort,
  kDstType,  // of the address in this router's routing: see address_type
  kSrcType,
  kBytes,  // of the IP packet
  kTtl,
  kChance,  // numgen, a hash: any of 0 to `modulus` - 1
};

// Bits of Field::kState, as `ct state` numbers them.
namespace state_bit {
inline constexpr std::uint32_t kInvalid = 1;
inline constexpr std::uint32_t kEstablished = 2;
inline constexpr std::uint32_t kRelated = 4;
inline constexpr std::uint32_t kNew = 8;
inline constexpr std::uint32_t kUntracked = 64;
}  // namespace state_bit

// Values of Field::kDstType (RTN_*).
namespace address_type {
inline constexpr std::uint32_t kUnicast = 1;
inline constexpr std::uint32_t kLocal = 2;
inline constexpr std::uint32_t kBroadcast = 3;
inline constexpr std::uint32_t kMulticast = 5;
}  // namespace address_type

struct Key {
  Field field = Field::kUnknown;
  // What a packet has to be for the field to exist; else the match fails.
  Family family = Family::kNone;
  std::uint8_t protocol = 0;  // of the transport; 0: any that has the field
  std::optional<Number> mask;
  std::uint32_t modulus = 0;  // kChance
};

enum class VerdictKind : std::uint8_t {
  kContinue,
  kAccept,
  kDrop,
  kReject,
  kReturn,
  kJump,
  kGoto,
  kUnknown,  // goes somewhere that these rules do not tell (queue, tproxy...)
};
struct Verdict {
  VerdictKind kind = VerdictKind::kContinue;
  std::string chain;  // jump, goto
};

// One member of a set or map: a range for each of the keys, and what it stands for.
struct Element {
  std::vector<Range> parts;  // none: everything else (*)
  std::optional<Verdict> verdict;
  std::vector<Range> data;
};
struct Set {
  std::string name;  // "" = anonymous
  std::vector<Element> elements;
  bool changes = false;  // packets or time add and remove members: what is not there may be
};

enum class Compare : std::uint8_t { kEqual, kNotEqual, kAnyBit };

// Where an action gets a value from: a constant, or a look-up.
struct Source {
  bool present = false;
  Range constant;
  std::vector<Key> keys;  // not empty: a look-up in `map`
  std::shared_ptr<Set> map;
  unsigned part = 0;  // of the map's data
};

enum class NatType : std::uint8_t { kSnat, kDnat, kMasquerade, kRedirect };

struct Nat {
  NatType type = NatType::kSnat;
  Source address;
  Source port;
  bool random = false;
  bool fully_random = false;
  bool persistent = false;
  bool netmap = false;                     // the host part is kept
  std::optional<std::uint16_t> port_base;  // shifted range: port - base + first
};

enum class ActionKind : std::uint8_t {
  kMatch,  // fails or goes on
  kVerdict,
  kVerdictMap,
  kNat,
  kHelper,  // text
  kNotrack,
  kZone,     // number; original, reply: in which keys
  kSetMark,  // mark = (mark & keep) ^ number
  kSetCtMark,
  kCopyMark,  // mark := ct mark
  kSaveMark,  // ct mark := mark
  kUnknownMatch,
  kUnknownAction,  // may change the packet or its way
};

struct Statement {
  ActionKind kind = ActionKind::kMatch;
  Compare compare = Compare::kEqual;
  std::vector<Key> keys;
  std::shared_ptr<Set> set;
  Verdict verdict;
  Nat nat;
  std::string text;
  std::uint32_t number = 0;
  std::uint32_t keep = 0;
  bool original = true;
  bool reply = true;
};

struct Rule {
  Place place;
  std::string text;          // as written
  std::string comment;       // that the rule carries
  std::uint64_t handle = 0;  // nftables': stays when rules around it come and go; 0 = not told
  std::vector<Statement> statements;
};

enum class Hook : std::uint8_t { kNone, kPrerouting, kInput, kForward, kOutput, kPostrouting };
enum class ChainType : std::uint8_t { kFilter, kNat, kRoute };

enum class TableFamily : std::uint8_t { kInet, kIpv4, kIpv6, kOther };

struct Chain {
  std::string name;
  Place place;
  Hook hook = Hook::kNone;
  std::int32_t priority = 0;
  ChainType type = ChainType::kFilter;
  VerdictKind policy = VerdictKind::kAccept;
  std::vector<Rule> rules;
};

struct Table {
  TableFamily family = TableFamily::kInet;
  std::string name;
  std::vector<Chain> chains;
};

// Translators that nftables does not have, in words of natlens's own (docs/natlens.1). Their
// rule has no statements: it is there to be named.

// Stateful NAT64 (RFC 6146) behind an interface "nat64", where packets are routed that go to
// the prefix (RFC 6052) or to the pool.
struct Nat64 {
  Rule rule;
  Prefix prefix;
  std::vector<Range> pool;  // IPv4
};
bool in_pool(const Nat64& nat64, const Address& address);

// Prefix translation (RFC 6296) at the interfaces behind which `inside` is not. The prefixes
// are equally long.
struct Npt {
  Rule rule;
  Prefix inside;
  Prefix outside;
};

// Something that was read and not understood.
struct Gap {
  Place place;
  std::string what;  // "unknown expression 'xyz'"
};

struct Ruleset {
  std::vector<Table> tables;
  std::vector<Nat64> nat64;
  std::vector<Npt> npt;
  std::vector<Gap> gaps;
  // Do these rules set such marks? Else marks come from somewhere else, and nothing is known of
  // them.
  bool sets_mark = false;
  bool sets_ct_mark = false;
};

}  // namespace natlens::ruleset
