#include "expectation.h"

#include <algorithm>
#include <utility>

#include "helper.h"

namespace natlens::conntrack {
namespace {

// The source parts of a mask as bytes to compare under.
bool masked_equal(const Address& a, const Address& b, const Address& mask) {
  const auto x = a.bytes();
  const auto y = b.bytes();
  const auto m = mask.bytes();
  for (std::size_t i = 0; i < m.size() && i < x.size() && i < y.size(); ++i) {
    if (((x[i] ^ y[i]) & m[i]) != 0) {
      return false;
    }
  }
  return a.family() == b.family();
}

// nf_ct_tuple_mask_cmp: the source under the mask, the destination exactly.
bool covers(const Expectation& e, const Tuple& tuple, std::uint32_t zone) {
  return e.zone == zone && e.tuple.protocol == tuple.protocol && e.tuple.dst == tuple.dst &&
         e.tuple.dst_port == tuple.dst_port &&
         ((e.tuple.src_port ^ tuple.src_port) & e.mask.src_port) == 0 &&
         masked_equal(e.tuple.src, tuple.src, e.mask.src);
}

// Could both be met by one connection?
bool clash(const Expectation& a, const Expectation& b) {
  if (a.zone != b.zone || a.tuple.protocol != b.tuple.protocol || a.tuple.dst != b.tuple.dst ||
      a.tuple.dst_port != b.tuple.dst_port) {
    return false;
  }
  if (((a.tuple.src_port ^ b.tuple.src_port) & a.mask.src_port & b.mask.src_port) != 0) {
    return false;
  }
  const bool wider_first =
      a.mask.src.bytes().size() < b.mask.src.bytes().size() ||
      std::lexicographical_compare(a.mask.src.bytes().begin(), a.mask.src.bytes().end(),
                                   b.mask.src.bytes().begin(), b.mask.src.bytes().end());
  return masked_equal(a.tuple.src, b.tuple.src, wider_first ? a.mask.src : b.mask.src);
}

bool same(const Expectation& a, const Expectation& b) {
  return a.tuple == b.tuple && a.mask == b.mask && a.zone == b.zone;
}

// All ones in the first `bits` of an address of `like`'s family.
Address mask_of(const Address& like, unsigned bits) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size() && bits > 0; ++i) {
    const unsigned take = std::min(bits, 8U);
    bytes[i] = static_cast<std::uint8_t>(0xff00U >> take);
    bits -= take;
  }
  return like.is_v6() ? Address::v6(std::span<const std::uint8_t, 16>(bytes))
                      : Address::v4(std::span<const std::uint8_t, 16>(bytes).first<4>());
}

Expectation build(const Announcement& a) {
  Expectation e;
  const bool wild = a.src.family() == Family::kNone;
  e.tuple.src = wild ? mask_of(a.dst, 0) : a.src;
  e.tuple.src_port = a.any_src_port ? std::uint16_t{0} : a.src_port;
  e.tuple.dst = a.dst;
  e.tuple.dst_port = a.dst_port;
  e.tuple.protocol = a.protocol;
  e.mask.src = mask_of(a.dst, wild ? 0 : a.src_prefix_bits);
  e.mask.src_port = a.any_src_port ? std::uint16_t{0} : std::uint16_t{0xffff};
  e.mask.dst = mask_of(a.dst, 128);
  e.mask.dst_port = 0xffff;
  e.expect_class = a.expect_class;
  e.gives_helper = a.gives_helper;
  e.permanent = a.permanent;
  e.inactive = a.inactive;
  e.sibling = a.sibling;
  e.follows = a.follows;
  e.follow_direction = a.follow_direction;
  e.saved_port = a.saved_port;
  e.saves_source = a.saves_source;
  e.saved_dst = a.saved_dst;
  return e;
}

}  // namespace

void Expectations::expire() {
  const std::uint32_t frame = std::exchange(frame_, 0);  // by a timer, not by the frame
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_) {
    remove(deadlines_.begin()->second.second);
  }
  frame_ = frame;
}

Expectations::Place Expectations::find_place(const Tuple& tuple, std::uint32_t zone) const {
  const auto found = by_destination_.find(destination_of(tuple));
  if (found == by_destination_.end()) {
    return 0;
  }
  for (auto p = found->second.rbegin(); p != found->second.rend(); ++p) {
    const Expectation& e = nodes_[*p].expectation;
    if (!e.inactive && covers(e, tuple, zone)) {
      return *p + 1;
    }
  }
  return 0;
}

const Expectation* Expectations::find(const Tuple& tuple, std::uint32_t zone) const {
  const Place place = find_place(tuple, zone);
  return place == 0 ? nullptr : &nodes_[place - 1].expectation;
}

bool Expectations::meet(const Tuple& tuple, std::uint32_t zone, Expectation& met) {
  const Place place = find_place(tuple, zone);
  if (place == 0) {
    return false;
  }
  met = nodes_[place - 1].expectation;
  if (!met.permanent) {
    remove(place - 1);
  }
  if (met.sibling.protocol != 0) {
    cancel(met.sibling, zone);
  }
  return true;
}

