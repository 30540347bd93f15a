#include "store_thread.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include <pthread.h>

namespace natlens::pipeline {
namespace {

constexpr std::size_t kBlockRows = 512;

// A capture that goes on.
constexpr auto kFirstDerive = std::chrono::seconds(2);
constexpr auto kDeriveEvery = std::chrono::seconds(10);
constexpr std::size_t kNewestTranslations = 10'000;
constexpr std::size_t kForgottenAtOnce = 10'000;  // twice a second, about

double thread_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void write_rows(store::Writer& writer, const RowBlock& block) {
  for (const auto& row : block.files) writer.file(row);
  for (const auto& row : block.taps) writer.tap(row);
  for (std::size_t i = 0; i < block.connection_count; ++i)
    writer.connection(block.connections[i]);
  for (const auto& row : block.carriers) writer.carrier(row);
  for (const auto& row : block.invalid) writer.invalid(row);
  for (const auto& row : block.statements) writer.statement(row);
  for (const auto& row : block.notes) writer.note(row);
  for (const auto& row : block.translations) writer.translation(row);
  for (const std::uint64_t serial : block.taken_back) writer.take_back(serial);
  for (const auto& row : block.icmp_errors) writer.icmp_error(row);
  for (const auto& row : block.fates) writer.fate(row);
  for (const auto& row : block.sequence_changes) writer.sequence_change(row);
  for (const auto& row : block.links) writer.link(row);
  for (const auto& row : block.candidates) writer.candidate(row);
  for (const auto& row : block.tunnelled) writer.tunnelled(row);
  for (const auto& row : block.unpaired) writer.unpaired(row);
}

}  // namespace

StoreThread::StoreThread(store::Writer& writer,
                         std::size_t blocks,
                         const findings::Parameters& parameters)
    : writer_(writer),
      parameters_(parameters),
      next_derive_(std::chrono::steady_clock::now() + kFirstDerive),
      channel_(blocks),
      block_(channel_.acquire()),
      thread_([this] { run(); }) {}

StoreThread::~StoreThread() {
  if (thread_.joinable()) {
    channel_.close();
    thread_.join();
  }
}

void StoreThread::offer() {
  if (block_->rows() >= kBlockRows) hand_over();
}

void StoreThread::hand_over() {
  channel_.send(std::move(block_));
  block_ = channel_.acquire();
  block_->clear();
}

Result<void> StoreThread::finish() {
  channel_.send(std::move(block_));
  channel_.close();
  thread_.join();
  return outcome_;
}

// Mappings, NATs, paths and findings of the newest rows, while the capture goes on. It is never
// more than a twentieth of the writer's time.
void StoreThread::derive_now(const RowBlock& block) {
  const auto begun = std::chrono::steady_clock::now();
  if (begun < next_derive_) return;
  outcome_ = writer_.derive_anew(kNewestTranslations);
  if (outcome_) outcome_ = derive(writer_, block.spans, block.tunnelled_taps);
  if (outcome_) outcome_ = diagnose(writer_, parameters_);
  if (outcome_) outcome_ = writer_.derived();
  const auto ended = std::chrono::steady_clock::now();
  next_derive_ = ended + std::max<std::chrono::nanoseconds>(kDeriveEvery, 20 * (ended - begun));
}

void StoreThread::run() {
  pthread_setname_np(pthread_self(), "store");
  auto next_flush = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (auto block = channel_.receive()) {
    if (outcome_) write_rows(writer_, *block);
    if (outcome_ && block->forget_before.has_value()) {
      writer_.forget(block->forget_before, kForgottenAtOnce);
    }
    const auto now = std::chrono::steady_clock::now();
    if (block->commit || now >= next_flush) {
      next_flush = now + std::chrono::seconds(1);
      if (outcome_) outcome_ = writer_.flush();
    }
    if (outcome_ && block->commit) derive_now(*block);
    channel_.release(std::move(block));
    if (!outcome_) failed_.store(true, std::memory_order_relaxed);
  }
  if (outcome_) outcome_ = writer_.flush();
  cpu_seconds_ = thread_cpu_seconds();
}

}  // namespace natlens::pipeline
