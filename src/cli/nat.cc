// natlens nat: the NAT engine in-line, between the kernel and a TUN device.
//
// One thread waits for packets, signals and time. What is written to a database goes to a
// thread of its own, which never holds up a packet.
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "natlens/pipeline/router_log.h"
#include "natlens/replay/inline.h"
#include "natlens/replay/inline_log.h"
#include "natlens/replay/tun.h"

#include "command.h"
#include "options.h"
#include "privileges.h"
#include "rules.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
The kernel routes packets into the device; they come out translated, and the kernel routes them
on. Both sides of the router are that one device: a packet from behind --inside enters at the
inner interface, any other one at the outer one. --iface says what the rules call the two. --local
are the addresses of the router itself, which masquerade uses and which answer ping: the kernel
must not have them, but route them into the device.

SIGHUP reads the rules again and keeps the connections; SIGUSR1 prints the counters; SIGINT and
SIGTERM end.

Examples: a router with 192.168.1.0/24 at lan0, and 198.51.100.10 to translate to at wan0:
  natlens nat --tun nat0 --rules nat.nft --inside 192.168.1.0/24 --local 198.51.100.10 \
    --iface inside=lan0 --iface outside=wan0 -o nat.db
  ip route add default dev nat0 table 100
  ip rule add iif lan0 lookup 100             what comes from inside goes into the device
  ip route add 198.51.100.10 dev nat0         and what comes back
  ip neigh add proxy 198.51.100.10 dev wan0   for the outer network that asks who has it
  sysctl -w net.ipv4.conf.wan0.proxy_arp=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
    net.ipv4.conf.nat0.rp_filter=0 net.ipv4.conf.nat0.accept_local=1)";

constexpr auto kTick = std::chrono::milliseconds(100);

struct Options {
  replay::TunOptions tun;
  bool no_offload = false;
  std::uint32_t max_connections = 262'144;
  std::string user;
  std::string output;
  bool force = false;
  std::string keep;
  std::string command_line;
  RulesOptions rules;
  TrackingOptions tracking;
};

// Time that starts at the wall clock's and never steps.
class Clock {
 public:
  Timestamp now() const { return start_ + (std::chrono::steady_clock::now() - began_); }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  Timestamp start_ = Timestamp::from_ns(
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
};

// The signals that this command knows, as a file to wait for.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    file_ = replay::FileDescriptor(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  }
  int fd() const { return file_.get(); }
  // The next one; 0 = none.
  int take() const {
    signalfd_siginfo info{};
    return ::read(file_.get(), &info, sizeof info) == sizeof info
               ? static_cast<int>(info.ssi_signo)
               : 0;
  }

 private:
  replay::FileDescriptor file_;
};

std::string counters_text(const replay::InlineCounters& counters,
                          const conntrack::TrackerStats& tracking,
                          std::uint64_t connections) {
  std::string out = fmt::format(
      "packets in {} ({} bytes), out {} ({} bytes), of those own {}\n", counters.packets_in,
      counters.bytes_in, counters.packets_out, counters.bytes_out, counters.own);
  std::string fates;
  for (std::size_t i = 0; i < counters.fates.size(); ++i) {
    if (counters.fates[i] == 0) continue;
    fates += fmt::format("{}{} {}", fates.empty() ? "" : ", ", counters.fates[i],
                         ruleset::to_string(static_cast<ruleset::Fate>(i)));
  }
  out += fmt::format("fates {}\n", fates.empty() ? "none" : fates);
  out +=
      fmt::format("connections {}, open {}, most at once {}, early dropped {}, table full {}\n",
                  connections, tracking.live, tracking.most_live, tracking.early_dropped,
                  tracking.table_full);
  out += fmt::format(
      "unreadable {}, from own addresses {}, sent back {}, not taken by the kernel {}, "
      "inconclusive {}\n",
      counters.unreadable, counters.martian, counters.sent_back, counters.write_failed,
      counters.inconclusive);
  return out;
}

