// Paths: translations that follow each other in travel, joined at the connection they share.
//
// A translation is an edge from the connection on the side where it was opened to the one on
// the other side. Edges that share a connection form a group, which is complete once all of its
// connections are dead. In a group, a path is a longest run of edges that held at one time:
// from each edge that has none before it, a depth-first walk narrows the common time. A second
// pass finds pairs of edges that no common time let into a path, and builds one around each.
//
// A connection of a single packet holds at tap A when A saw it, and at tap C when C did: across
// several hops the times touch at their ends only or miss each other by the transit. So where
// no edge holds at the common time, the nearest one within kSlack goes on.
#include <algorithm>
#include <limits>
#include <queue>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "natlens/nat/observe.h"

namespace natlens::nat {
namespace {

constexpr std::int64_t kSlack = 1'000'000'000;  // longer than a transit, ns
constexpr std::size_t kMostSteps = 64;
// Partners that hold at the same time multiply: each of the two passes stops at this many paths
// per edge of the group.
constexpr std::size_t kPathsPerEdge = 4;

struct Edge {
  std::int64_t id = 0;
  std::int64_t from = 0;  // connections
  std::int64_t to = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;
};

struct Interval {
  std::int64_t start = std::numeric_limits<std::int64_t>::min();
  std::int64_t end = std::numeric_limits<std::int64_t>::max();

  Interval narrowed(const Edge& edge) const {
    Interval common{std::max(start, edge.start), std::min(end, edge.end)};
    if (common.start > common.end) std::swap(common.start, common.end);
    return common;
  }
  // 0 if the edge holds at some time of this interval, else how far away it is.
  std::int64_t gap(const Edge& edge) const {
    if (edge.start > end) return distance(end, edge.start);
    return start > edge.end ? distance(edge.end, start) : 0;
  }

 private:
  static std::int64_t distance(std::int64_t from, std::int64_t to) {
    std::int64_t out = 0;
    const bool overflows = __builtin_sub_overflow(to, from, &out);
    return overflows ? std::numeric_limits<std::int64_t>::max() : out;
  }
};

// The edges that begin (or end) at each connection, by start, with the greatest end so far: a
// search for those at a time looks at few others.
class EdgesAt {
 public:
  void add(std::int64_t connection, std::size_t index, const Edge& edge) {
    auto& list = lists_[connection];
    const auto latest = list.empty() ? edge.end : std::max(list.back().latest_end, edge.end);
    list.push_back({index, edge.start, latest});
  }

  // Those that hold in `when`; if none does, the nearest within the slack; by start.
  void find(std::int64_t connection,
            const Interval& when,
            const std::vector<Edge>& edges,
            std::vector<std::size_t>& out) const {
    out.clear();
    const auto list = lists_.find(connection);
    if (list == lists_.end()) return;
    std::size_t nearest = 0;
    std::int64_t nearest_gap = kSlack + 1;
    for (std::size_t i = upper(list->second, when.end); i-- > 0;) {
      const Item& item = list->second[i];
      const std::int64_t gap = when.gap(edges[item.index]);
      if (gap == 0) out.push_back(item.index);
      if (gap < nearest_gap) std::tie(nearest, nearest_gap) = std::tie(item.index, gap);
      if (item.latest_end < saturated_minus(when.start, kSlack)) break;
    }
    if (out.empty() && nearest_gap <= kSlack) out.push_back(nearest);
    std::reverse(out.begin(), out.end());
  }

 private:
  struct Item {
    std::size_t index;
    std::int64_t start;
    std::int64_t latest_end;
  };

  static std::int64_t saturated_minus(std::int64_t a, std::int64_t b) {
    std::int64_t out = 0;
    return __builtin_sub_overflow(a, b, &out) ? std::numeric_limits<std::int64_t>::min() : out;
  }
  // One past the last that starts by `time` or within the slack after it.
  static std::size_t upper(const std::vector<Item>& list, std::int64_t time) {
    const auto at =
        std::upper_bound(list.begin(), list.end(), time, [](std::int64_t t, const Item& item) {
          return t < saturated_minus(item.start, kSlack);
        });
    return static_cast<std::size_t>(at - list.begin());
  }

