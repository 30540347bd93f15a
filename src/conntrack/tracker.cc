#include "natlens/conntrack/tracker.h"

#include <cassert>

#include "engine.h"

namespace natlens::conntrack {

struct Tracker::Impl {
  Impl(const Options& options, Sink& sink) : engine(options, sink) {}
  Engine engine;
};

Tracker::Tracker(const Options& options, Sink& sink)
    : impl_(std::make_unique<Impl>(options, sink)) {}
Tracker::~Tracker() = default;
Tracker::Tracker(Tracker&&) noexcept = default;

void Tracker::track(std::span<const Packet> packets, std::span<Verdict> verdicts) {
  assert(packets.size() == verdicts.size());
  impl_->engine.track(packets, verdicts);
}
void Tracker::advance(Timestamp now) {
  impl_->engine.advance(now);
}
std::uint32_t Tracker::alive(std::uint32_t from,
                             std::size_t most,
                             Timestamp since,
                             const std::function<void(const Closed&)>& use) const {
  return impl_->engine.alive(from, most, since, use);
}
void Tracker::finish(Timestamp now) {
  impl_->engine.finish(now);
}
EntryView Tracker::lookup(const Packet& packet) const {
  return impl_->engine.lookup(packet);
}
EntryView Tracker::lookup(const Tuple& tuple, std::uint32_t zone) const {
  return impl_->engine.lookup(tuple, zone);
}
void Tracker::set_way(Way& way) {
  impl_->engine.set_way(way);
}
bool Tracker::forget(const Tuple& tuple, std::uint32_t zone) {
  return impl_->engine.forget(tuple, zone);
}
std::span<const PayloadEdit> Tracker::payload_edits() const {
  return impl_->engine.payload_edits();
}
TrackerStats Tracker::stats() const {
  return impl_->engine.stats();
}

}  // namespace natlens::conntrack
