// How it works: a queue of events in order of time, one per live connection: its next packet,
// or the end of its entry in the box. A packet is seen by the tap that it reaches first at the
// time of its event, by the other one 20 to 200 microseconds later. Both taps hold back what is
// not yet in order. Truth lines are written when an entry ends, so in order of ending; times
// are true time.
#include "simulation.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace natlens::bench {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 1'700'000'000 * kSecond;
constexpr std::uint32_t kExternal = 0xC6336407;       // 198.51.100.7
constexpr std::uint32_t kFirstClient = 0x0A000002;    // 10.0.0.2
constexpr std::uint32_t kFirstServer = 0xC6120001;    // 198.18.0.1, benchmarking (RFC 2544)
constexpr std::uint32_t kFirstResolver = 0xCB007101;  // 203.0.113.1
constexpr int kAddressTries = 1000;
constexpr std::size_t kInsideTap = 0;
constexpr std::size_t kOutsideTap = 1;

std::uint64_t nanoseconds(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1e9);
}

// How long the box keeps an entry after its last packet (nf_conntrack's defaults).
std::uint64_t timeout_ns(const Connection& connection) {
  if (connection.inside.protocol != kTcp) return 30 * kSecond;
  return (connection.outcome == Outcome::kNormal ? 120 : 10) * kSecond;
}

void fill(std::vector<std::uint8_t>& payload, std::size_t size, std::uint64_t seed) {
  Random content(seed);
  payload.resize((size + 7) / 8 * 8);
  for (std::size_t at = 0; at < payload.size(); at += 8) {
    const std::uint64_t word = content.next();
    for (std::size_t byte = 0; byte < 8; byte++) {
      payload[at + byte] = static_cast<std::uint8_t>(word >> (8 * byte));
    }
  }
  payload.resize(size);
}

std::string text(std::uint32_t address) {
  return std::to_string(address >> 24U) + '.' + std::to_string(address >> 16U & 0xFFU) + '.' +
         std::to_string(address >> 8U & 0xFFU) + '.' + std::to_string(address & 0xFFU);
}

std::string json(const Wire& wire) {
  return R"({"src": ")" + text(wire.src) + R"(", "sport": )" + std::to_string(wire.src_port) +
         R"(, "dst": ")" + text(wire.dst) + R"(", "dport": )" + std::to_string(wire.dst_port) +
         "}";
}

const char* name(std::uint8_t protocol) {
  if (protocol == kTcp) return "tcp";
  return protocol == kUdp ? "udp" : "icmp";
}

}  // namespace

Simulation::Simulation(const Options& options, const std::string& folder)
    : options_(options),
      random_(options.seed),
      script_(options.script),
      box_(kExternal, options.backends, random_.next()),
      inside_(folder + "/inside.pcap",
              options.snap_length,
              {0, 0, kStart, options.step_seconds[0], options.step_at_seconds}),
      outside_(folder + "/outside.pcap",
               options.snap_length,
               {options.offset_seconds, options.drift_ppm, kStart, options.step_seconds[1],
                options.step_at_seconds}),
      truth_(std::fopen((folder + "/truth.jsonl").c_str(), "w")) {
  if (!truth_) throw std::runtime_error(folder + "/truth.jsonl: cannot be written");
  if (options_.rate <= 0) options_.rate = options_.connections / options_.script.life_seconds;
  next_port_.resize(std::max(3U, options_.connections / 40));
}

Totals Simulation::run() {
  std::uint64_t next_open_ns = kStart;
  while (opened_ < options_.connections || talking_ > 0) {
    const bool opens = opened_ < options_.connections &&
                       (events_.empty() || next_open_ns <= events_.top().time_ns);
    const std::uint64_t now_ns = opens ? next_open_ns : events_.top().time_ns;
    inside_.flush(now_ns);
    outside_.flush(now_ns);
    if (opens) {
      open_connection(now_ns);
      next_open_ns += nanoseconds(random_.exponential(1 / options_.rate));
      continue;
    }
    const std::uint32_t slot = events_.top().slot;
    events_.pop();
    if (connections_[slot].stage == Stage::kDone) {
      finish(slot, now_ns, false);
    } else {
      step(slot, now_ns);
    }
  }
  for (; !events_.empty(); events_.pop())
    finish(events_.top().slot, last_packet_ns_ + kSecond, true);
  inside_.close();
  outside_.close();
  if (std::fclose(truth_.release()) != 0) throw std::runtime_error("truth.jsonl: disk full?");
  totals_.inside_frames = inside_.frames();
  totals_.outside_frames = outside_.frames();
  totals_.bytes = inside_.bytes() + outside_.bytes();
  return totals_;
}