  std::unordered_map<std::int64_t, std::vector<Item>> lists_;
};

// The paths of one group.
class Walker {
 public:
  using Found = std::function<void(std::span<const Edge* const>)>;

  Walker(std::vector<Edge>& edges, const Found& found) : edges_(edges), found_(found) {
    std::sort(edges_.begin(), edges_.end(), [](const Edge& a, const Edge& b) {
      return std::tie(a.start, a.id) < std::tie(b.start, b.id);
    });
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      leaving_.add(edges_[i].from, i, edges_[i]);
      arriving_.add(edges_[i].to, i, edges_[i]);
    }
  }

  void walk() {
    std::vector<std::size_t> near;
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      arriving_.find(edges_[i].from, interval(edges_[i]), edges_, near);
      if (!near.empty()) continue;
      path_ = {i};
      extend(interval(edges_[i]));
    }
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      leaving_.find(edges_[i].to, interval(edges_[i]), edges_, near);
      for (const std::size_t next : near) {
        if (paths_ >= 2 * kPathsPerEdge * edges_.size()) return;
        const bool loop = edges_[i].from == edges_[next].to;
        if (!loop && !covered_.contains({i, next})) around(i, next);
      }
    }
  }

 private:
  static Interval interval(const Edge& edge) { return {edge.start, edge.end}; }
  bool visits(std::int64_t connection) const {
    return edges_[path_.front()].from == connection ||
           std::any_of(path_.begin(), path_.end(),
                       [&](std::size_t i) { return edges_[i].to == connection; });
  }

  // Depth first, at most kMostSteps deep.
  void extend(const Interval& common) {
    std::vector<std::size_t> next;
    if (path_.size() + 1 < kMostSteps) {
      leaving_.find(edges_[path_.back()].to, common, edges_, next);
      std::erase_if(next, [&](std::size_t i) { return visits(edges_[i].to); });
    }
    if (next.empty()) return emit();
    for (const std::size_t i : next) {
      if (paths_ >= kPathsPerEdge * edges_.size()) return;
      path_.push_back(i);
      extend(common.narrowed(edges_[i]));
      path_.pop_back();
    }
  }

  // One path through two edges, each time with the first edge that fits.
  void around(std::size_t first, std::size_t second) {
    path_ = {first, second};
    Interval common = interval(edges_[first]).narrowed(edges_[second]);
    grow(
        common, arriving_, [](const Edge& e) { return e.from; }, true);
    grow(
        common, leaving_, [](const Edge& e) { return e.to; }, false);
    emit();
  }

  template <typename End>
  void grow(Interval& common, const EdgesAt& edges, const End& end, bool front) {
    std::vector<std::size_t> near;
    while (path_.size() + 1 < kMostSteps) {
      const Edge& last = edges_[front ? path_.front() : path_.back()];
      edges.find(end(last), common, edges_, near);
      std::erase_if(near, [&](std::size_t i) { return visits(end(edges_[i])); });
      if (near.empty()) return;
      common = common.narrowed(edges_[near.front()]);
      path_.insert(front ? path_.begin() : path_.end(), near.front());
    }
  }

  void emit() {
    if (path_.size() < 2) return;
    std::vector<const Edge*> out;
    for (const std::size_t i : path_) out.push_back(&edges_[i]);
    for (std::size_t i = 1; i < path_.size(); ++i) covered_.emplace(path_[i - 1], path_[i]);
    ++paths_;
    found_(out);
  }

  std::vector<Edge>& edges_;
  const Found& found_;
  EdgesAt leaving_;
  EdgesAt arriving_;
  std::vector<std::size_t> path_;
  std::set<std::pair<std::size_t, std::size_t>> covered_;
  std::size_t paths_ = 0;
};

struct Group {
  std::vector<Edge> edges;
  std::vector<std::int64_t> connections;
  Timestamp alive_until = Timestamp::none();
};

}  // namespace

