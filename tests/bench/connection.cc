// How it works: a connection holds its next step; advance() looks at the stage and replaces it.
//
//   TCP      kOpen SYN -> kAnswer SYN,ACK (refused: RST, done) -> kEstablish ACK -> kTransfer
//   data
//            and ACKs until none is left -> FIN (reset: RST, done) -> kCloseAnswer FIN ->
//            kCloseEnd ACK -> kDone. Half open: SYN again after 1, 2, 4 seconds, done.
//   UDP      kTransfer until none is left; DNS: a question and an answer.
//   ICMP     kTransfer: request, answer with the same payload, request...
//
// Data comes in bursts: most packets follow the one before within half a millisecond, others
// after a pause that makes the connection last as long as asked.
#include "connection.h"

#include <algorithm>

#include "frame.h"

namespace natlens::bench {
namespace {

constexpr std::uint32_t kSegmentBytes = 1448;  // 1500 less IP, TCP and timestamps
constexpr std::uint32_t kHandshakeAndClose = 6;
constexpr double kBurstShare = 0.6;
constexpr std::uint8_t kData = kPsh | kAck;

double micros(Random& random, std::uint32_t first, std::uint32_t last) {
  return random.between(first, last) * 1e-6;
}

Outcome draw_tcp_outcome(Random& random) {
  const double draw = random.unit();
  if (draw < 0.01) return Outcome::kHalfOpen;
  if (draw < 0.03) return Outcome::kRefused;
  return draw < 0.08 ? Outcome::kReset : Outcome::kNormal;
}

}  // namespace

std::uint32_t Script::length(Outcome outcome, std::uint8_t protocol, Random& random) const {
  if (outcome == Outcome::kDns) return 2;
  // The worst case has the same number everywhere; the mix has many short and few long ones,
  // and makes up for the shorter DNS exchanges.
  const double mean = options_.worst ? options_.packets_mean : options_.packets_mean * 1.2;
  const double drawn = options_.worst ? mean : 0.15 * mean + random.exponential(0.85 * mean);
  const auto total = static_cast<std::uint32_t>(std::max(drawn, 2.0));
  if (protocol != kTcp) return total;
  return total > kHandshakeAndClose + 1 ? total - kHandshakeAndClose : 1;
}

void Script::begin(Connection& connection, Random& random) const {
  const double draw = random.unit();
  connection.inside.protocol = draw < 0.7 ? kTcp : draw < 0.95 ? kUdp : kIcmp;
  const bool tcp = connection.inside.protocol == kTcp;
  if (tcp) connection.outcome = draw_tcp_outcome(random);
  if (draw >= 0.7 && draw < (options_.worst ? 0.72 : 0.85)) connection.outcome = Outcome::kDns;
  connection.left = length(connection.outcome, connection.inside.protocol, random);
  if (connection.outcome == Outcome::kHalfOpen) connection.left = 3;
  connection.rtt_seconds = 0.002 + random.exponential(0.02);
  connection.think_seconds =
      options_.life_seconds / (connection.left + kHandshakeAndClose) / (1 - kBurstShare);
  for (const std::size_t side : {0, 1}) {
    connection.seq[side] = static_cast<std::uint32_t>(random.next());
    connection.ts_base[side] = static_cast<std::uint32_t>(random.next());
    connection.ip_id[side] = static_cast<std::uint16_t>(random.next());
  }
  connection.stage = tcp ? Stage::kOpen : Stage::kTransfer;
  connection.step = {};
  if (tcp) {
    connection.step.tcp_flags = kSyn;
  } else {
    connection.left--;
    set_payload(connection, random);
  }
}

std::uint32_t Script::payload_bytes(const Connection& connection, Random& random) const {
  const bool up = connection.step.direction == Direction::kUp;
  const std::uint8_t protocol = connection.inside.protocol;
  if (options_.worst) {
    return protocol == kTcp ? random.between(4, 22) : random.between(16, 46);
  }
  if (protocol == kIcmp) return 56;
  if (connection.outcome == Outcome::kDns)
    return up ? random.between(28, 60) : random.between(60, 300);
  if (protocol == kUdp) return random.between(60, 700);
  if (!up && random.chance(0.3)) return kSegmentBytes;
  return up ? random.between(20, 500) : random.between(50, 800);
}

// Size and content of the next data packet. With few payload values the size belongs to the
// value.
void Script::set_payload(Connection& connection, Random& random) const {
  Step& step = connection.step;
  step.payload_seed = random.next();
  if (options_.payload_values > 0) {
    step.payload_seed = random.below(options_.payload_values);
    Random value(step.payload_seed);
    step.payload_bytes = options_.worst ? value.between(2, 46) : value.between(20, 700);
  } else {
    step.payload_bytes = payload_bytes(connection, random);
  }
  if (options_.segmentation_offload && connection.inside.protocol == kTcp &&
      random.chance(0.4)) {
    step.segments = static_cast<std::uint8_t>(random.between(2, 8));
    step.payload_bytes = kSegmentBytes;
  }
}

double Script::advance(Connection& connection, Random& random) const {
  return connection.inside.protocol == kTcp ? advance_tcp(connection, random)
                                            : advance_datagrams(connection, random);
}

double Script::advance_tcp(Connection& connection, Random& random) const {
  Step& step = connection.step;
  switch (connection.stage) {
    case Stage::kOpen:
      if (connection.outcome == Outcome::kHalfOpen) {
        if (connection.left == 0) {
          connection.stage = Stage::kDone;
          return 0;
        }
        return 8.0 / (1U << connection.left--);
      }
      connection.stage = Stage::kAnswer;
      step.direction = Direction::kDown;
      step.tcp_flags = (connection.outcome == Outcome::kRefused ? kRst : kSyn) | kAck;
      return connection.rtt_seconds;
    case Stage::kAnswer:
      if (connection.outcome == Outcome::kRefused) {
        connection.stage = Stage::kDone;
        return 0;
      }
      connection.stage = Stage::kEstablish;
      step.direction = Direction::kUp;
      step.tcp_flags = kAck;
      return micros(random, 300, 1000);
    case Stage::kEstablish:
      connection.stage = Stage::kTransfer;
      return transfer(connection, random);
    case Stage::kTransfer:
      return connection.left > 0 ? transfer(connection, random) : close(connection, random);
    case Stage::kCloseAnswer:
    case Stage::kCloseEnd:
      return close(connection, random);
    case Stage::kDone:
      break;
  }
  return 0;
}

// The next packet of data, or the acknowledgement of the last one.
double Script::transfer(Connection& connection, Random& random) const {
  Step& step = connection.step;
  connection.left--;
  const Direction before = step.direction;
  step.segments = 1;
  if (connection.ack_owed && random.chance(0.5)) {
    step = {.direction = other(before), .tcp_flags = kAck};
    connection.ack_owed = false;
    return micros(random, 400, 2000);
  }
  if (!random.chance(kBurstShare)) {
    step.direction = random.chance(0.6) ? Direction::kDown : Direction::kUp;
  }
  step.tcp_flags = kData;
  set_payload(connection, random);
  connection.ack_owed = true;
  if (step.direction == before && random.chance(kBurstShare)) return micros(random, 20, 400);
  return connection.rtt_seconds + random.exponential(connection.think_seconds);
}

// Reset, or the three packets that end a connection in order.
double Script::close(Connection& connection, Random& random) const {
  Step& step = connection.step;
  if (connection.stage == Stage::kTransfer) {
    const bool reset = connection.outcome == Outcome::kReset;
    step = {.direction = random.chance(0.5) ? Direction::kUp : Direction::kDown,
            .tcp_flags = static_cast<std::uint8_t>((reset ? kRst : kFin) | kAck)};
    connection.stage = reset ? Stage::kCloseEnd : Stage::kCloseAnswer;
    if (reset) connection.left = 0;
    return connection.rtt_seconds;
  }
  if (connection.stage == Stage::kCloseAnswer) {
    step.direction = other(step.direction);
    connection.stage = Stage::kCloseEnd;
    return connection.rtt_seconds;
  }
  if ((step.tcp_flags & kFin) == 0) {  // the reset or the last ACK was sent
    connection.stage = Stage::kDone;
    return 0;
  }
  step.direction = other(step.direction);
  step.tcp_flags = kAck;
  return connection.rtt_seconds;
}

double Script::advance_datagrams(Connection& connection, Random& random) const {
  Step& step = connection.step;
  if (connection.left == 0) {
    connection.stage = Stage::kDone;
    return 0;
  }
  connection.left--;
  const bool icmp = connection.inside.protocol == kIcmp;
  if (icmp &&
      step.direction == Direction::kUp) {  // the answer brings the request's payload back
    step.direction = Direction::kDown;
    return connection.rtt_seconds;
  }
  const Direction before = step.direction;
  if (icmp) {
    connection.icmp_seq++;
    step.direction = Direction::kUp;
  } else if (connection.outcome == Outcome::kDns || !random.chance(kBurstShare)) {
    step.direction = other(before);
  }
  set_payload(connection, random);
  if (connection.outcome == Outcome::kDns) return connection.rtt_seconds;
  if (step.direction == before && random.chance(kBurstShare)) return micros(random, 20, 400);
  return connection.rtt_seconds + random.exponential(connection.think_seconds);
}

}  // namespace natlens::bench