void Simulation::open_connection(std::uint64_t now_ns) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(connections_.size()));
    connections_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  Connection& connection = connections_[slot];
  connection = {};
  script_.begin(connection, random_);
  draw_addresses(connection);
  connection.life.start_ns = now_ns;
  connection.hops = static_cast<std::uint8_t>(random_.between(4, 20));
  if (options_.seq_shift) {
    for (auto& shift : connection.shift) shift = static_cast<std::uint32_t>(random_.next());
  }
  connection.forgetful = options_.forget_mappings && connection.inside.protocol == kUdp &&
                         connection.left >= 6 && random_.chance(0.5);
  connection.forget_at = connection.left / 2;
  opened_++;
  talking_++;
  totals_.live_at_most = std::max(totals_.live_at_most, box_.entries());
  events_.push({now_ns, slot});
}

// Client, server and ports, until the box has room for the connection. Some servers are more
// popular than others.
void Simulation::draw_addresses(Connection& connection) {
  const std::uint32_t servers = std::clamp(options_.connections / 100, 8U, 100'000U);
  const std::uint32_t resolvers = 1 + options_.connections / 20'000;
  Wire& wire = connection.inside;
  for (int tries = 0; tries < kAddressTries; tries++) {
    const std::uint32_t client = random_.below(static_cast<std::uint32_t>(next_port_.size()));
    const double popular = random_.unit();
    wire.src = kFirstClient + client;
    wire.dst = kFirstServer + static_cast<std::uint32_t>(servers * popular * popular);
    wire.src_port = static_cast<std::uint16_t>(options_.same_source_ports
                                                   ? 40'000 + next_port_[client]++ % 20'000
                                                   : random_.between(32'768, 60'999));
    if (connection.outcome == Outcome::kDns) {
      wire.dst = kFirstResolver + random_.below(resolvers);
      wire.dst_port = 53;
    } else if (wire.protocol != kIcmp) {
      wire.dst_port = random_.chance(0.8) ? 443 : 8000;
    }
    if (options_.backends != 0) wire.dst = kExternal;
    if (box_.open(wire, true, connection.outside)) return;
  }
  throw std::runtime_error("the box has no free port for a new connection; ask for fewer");
}

void Simulation::step(std::uint32_t slot, std::uint64_t now_ns) {
  Connection& connection = connections_[slot];
  const Direction direction = connection.step.direction;
  if (connection.forgetful && connection.left <= connection.forget_at &&
      direction == Direction::kUp) {
    forget(connection, now_ns);
  }
  const std::uint64_t arrived_ns = send(connection, now_ns);
  const bool unheard = arrived_ns == 0 && direction == Direction::kUp;
  if (unheard && connection.inside.protocol != kTcp) {  // no answer to what nobody got
    if (connection.outcome == Outcome::kDns) connection.left = 0;
    if (connection.inside.protocol == kIcmp) connection.step.direction = Direction::kDown;
    if (connection.inside.protocol == kIcmp && connection.left > 0) connection.left--;
  }
  const double wait = script_.advance(connection, random_);
  std::uint64_t next_ns = now_ns + nanoseconds(wait);
  // Who answers has got the packet first, also where it had to be sent again.
  const bool answers = connection.step.direction != direction;
  connection.arrived_ns = std::max(connection.arrived_ns, arrived_ns);
  if (answers || arrived_ns > now_ns + kSecond / 10) {
    next_ns = std::max(next_ns, connection.arrived_ns + 2000);
  }
  if (connection.stage == Stage::kDone) {
    talking_--;
    next_ns = connection.life.last_ns + timeout_ns(connection);
    next_ns = std::max(next_ns, now_ns);
  }
  events_.push({next_ns, slot});
}

// The box loses its entry; the next packet from inside gets a new one with another port.
void Simulation::forget(Connection& connection, std::uint64_t now_ns) {
  connection.forgetful = false;
  write_truth(connection, now_ns, false);
  box_.close(connection.inside, connection.outside);
  if (!box_.open(connection.inside, false, connection.outside)) {
    throw std::runtime_error("the box has no free port for a forgotten mapping; ask for fewer");
  }
  connection.life = {};
  connection.life.start_ns = now_ns;
}

std::uint64_t Simulation::send(Connection& connection, std::uint64_t now_ns) {
  const std::size_t side = index(connection.step.direction);
  const Step& step = connection.step;
  const bool repeats = connection.inside.protocol == kTcp &&
                       (step.payload_bytes > 0 || (step.tcp_flags & (kSyn | kFin)) != 0);
  std::uint64_t wait_ns = (step.tcp_flags & kSyn) != 0 ? kSecond : kSecond / 5;
  std::uint64_t arrived_ns = 0;
  for (int tries = 0; arrived_ns == 0; tries++) {
    const bool lost = random_.chance(options_.loss) && tries < 4;
    const double latency_us = std::min(20 + random_.exponential(40), 200.0);
    std::uint64_t out_ns = now_ns + nanoseconds(latency_us * 1e-6);
    if (random_.chance(options_.reorder)) {
      out_ns += random_.between(200'000, 3'000'000);
    } else {
      out_ns = std::max(out_ns, connection.last_out_ns[side] + 1000);
      connection.last_out_ns[side] = out_ns;
    }
    emit(connection, now_ns, out_ns, lost);
    if (!lost) arrived_ns = out_ns + step.segments * 1000U;
    if (lost && !repeats) break;
    now_ns += wait_ns;
    wait_ns *= 2;
  }
  consume_sequence(connection);
  return arrived_ns;
}

Packet Simulation::packet_of(Connection& connection, std::uint64_t now_ns) const {
  const Step& step = connection.step;
  const bool up = step.direction == Direction::kUp;
  const std::size_t side = index(step.direction);
  const std::size_t peer = index(other(step.direction));
  Packet packet;
  packet.protocol = connection.inside.protocol;
  packet.tcp_flags = step.tcp_flags;
  packet.echo_reply = !up;
  packet.icmp_seq = connection.icmp_seq;
  packet.seq = connection.seq[side];
  packet.ack = (step.tcp_flags & kAck) != 0 ? connection.seq[peer] : 0;
  packet.ts_value =
      connection.ts_base[side] + static_cast<std::uint32_t>((now_ns - kStart) / 1'000'000);
  packet.ts_echo = connection.ts_last[peer];
  packet.ip_id = options_.ip_id_zero ? 0 : connection.ip_id[side]++;
  connection.ts_last[side] = packet.ts_value;
  return packet;
}

// Shows one packet to both taps; lost: only to the first. Offloaded segments are one frame
// inside.
void Simulation::emit(Connection& connection,
                      std::uint64_t first_ns,
                      std::uint64_t second_ns,
                      bool lost) {
  const Step& step = connection.step;
  const bool up = step.direction == Direction::kUp;
  Packet packet = packet_of(connection, first_ns);
  fill(payload_, std::size_t{step.segments} * step.payload_bytes, step.payload_seed);
  packet.payload = payload_;
  bool seen_inside = false;
  if (up || !lost) {
    Packet seen = packet;
    seen.offloaded = step.segments > 1;
    seen.ttl = static_cast<std::uint8_t>(up ? 64 : 64 - connection.hops - 1);
    seen_inside = emit_at(connection, kInsideTap, seen, up ? first_ns : second_ns);
  }
  if (up && lost) return;
  packet.ttl = static_cast<std::uint8_t>(up ? 63 : 64 - connection.hops);
  packet.seq += connection.shift[index(step.direction)];
  if ((packet.tcp_flags & kAck) != 0)
    packet.ack += connection.shift[index(other(step.direction))];
  const std::uint64_t time_ns = up ? second_ns : first_ns;
  for (std::uint32_t segment = 0; segment < step.segments; segment++) {
    packet.payload = std::span<const std::uint8_t>(payload_).subspan(
        std::size_t{segment} * step.payload_bytes, step.payload_bytes);
    const bool seen = emit_at(connection, kOutsideTap, packet, time_ns + segment * 1000);
    if (seen && seen_inside) connection.life.common = true;
    packet.seq += step.payload_bytes;
    if (!options_.ip_id_zero) packet.ip_id++;
  }
  if (!options_.ip_id_zero) {
    connection.ip_id[index(step.direction)] += static_cast<std::uint16_t>(step.segments - 1);
  }
}

bool Simulation::captures(std::size_t tap, std::uint64_t time_ns) const {
  const double since = static_cast<double>(time_ns - kStart) * 1e-9;
  if (tap == kOutsideTap) return since >= options_.late_seconds;
  return options_.early_seconds <= 0 || since <= options_.early_seconds;
}

bool Simulation::emit_at(Connection& connection,
                         std::size_t tap,
                         const Packet& packet,
                         std::uint64_t time_ns) {
  last_packet_ns_ = std::max(last_packet_ns_, time_ns);
  if (random_.chance(options_.drop) || !captures(tap, time_ns)) return false;
  const Wire& wire = tap == kInsideTap ? connection.inside : connection.outside;
  Packet seen = packet;
  const bool icmp = wire.protocol == kIcmp;
  seen.src = wire.src;
  seen.dst = wire.dst;
  seen.src_port = wire.src_port;
  seen.dst_port = wire.dst_port;
  if (connection.step.direction == Direction::kDown) {
    std::swap(seen.src, seen.dst);
    if (!icmp) std::swap(seen.src_port, seen.dst_port);
  }
  Sink& sink = tap == kInsideTap ? inside_ : outside_;
  const int copies = random_.chance(options_.duplicates) ? 2 : 1;
  for (int copy = 0; copy < copies; copy++) {
    build_frame(seen, sink.buffer());
    sink.add(time_ns + static_cast<std::uint64_t>(copy) * random_.between(1000, 100'000));
  }
  Life& life = connection.life;
  if (life.first_ns == 0 || time_ns < life.first_ns) life.first_ns = time_ns;
  life.last_ns = std::max(life.last_ns, time_ns);
  life.packets[tap]++;
  return true;
}

void Simulation::consume_sequence(Connection& connection) {
  const Step& step = connection.step;
  std::uint32_t& seq = connection.seq[index(step.direction)];
  seq += step.segments * step.payload_bytes;
  // A SYN that is sent again keeps its number.
  const bool again = connection.outcome == Outcome::kHalfOpen;
  if ((step.tcp_flags & (kSyn | kFin)) != 0 && !again) seq++;
}

void Simulation::finish(std::uint32_t slot, std::uint64_t end_ns, bool still_open) {
  const Connection& connection = connections_[slot];
  write_truth(connection, end_ns, still_open);
  box_.close(connection.inside, connection.outside);
  free_.push_back(slot);
}

void Simulation::write_truth(const Connection& connection,
                             std::uint64_t end_ns,
                             bool still_open) {
  const Life& life = connection.life;
  std::fprintf(
      truth_.get(),
      R"({"proto": "%s", "inside": %s, "outside": %s, "kind": "%s", "start_ns": %llu, )"
      R"("end_ns": %llu, "device": "box", "initiator": "inside", "inside_tap": ["inside.pcap"], )"
      R"("outside_tap": ["outside.pcap"], "packets": {"inside": %u, "outside": %u}, )"
      R"("first_packet_ns": %llu, "last_packet_ns": %llu, "still_open": %s, "visible": %s})"
      "\n",
      name(connection.inside.protocol), json(connection.inside).c_str(),
      json(connection.outside).c_str(), options_.backends != 0 ? "dnat" : "snat",
      static_cast<unsigned long long>(life.start_ns), static_cast<unsigned long long>(end_ns),
      life.packets[kInsideTap], life.packets[kOutsideTap],
      static_cast<unsigned long long>(life.first_ns),
      static_cast<unsigned long long>(life.last_ns), still_open ? "true" : "false",
      life.common ? "true" : "false");
  totals_.truth_lines++;
}

}  // namespace natlens::bench