struct PathBuilder::Impl {
  std::function<void(const PathStep&)> emit;
  std::unordered_map<std::int64_t, std::size_t> group_of;  // by connection
  std::unordered_map<std::size_t, Group> groups;           // by number
  // Groups by the end of their life; entries that no longer tell it are passed over.
  using Deadline = std::pair<Timestamp, std::size_t>;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines;
  std::size_t next_group = 0;
  std::int64_t next_path = 1;

  std::size_t group_with(std::int64_t connection) {
    const auto [at, is_new] = group_of.try_emplace(connection, next_group);
    if (!is_new) return at->second;
    groups[next_group].connections.push_back(connection);
    return next_group++;
  }

  // The smaller group goes into the larger.
  std::size_t join(std::size_t one, std::size_t other) {
    if (one == other) return one;
    if (groups[one].edges.size() < groups[other].edges.size()) std::swap(one, other);
    Group small = std::move(groups[other]);
    groups.erase(other);
    Group& large = groups[one];
    for (const auto connection : small.connections) group_of[connection] = one;
    large.connections.insert(large.connections.end(), small.connections.begin(),
                             small.connections.end());
    large.edges.insert(large.edges.end(), small.edges.begin(), small.edges.end());
    large.alive_until = std::max(large.alive_until, small.alive_until);
    return one;
  }

  // Emits the groups that no translation from `now` on can touch.
  void settle(Timestamp now) {
    while (!deadlines.empty() && deadlines.top().first < now) {
      const auto [time, number] = deadlines.top();
      deadlines.pop();
      const auto group = groups.find(number);
      if (group == groups.end() || group->second.alive_until != time) continue;
      emit_group(group->second);
      for (const auto connection : group->second.connections) group_of.erase(connection);
      groups.erase(group);
    }
  }

  void emit_group(Group& group) {
    if (group.edges.size() < 2) return;
    const Walker::Found found = [&](std::span<const Edge* const> path) {
      const std::int64_t id = next_path++;
      emit({id, 1, path.front()->from, 0});
      for (std::size_t i = 0; i < path.size(); ++i) {
        emit({id, static_cast<std::uint32_t>(i) + 2, path[i]->to, path[i]->id});
      }
    };
    Walker(group.edges, found).walk();
  }
};

PathBuilder::PathBuilder(std::function<void(const PathStep&)> emit)
    : impl_(std::make_unique<Impl>()) {
  impl_->emit = std::move(emit);
}

PathBuilder::~PathBuilder() = default;

void PathBuilder::add(const TranslationRow& row) {
  if (row.kind == correlate::TranslationKind::kTunnel) return;
  if (row.inside_connection == row.outside_connection) return;
  impl_->settle(row.start);
  const bool from_inside = row.opened_from != correlate::FirstSeen::kOutside;
  Edge edge{row.id, row.inside_connection, row.outside_connection, row.start.ns(),
            row.end.ns()};
  if (!from_inside) std::swap(edge.from, edge.to);
  const std::size_t number =
      impl_->join(impl_->group_with(edge.from), impl_->group_with(edge.to));
  Group& group = impl_->groups[number];
  group.edges.push_back(edge);
  group.alive_until = std::max(group.alive_until, row.alive_until);
  impl_->deadlines.emplace(group.alive_until, number);
}

void PathBuilder::finish() {
  impl_->settle(Timestamp::max());
  // What never had an end, in the order of its first translation.
  std::vector<std::pair<std::int64_t, std::size_t>> rest;
  for (const auto& [number, group] : impl_->groups) {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    for (const auto& edge : group.edges) first = std::min(first, edge.id);
    rest.emplace_back(first, number);
  }
  std::sort(rest.begin(), rest.end());
  for (const auto& [first, number] : rest) impl_->emit_group(impl_->groups[number]);
  *impl_ = Impl{std::move(impl_->emit), {}, {}, {}, 0, impl_->next_path};
}

}  // namespace natlens::nat
