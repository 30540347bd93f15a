// One replay: frames of the captures through a router of its own.
#pragma once

#include <functional>
#include <memory>

#include "actual_ports.h"
#include "compare.h"

namespace natlens::replay {

using OnLeft = std::function<Result<void>(const Left&)>;

class Run {
 public:
  // Neither is owned; both outlive the run.
  Run(const ruleset::Ruleset& rules, const ReplayOptions& options)
      : rules_(rules), options_(options), setup_(options.setup) {}

  // Reads what the captures tell of the router.
  Result<void> prepare();
  // A frame of the capture at that interface, decoded. `on_left`: see replay().
  Result<void> frame(const capture::Frame& frame,
                     const decode::DecodedFrame& decoded,
                     unsigned side,
                     const OnLeft& on_left);
  // The entry of what entered last; connection 0 = none.
  conntrack::EntryView entry() const;
  ReplayResult result();

 private:
  // Rules open and close connections; nobody here wants to hear of it.
  struct Silent : conntrack::Sink {
    void opened(const conntrack::Opened&) override {}
    void event(const conntrack::Event&) override {}
    void closed(const conntrack::Closed&) override {}
  };
  Result<void> prepare_ports();
  Result<void> hand_on(const Left& left, const OnLeft& on_left);
  void forget_where_the_real_one_did(const conntrack::Packet& packet);

  const ruleset::Ruleset& rules_;
  const ReplayOptions& options_;
  ruleset::RouterSetup setup_;
  std::array<TapView, 2> taps_;
  ActualPorts actual_;
  std::array<Comparison, 2> comparisons_{Comparison(0), Comparison(1)};
  Silent sink_;
  std::unique_ptr<ruleset::Router> router_;
  conntrack::Packet packet_;
  ruleset::Passed passed_;
  ReplayResult result_;
};

}  // namespace natlens::replay
