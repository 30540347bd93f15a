#include "source_threads.h"

#include <chrono>
#include <utility>

#include <pthread.h>

namespace natlens::pipeline {
namespace {

// Batches under way per source: enough that reading goes on while the merge is busy elsewhere.
constexpr std::size_t kBatchesPerSource = 6;
// Who reads a line cannot let it wait, and each silence is a batch.
constexpr std::size_t kLiveBatchesPerSource = 256;

Result<std::unique_ptr<capture::Source>> open_source(const AnalysisOptions& options,
                                                     const capture::SourceSpec& spec) {
  return options.open ? options.open(spec) : capture::Source::open(spec);
}

}  // namespace

Result<void> SourceThreads::open() {
  const bool live = options_.live.has_value();
  const WorkerOptions worker{options_.decode, options_.conntrack, options_.stop, live};
  for (std::uint16_t s = 0; s < options_.sources.size(); ++s) {
    auto source = open_source(options_, options_.sources[s]);
    if (!source) return source.error();
    total_bytes_ += (*source)->total_bytes();
    files_.push_back(options_.one_source() ? 0 : (*source)->files().size());
    channels_.push_back(std::make_unique<Channel<SourceBatch>>(live ? kLiveBatchesPerSource
                                                                    : kBatchesPerSource));
    workers_.push_back(
        std::make_unique<SourceWorker>(s, std::move(*source), worker, *channels_.back()));
  }
  return {};
}

void SourceThreads::start() {
  for (auto& worker : workers_) {
    threads_.emplace_back([&worker] {
      pthread_setname_np(pthread_self(), "source");
      worker->run();
    });
  }
  if (options_.progress) reporter_ = std::thread([this] { report(); });
}

void SourceThreads::join() {
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  done_.store(true);
  if (reporter_.joinable()) reporter_.join();
}

void SourceThreads::report() {
  while (!done_.load()) {
    std::uint64_t read = 0;
    for (const auto& worker : workers_) read += worker->bytes_read();
    options_.progress(read, total_bytes_);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace natlens::pipeline
