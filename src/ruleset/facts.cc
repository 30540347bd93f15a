#include "facts.h"

#include "packet_layer.h"
#include "values.h"

namespace natlens::ruleset {
namespace {

Truth known(Number& out, std::uint64_t value) {
  out = number_of(value);
  return Truth::kYes;
}
Truth known(Number& out, const Address& address) {
  out = number_of(address);
  return Truth::kYes;
}

bool has_ports(std::uint8_t protocol) {
  return protocol == protocol::kTcp || protocol == protocol::kUdp ||
         protocol == protocol::kUdpLite || protocol == protocol::kSctp ||
         protocol == protocol::kDccp;
}
Truth of_transport(const Key& key, const Facts& facts, Number& value) {
  const Tuple& tuple = facts.tuple;
  if (key.protocol != 0 && key.protocol != tuple.protocol) {
    return Truth::kNo;
  }
  const ByteView l4 = facts.layer->l4;
  switch (key.field) {
    case Field::kSrcPort:
    case Field::kDstPort:
      if (!has_ports(tuple.protocol)) return Truth::kNo;
      return known(value, key.field == Field::kSrcPort ? tuple.src_port : tuple.dst_port);
    case Field::kIcmpType:
    case Field::kIcmpCode:
      if (!is_icmp(tuple.protocol)) return Truth::kNo;
      if (l4.size() < 2) return Truth::kUnknown;
      return known(value, l4[key.field == Field::kIcmpType ? 0 : 1]);
    default:  // kTcpFlags
      if (tuple.protocol != protocol::kTcp) return Truth::kNo;
      return l4.size() < 14 ? Truth::kUnknown : known(value, l4[13]);
  }
}

Truth of_entry(const Key& key, const Facts& facts, Number& value) {
  if (!facts.has_entry) {
    return Truth::kNo;
  }
  switch (key.field) {
    case Field::kStatus:
      return known(value, facts.status);
    case Field::kDirection:
      return known(value, facts.direction);
    case Field::kCtProtocol:
      return known(value, facts.original.protocol);
    case Field::kOriginalSrc:
      return known(value, facts.original.src);
    case Field::kOriginalDst:
      return known(value, facts.original.dst);
    case Field::kOriginalSrcPort:
      return known(value, facts.original.src_port);
    case Field::kOriginalDstPort:
      return known(value, facts.original.dst_port);
    case Field::kReplySrc:
      return known(value, facts.reply.src);
    case Field::kReplyDst:
      return known(value, facts.reply.dst);
    case Field::kReplySrcPort:
      return known(value, facts.reply.src_port);
    case Field::kReplyDstPort:
      return known(value, facts.reply.dst_port);
    default:
      return Truth::kUnknown;
  }
}

Truth of_mark(const Mark& mark, Number& value) {
  return mark.known ? known(value, mark.value) : Truth::kUnknown;
}

Truth of_type(std::uint32_t type, Number& value) {
  return type != 0 ? known(value, type) : Truth::kUnknown;
}

Truth raw_value(const Key& key, const Facts& facts, Number& value) {
  switch (key.field) {
    case Field::kFamily:
      return known(value, facts.tuple.src.is_v4() ? 4 : 6);
    case Field::kSrc:
      return known(value, facts.tuple.src);
    case Field::kDst:
      return known(value, facts.tuple.dst);
    case Field::kProtocol:
      return known(value, facts.tuple.protocol);
    case Field::kSrcPort:
    case Field::kDstPort:
    case Field::kIcmpType:
    case Field::kIcmpCode:
    case Field::kTcpFlags:
      return of_transport(key, facts, value);
    case Field::kState:
      return known(value, facts.state);
    case Field::kMark:
      return of_mark(facts.mark, value);
    case Field::kCtMark:
      return facts.has_entry ? of_mark(facts.ct_mark, value) : Truth::kNo;
    case Field::kDstType:
      return of_type(facts.dst_type, value);
    case Field::kSrcType:
      return of_type(facts.src_type, value);
    case Field::kBytes:
      return known(value, facts.layer->total_bytes);
    case Field::kTtl:
      return known(value, facts.layer->ttl);
    case Field::kUnknown:
    case Field::kChance:
    case Field::kInInterface:
    case Field::kOutInterface:
      return Truth::kUnknown;
    default:
      return of_entry(key, facts, value);
  }
}

// "eth0" or "eth*" against a name.
bool name_matches(std::string_view pattern, std::string_view name) {
  if (!pattern.empty() && pattern.back() == '*') {
    return name.starts_with(pattern.substr(0, pattern.size() - 1));
  }
  return pattern == name;
}

Truth part_holds(const Range& range, const Key& key, const Facts& facts, bool any_bit) {
  if (is_interface(key.field)) {
    const std::string* name = key.field == Field::kInInterface ? facts.in : facts.out;
    if (name == nullptr) {
      return range.name.empty() ? Truth::kYes : Truth::kNo;
    }
    // A name that nobody told is none that the rules give to another interface.
    const bool wild = !range.name.empty() && range.name.back() == '*';
    if (name->empty() || (name->front() == '(' && wild && range.name != "*")) {
      return Truth::kUnknown;
    }
    return name_matches(range.name, *name) ? Truth::kYes : Truth::kNo;
  }
  Number value{};
  const Truth there = value_of(key, facts, value);
  if (there != Truth::kYes) {
    return there;
  }
  if (any_bit) {
    return (low_bits(value) & low_bits(range.low)) != 0 ? Truth::kYes : Truth::kNo;
  }
  return range.low <= value && value <= range.high ? Truth::kYes : Truth::kNo;
}

Truth element_holds(const Element& element,
                    const std::vector<Key>& keys,
                    const Facts& facts,
                    bool any_bit) {
  Truth all = Truth::kYes;
  for (std::size_t i = 0; i < element.parts.size() && i < keys.size(); ++i) {
    const Truth part = part_holds(element.parts[i], keys[i], facts, any_bit);
    if (part == Truth::kNo) {
      return Truth::kNo;
    }
    all = part == Truth::kUnknown ? part : all;
  }
  return all;
}

// A field that the packet does not have makes the match fail, whatever the operator.
bool lacks_field(const std::vector<Key>& keys, const Facts& facts) {
  for (const Key& key : keys) {
    Number value{};
    if (!is_interface(key.field) && value_of(key, facts, value) == Truth::kNo) {
      return true;
    }
  }
  return false;
}

}  // namespace

Truth value_of(const Key& key, const Facts& facts, Number& value) {
  if (key.family != Family::kNone && key.family != facts.tuple.src.family()) {
    return Truth::kNo;
  }
  const Truth there = raw_value(key, facts, value);
  if (there == Truth::kYes && key.mask) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      value[i] = static_cast<std::uint8_t>(value[i] & (*key.mask)[i]);
    }
  }
  return there;
}

