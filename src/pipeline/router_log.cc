#include "natlens/pipeline/router_log.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <pthread.h>

#include "natlens/store/writer.h"

#include "derive.h"
#include "router_rows.h"

namespace natlens::pipeline {
namespace {

using Record =
    std::variant<RouterConnection, conntrack::Event, RouterPackets, conntrack::Closed>;

constexpr std::size_t kMostWaiting = 1U << 16;          // records
constexpr std::size_t kManyWaiting = kMostWaiting / 4;  // are not left for the next second
constexpr std::size_t kForgottenAtOnce = 20'000;
constexpr auto kCommit = std::chrono::seconds(1);
// Deriving reads every translation: it may take this part of the time.
constexpr int kDeriveShare = 20;
constexpr std::size_t kNewestTranslations = 50'000;  // are enough while it goes on
constexpr capture::LinkType kRawIp = 101;

}  // namespace

struct RouterLog::Impl {
  Impl(RouterLogOptions given, std::unique_ptr<store::Writer> to)
      : options(std::move(given)), writer(std::move(to)), rows(*writer) {}

  // The router's thread.
  bool room() const { return waiting < kMostWaiting; }
  void add(Record record) {
    pending.push_back(std::move(record));
    ++waiting;
  }

  // The log's thread.
  void run();
  void take(std::vector<Record>& records);
  void write_taps();
  void derive_in_turn();
  Result<void> derive_now(std::size_t most);  // of the newest translations; 0 = of all

  const RouterLogOptions options;
  std::unique_ptr<store::Writer> writer;
  RouterRows rows;
  // Of the router's thread.
  std::vector<Record> pending;
  absl::flat_hash_set<std::uint32_t> told;  // connections that are not left out
  std::uint64_t left_out = 0;
  // Between both.
  std::atomic<std::size_t> waiting{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Record> handed;
  std::array<SideCounters, 2> sides;
  Timestamp now;
  bool ending = false;
  // Of the log's thread.
  std::array<SideCounters, 2> sides_now;
  Timestamp written_at;
  std::chrono::steady_clock::time_point next_derive{};
  Result<void> outcome;
  std::thread thread;
};

Result<std::unique_ptr<RouterLog>> RouterLog::create(const RouterLogOptions& options) {
  auto writer = store::Writer::create(options.output, options.force);
  if (!writer) return writer.error();
  if (auto live = (*writer)->go_live(); !live) return live.error();
  auto impl = std::make_unique<Impl>(options, std::move(*writer));
  impl->now = impl->written_at = options.start;
  impl->writer->meta("command", options.command_line);
  impl->write_taps();
  if (auto flushed = impl->writer->flush(); !flushed) return flushed.error();
  Impl* const running = impl.get();
  impl->thread = std::thread([running] { running->run(); });
  return std::unique_ptr<RouterLog>(new RouterLog(std::move(impl)));
}

RouterLog::RouterLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

RouterLog::~RouterLog() {
  if (impl_->thread.joinable()) static_cast<void>(finish());
}

void RouterLog::opened(const RouterConnection& connection) {
  if (!impl_->room()) {
    ++impl_->left_out;
    return;
  }
  impl_->told.insert(connection.entry.connection);
  if (connection.second != 0) impl_->told.insert(connection.second);
  impl_->add(connection);
}

void RouterLog::event(const conntrack::Event& event) {
  if (impl_->room() && impl_->told.contains(event.connection)) impl_->add(event);
}

void RouterLog::packets(const RouterPackets& packets) {
  if (impl_->room() && impl_->told.contains(packets.connection)) impl_->add(packets);
}

// The end of what was told is told, too, whether there is room or not: else the log would keep
// it for ever.
void RouterLog::closed(const conntrack::Closed& closed) {
  if (impl_->told.erase(closed.connection) != 0) impl_->add(closed);
}

void RouterLog::hand_over(Timestamp now, const std::array<SideCounters, 2>& sides) {
  const std::lock_guard lock(impl_->mutex);
  impl_->now = now;
  impl_->sides = sides;
  if (impl_->handed.empty()) {
    impl_->handed.swap(impl_->pending);
  } else {
    impl_->handed.insert(impl_->handed.end(), impl_->pending.begin(), impl_->pending.end());
    impl_->pending.clear();
  }
  if (impl_->handed.size() >= kManyWaiting) impl_->changed.notify_all();
}

std::uint64_t RouterLog::left_out() const {
  return impl_->left_out;
}

bool RouterLog::failed() const {
  return impl_->failed.load(std::memory_order_relaxed);
}

Result<void> RouterLog::finish() {
  hand_over(impl_->now, impl_->sides);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
  if (!impl_->outcome) return impl_->outcome;
  store::Writer& writer = *impl_->writer;
  writer.meta("connections_left_out", std::to_string(impl_->left_out));
  if (auto derived = impl_->derive_now(0); !derived) return derived;
  return writer.finish();
}

void RouterLog::Impl::run() {
  pthread_setname_np(pthread_self(), "log");
  std::vector<Record> records;
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex);
      changed.wait_for(lock, kCommit,
                       [this] { return ending || handed.size() >= kManyWaiting; });
      last = ending;
      records.swap(handed);
      sides_now = sides;
      written_at = now;
    }
    take(records);
    waiting -= records.size();
    records.clear();
    if (!outcome) continue;
    write_taps();
    if (options.keep.count() != 0) writer->forget(written_at - options.keep, kForgottenAtOnce);
    outcome = writer->flush();
    if (outcome && !last) derive_in_turn();
    if (!outcome) failed.store(true, std::memory_order_relaxed);
  }
}

void RouterLog::Impl::take(std::vector<Record>& records) {
  struct Visitor {
    RouterRows& rows;
    void operator()(const RouterConnection& record) const { rows.opened(record); }
    void operator()(const conntrack::Event& record) const { rows.event(record); }
    void operator()(const RouterPackets& record) const { rows.packets(record); }
    void operator()(const conntrack::Closed& record) const { rows.closed(record); }
  };
  for (const Record& record : records) std::visit(Visitor{rows}, record);
  rows.write_changed();
}

void RouterLog::Impl::write_taps() {
  for (std::size_t side = 0; side < sides_now.size(); ++side) {
    store::TapRow row;
    row.id = static_cast<std::int64_t>(side) + 1;
    row.info.name = options.names[side];
    row.info.interface = options.interfaces[side];
    row.info.link_type = kRawIp;
    row.info.frames = row.ip_packets = sides_now[side].packets;
    row.info.first = options.start;
    row.info.last = written_at;
    row.clock.given = true;  // it is one clock
    row.clock.anchor = options.start;
    row.connections = sides_now[side].connections;
    row.invalid_packets = sides_now[side].invalid;
    writer->tap(row);
  }
}

void RouterLog::Impl::derive_in_turn() {
  const auto began = std::chrono::steady_clock::now();
  if (began < next_derive) return;
  outcome = derive_now(kNewestTranslations);
  const auto ended = std::chrono::steady_clock::now();
  next_derive = ended + (ended - began) * kDeriveShare;
}

Result<void> RouterLog::Impl::derive_now(std::size_t most) {
  if (auto anew = writer->derive_anew(most); !anew) return anew;
  const std::vector<TapSpan> spans = {{1, options.start, written_at},
                                      {2, options.start, written_at}};
  if (auto done = derive(*writer, spans); !done) return done;
  return writer->derived();
}

}  // namespace natlens::pipeline