Result<Nanoseconds> kept_time(const std::string& text) {
  if (text.empty()) return Nanoseconds::zero();
  const auto time = parse_duration(text);
  if (time && *time >= std::chrono::minutes(1)) return *time;
  return Error{fmt::format("--keep '{}': write a time of a minute or more, such as 24h", text)};
}

// What is written to the database, if there is one.
class Logging {
 public:
  static Result<Logging> create(const Options& options,
                                const ruleset::RouterSetup& setup,
                                Nanoseconds keep,
                                Timestamp now) {
    Logging logging;
    if (!options.output.empty()) {
      auto log =
          pipeline::RouterLog::create({options.output,
                                       options.force,
                                       {"inside", "outside"},
                                       {setup.interfaces[0].name, setup.interfaces[1].name},
                                       options.command_line,
                                       now,
                                       keep});
      if (!log) return log.error();
      logging.log_ = std::move(*log);
    }
    logging.watcher_ = std::make_unique<replay::InlineLog>(logging.log_.get());
    return logging;
  }

  replay::InlineLog& watcher() const { return *watcher_; }
  void tick(Timestamp now) {
    watcher_->tick(now);
    if (log_ != nullptr && log_->failed() && !warned_) {
      warned_ = true;
      warn("the database cannot be written any more; the NAT goes on without it");
    }
  }
  std::string text() const {
    return log_ == nullptr
               ? ""
               : fmt::format("connections left out of the database {}\n", log_->left_out());
  }
  // REQUIRES: every connection has ended.
  Result<void> finish(Timestamp now) {
    watcher_->tick(now);
    return log_ == nullptr ? Result<void>() : log_->finish();
  }

 private:
  std::unique_ptr<pipeline::RouterLog> log_;
  std::unique_ptr<replay::InlineLog> watcher_;
  bool warned_ = false;
};

class Running {
 public:
  Running(const Options& options, replay::Tun tun, replay::InlineNat& nat, Logging& logging)
      : options_(options), tun_(std::move(tun)), nat_(nat), logging_(logging) {}