Truth holds(const Statement& match, const Facts& facts) {
  if (match.kind == ActionKind::kUnknownMatch) {
    return Truth::kUnknown;
  }
  if (lacks_field(match.keys, facts)) {
    return Truth::kNo;
  }
  Truth any = match.set->changes ? Truth::kUnknown : Truth::kNo;
  for (const Element& element : match.set->elements) {
    const Truth truth =
        element_holds(element, match.keys, facts, match.compare == Compare::kAnyBit);
    if (truth == Truth::kYes) {
      any = truth;
      break;
    }
    any = truth == Truth::kUnknown ? truth : any;
  }
  if (match.compare == Compare::kNotEqual && any != Truth::kUnknown) {
    return any == Truth::kYes ? Truth::kNo : Truth::kYes;
  }
  return any;
}

Truth find_element(const Set& set,
                   const std::vector<Key>& keys,
                   const Facts& facts,
                   std::uint32_t chance,
                   const Element*& found) {
  if (lacks_field(keys, facts)) {
    return Truth::kNo;
  }
  const bool drawn = keys.size() == 1 && keys.front().field == Field::kChance;
  const std::uint32_t modulus = drawn ? keys.front().modulus : 0;
  const Element* otherwise = nullptr;
  for (const Element& element : set.elements) {
    if (element.parts.empty()) {
      otherwise = &element;
      continue;
    }
    Truth truth = Truth::kNo;
    if (drawn && modulus != 0) {
      const Number value = number_of(chance % modulus);
      truth = element.parts[0].low <= value && value <= element.parts[0].high ? Truth::kYes
                                                                              : Truth::kNo;
    } else {
      truth = element_holds(element, keys, facts, false);
    }
    if (truth == Truth::kUnknown) {
      return truth;
    }
    if (truth == Truth::kYes) {
      found = &element;
      return truth;
    }
  }
  if (set.changes) {
    return Truth::kUnknown;
  }
  found = otherwise;
  return otherwise != nullptr ? Truth::kYes : Truth::kNo;
}

}  // namespace natlens::ruleset