bool Expectations::cancel(const Tuple& tuple, std::uint32_t zone) {
  const Place place = find_place(tuple, zone);
  if (place != 0) {
    remove(place - 1);
  }
  return place != 0;
}

void Expectations::cancel_all_of(RecordNumber master) {
  cancel_of(master, [](const Expectation&) { return true; });
}

bool Expectations::activate(RecordNumber master,
                            const Tuple& destination,
                            std::uint32_t seconds) {
  const Extension* extension = table_.extension_if(table_[master]);
  for (Place p = extension == nullptr ? 0 : extension->expectations; p != 0;
       p = nodes_[p - 1].next_of_master) {
    Node& node = nodes_[p - 1];
    Expectation& e = node.expectation;
    if (e.permanent && e.tuple.dst == destination.dst &&
        e.tuple.dst_port == destination.dst_port && e.tuple.protocol == destination.protocol) {
      deadlines_.erase({e.expiry, {node.age, p - 1}});
      e.inactive = false;
      e.timeout_seconds = seconds;
      e.expiry = now_ + std::chrono::seconds(seconds);
      deadlines_.insert({e.expiry, {node.age, p - 1}});
      return true;
    }
  }
  return false;
}

// __nf_ct_expect_check: one like it is replaced, one that overlaps forbids it.
Announced Expectations::check(const Expectation& wanted, bool any_master) {
  const auto found = by_destination_.find(destination_of(wanted.tuple));
  if (found == by_destination_.end()) {
    return Announced::kMade;
  }
  for (auto p = found->second.rbegin(); p != found->second.rend(); ++p) {
    const Expectation& e = nodes_[*p].expectation;
    if ((any_master || e.master == wanted.master) && same(e, wanted)) {
      if (e.expect_class != wanted.expect_class || e.master != wanted.master) {
        return Announced::kExists;
      }
      remove(*p);
      return Announced::kMade;
    }
    if (clash(e, wanted)) {
      return Announced::kRefused;
    }
  }
  return Announced::kMade;
}

// The oldest of the master's class gives way; the number in all does not.
bool Expectations::make_room(RecordNumber master, const Expectation& wanted) {
  const std::uint32_t most = helper_limits(wanted.helper, wanted.expect_class).most;
  std::uint32_t count = 0;
  Place oldest = 0;
  const Extension* extension = table_.extension_if(table_[master]);
  for (Place p = extension == nullptr ? 0 : extension->expectations; p != 0;
       p = nodes_[p - 1].next_of_master) {
    if (nodes_[p - 1].expectation.expect_class == wanted.expect_class) {
      ++count;
      oldest = p;
    }
  }
  if (count >= most && oldest != 0) {
    remove(oldest - 1);
  }
  return static_cast<std::int64_t>(nodes_.size() - free_.size()) < values_.expect_max;
}

Announced Expectations::announce(RecordNumber master, const Announcement& announcement) {
  Entry& entry = table_[master];
  Expectation wanted = build(announcement);
  wanted.zone = entry.zone;
  wanted.master = master;
  wanted.master_serial = entry.serial;
  wanted.helper = static_cast<HelperKind>(table_.extension(entry).helper);
  wanted.timeout_seconds = helper_limits(wanted.helper, wanted.expect_class).seconds;
  wanted.expiry = now_ + std::chrono::seconds(wanted.timeout_seconds);
  if (const Announced checked = check(wanted, announcement.any_master);
      checked != Announced::kMade) {
    return checked;
  }
  if (!make_room(master, wanted)) {
    return Announced::kRefused;
  }
  insert(wanted);
  return Announced::kMade;
}

void Expectations::insert(const Expectation& expectation) {
  Place place = static_cast<Place>(nodes_.size());
  if (free_.empty()) {
    nodes_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  Node& node = nodes_[place];
  node.expectation = expectation;
  node.age = ++last_age_;
  Extension& extension = table_.extension(table_[expectation.master]);
  node.next_of_master = extension.expectations;
  extension.expectations = place + 1;
  by_destination_[destination_of(expectation.tuple)].push_back(place);
  deadlines_.insert({expectation.expiry, {node.age, place}});
  tell(expectation, true);
}

void Expectations::remove(Place place) {
  Node& node = nodes_[place];
  const Expectation gone = node.expectation;
  deadlines_.erase({gone.expiry, {node.age, place}});
  const auto found = by_destination_.find(destination_of(gone.tuple));
  std::erase(found->second, place);
  if (found->second.empty()) {
    by_destination_.erase(found);
  }
  Place* link = &table_.extension(table_[gone.master]).expectations;
  while (*link != place + 1) {
    link = &nodes_[*link - 1].next_of_master;
  }
  *link = node.next_of_master;
  node = {};
  free_.push_back(place);
  tell(gone, false);
}

void Expectations::tell(const Expectation& e, bool made) {
  ExpectationEvent event;
  event.time = now_;
  event.frame = frame_;
  event.made = made;
  event.protocol = e.tuple.protocol;
  event.master = e.master_serial;
  event.timeout_seconds = made ? e.timeout_seconds : 0;
  event.tuple = e.tuple;
  event.mask = e.mask;
  event.helper = helper_name(e.helper);
  sink_.expectation(event);
}

}  // namespace natlens::conntrack