  Result<void> run(const Signals& signals, const Clock& clock) {
    bool busy = false;
    for (;;) {
      std::array<pollfd, 2> files{{{tun_.file.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
      const int wait = busy ? 0 : static_cast<int>(kTick.count());
      if (::poll(files.data(), files.size(), wait) < 0 && errno != EINTR) {
        return Error{fmt::format("cannot wait for packets: {}", std::strerror(errno))};
      }
      const Timestamp now = clock.now();
      busy = false;
      if (files[0].revents != 0) {
        const auto count = nat_.serve(tun_.file.get(), now);
        if (!count) return count.error();
        busy = *count != 0;
      }
      if (now >= next_tick_) {
        nat_.tick(now);
        logging_.tick(now);
        next_tick_ = now + kTick;
      }
      if (files[1].revents != 0 && !obey(signals.take())) return {};
    }
  }

  void print_counters() const {
    Output out;
    out.write(
        counters_text(nat_.counters(), nat_.tracking(), logging_.watcher().connections()));
    out.write(logging_.text());
    static_cast<void>(out.finish(Exit::kOk));
  }

 private:
  // False: it is the end.
  bool obey(int signal) {
    switch (signal) {
      case SIGHUP:
        reload();
        return true;
      case SIGUSR1:
        print_counters();
        return true;
      case SIGINT:
      case SIGTERM:
        return false;
      default:
        return true;
    }
  }

  void reload() {
    auto rules = load_rules(options_.rules.file);
    if (!rules) {
      warn(fmt::format("{}; the rules stay as they were", rules.error().message));
      return;
    }
    // What was understood before and is not any more is a slip of the pen, not a wish.
    if ((*rules)->gaps.size() > nat_.rules().gaps.size()) {
      warn(fmt::format("{}: not all is understood; the rules stay as they were",
                       options_.rules.file));
      return;
    }
    nat_.reload(std::move(*rules));
    say(fmt::format("natlens: {}: read again, {} connections go on\n", options_.rules.file,
                    nat_.tracking().live));
  }

  const Options& options_;
  replay::Tun tun_;
  replay::InlineNat& nat_;
  Logging& logging_;
  Timestamp next_tick_;
};

Result<conntrack::Options> tracking_of(const Options& options) {
  TrackingOptions given = options.tracking;
  given.sysctls.insert(given.sysctls.begin(),
                       fmt::format("nf_conntrack_max={}", options.max_connections));
  return make_tracking(given);
}

Result<Exit> run_nat(Options options) {
  auto rules = load_rules(options.rules.file);
  if (!rules) return rules.error();
  auto setup = make_router(options.rules, **rules);
  if (!setup) return setup.error();
  const auto tracking = tracking_of(options);
  if (!tracking) return tracking.error();
  const auto keep = kept_time(options.keep);
  if (!keep) return keep.error();
  options.tun.offload = !options.no_offload;
  auto tun = replay::open_tun(options.tun);
  if (!tun) return tun.error();
  const auto user = drop_privileges(options.user, false);
  if (!user) return user.error();
  if (!user->empty()) say(fmt::format("natlens: runs as {} from here on\n", *user));

  const Signals signals;
  setup->answers = setup->errors = true;
  setup->seed = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  for (ruleset::Interface& interface : setup->interfaces) interface.mtu = tun->mtu;
  const Clock clock;
  auto logging = Logging::create(options, *setup, *keep, clock.now());
  if (!logging) return logging.error();
  replay::InlineNat nat(std::move(*rules), {*setup, *tracking, tun->offload},
                        logging->watcher());
  say(fmt::format("natlens: {} is open: MTU {}, {}; inside {}, outside {}\n", tun->name,
                  tun->mtu, tun->offload ? "with offload" : "without offload",
                  setup->interfaces[0].name, setup->interfaces[1].name));
  Running running(options, std::move(*tun), nat, *logging);
  auto ended = running.run(signals, clock);
  running.print_counters();
  nat.finish(clock.now());
  auto logged = logging->finish(clock.now());
  if (!ended) return ended.error();
  if (!logged) return logged.error();
  return Exit::kOk;
}

}  // namespace

Command add_nat(CLI::App& program, std::string command_line) {
  auto options = std::make_shared<Options>();
  options->command_line = std::move(command_line);
  CLI::App* app =
      program.add_subcommand("nat", "Be the NAT: translate what is routed into a TUN device");
  app->add_option("--tun", options->tun.name, "The device; made if it is not there")
      ->required()
      ->type_name("NAME");
  app->add_option("--rules", options->rules.file,
                  "What nft or iptables-save printed; FILE#NAME is one of several")
      ->required()
      ->type_name("FILE");
  app->add_option("-o,--output", options->output,
                  "Write connections and mappings to this database as they come")
      ->type_name("DB");
  app->add_flag("--force", options->force, "Replace an existing database");
  app->add_option("--keep", options->keep,
                  "Forget connections that ended longer ago; without, all stay")
      ->type_name("TIME");
  add_router_options(*app, options->rules);
  app->add_option("--address", options->tun.addresses,
                  "An address of the kernel's at the device, for example 192.0.2.1/24")
      ->type_name("ADDRESS/BITS");
  app->add_option("--mtu", options->tun.mtu, "The device's MTU (default: as it is)")
      ->check(whole_number("MTU", 68, 65'535));
  app->add_flag("--no-offload", options->no_offload,
                "Take every packet as it travels, none in pieces of 64 KiB");
  app->add_option("--max-connections", options->max_connections,
                  "Connections at once; beyond, those without an answer make room")
      ->check(whole_number("number of connections", 1, 1U << 30))
      ->capture_default_str();
  app->add_option("--user", options->user,
                  "Become this user once the device is open (default: who called sudo)")
      ->type_name("NAME");
  add_tracking_options(*app, options->tracking);
  app->footer(std::string(kFooter));
  return {app, [options] { return run_nat(*options); }};
}

}  // namespace natlens::cli
