#include "esp_associations.h"

#include <algorithm>
#include <array>

#include "esp_suites.h"

namespace natlens::decode {
namespace {

constexpr std::size_t kHeader = 8;  // SPI and sequence number

std::array<std::uint8_t, 4> be32(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes{};
  store_be32(bytes, 0, value);
  return bytes;
}

// RFC 4303, appendix A2: the high half that puts `low` nearest to the last number.
std::uint32_t likely_high(std::uint32_t high, std::uint32_t last, std::uint32_t low) {
  constexpr std::uint32_t kHalf = 1U << 31;
  if (low < last && last - low > kHalf) return high + 1;
  if (low > last && low - last > kHalf && high > 0) return high - 1;
  return high;
}

}  // namespace

void EspAssociations::update(const KeyRing& keys) {
  for (; taken_ < keys.associations().size(); ++taken_) {
    const EspAssociation& given = keys.associations()[taken_];
    State& state = (given.any_spi ? wild_ : named_).emplace_back();
    state.given = given;
    state.extended = given.sequence == EspSequence::kExtended;
    state.high = given.sequence_high;
  }
  std::stable_sort(named_.begin(), named_.end(), [](const State& left, const State& right) {
    return left.given.spi < right.given.spi;
  });
}

bool EspAssociations::knows(std::uint32_t spi) const {
  return !wild_.empty() || std::any_of(named_.begin(), named_.end(), [&](const State& state) {
    return state.given.spi == spi;
  });
}

void EspAssociations::make(State& state) {
  state.made = true;
  const EspAssociation& given = state.given;
  if (given.cipher != EspCipher::kNull) {
    const std::size_t bytes = given.key.size() - row_of(given.cipher).salt_bytes;
    state.cipher.emplace(library_name(given.cipher, bytes));
    state.cipher->set_key(given.key.view().first(bytes));
  }
  const auto library = row_of(given.integrity).library;
  if (!library.empty()) state.hmac.emplace(library.data(), given.integrity_key.view());
}

// With this high half of the sequence number, or none.
bool EspAssociations::open_as(State& state,
                              ByteView packet,
                              std::optional<std::uint32_t> high,
                              std::uint8_t* plain,
                              Opened& opened) {
  const EspAssociation& given = state.given;
  const EspCipherRow& row = row_of(given.cipher);
  if (packet.size() < kHeader + row.iv_bytes + given.icv_bytes) return false;
  const ByteView covered = packet.first(packet.size() - given.icv_bytes);
  const ByteView icv = packet.last(given.icv_bytes);
  const ByteView iv = packet.subspan(kHeader, row.iv_bytes);
  const ByteView sealed = covered.subspan(kHeader + row.iv_bytes);
  if (sealed.size() % row.block_bytes != 0) return false;
  const auto high_bytes = be32(high.value_or(0));
  opened = {sealed.size(), row.authenticates || state.hmac.has_value()};
  if (state.hmac && !state.hmac->verify(covered, ByteView(high_bytes).first(high ? 4 : 0), icv))
    return false;
  if (given.cipher == EspCipher::kNull) {
    std::copy(sealed.begin(), sealed.end(), plain);
    return true;
  }
  if (row.salt_bytes == 0) return state.cipher->decrypt(iv, sealed, plain);
  std::array<std::uint8_t, 16> nonce{};  // salt, IV, and the counter of counter mode
  const ByteView salt = given.key.view().last(row.salt_bytes);
  std::copy(salt.begin(), salt.end(), nonce.begin());
  std::copy(iv.begin(), iv.end(), nonce.begin() + row.salt_bytes);
  nonce[15] = 1;
  if (!row.authenticates) return state.cipher->decrypt(nonce, sealed, plain);
  std::array<std::uint8_t, 12> associated{};
  std::copy_n(packet.begin(), 4, associated.begin());
  std::copy(high_bytes.begin(), high_bytes.end(), associated.begin() + 4);
  std::copy_n(packet.begin() + 4, 4, associated.begin() + (high ? 8 : 4));
  return state.cipher->open(nonce, ByteView(associated).first(high ? 12 : 8), sealed, icv,
                            plain);
}

// The half of an extended number that is not sent has to be guessed; the authentication tells.
bool EspAssociations::try_sequences(State& state,
                                    ByteView packet,
                                    std::uint8_t* plain,
                                    Opened& opened) {
  const std::uint32_t low = load_be32(packet, 4);
  const bool unknown = state.given.sequence == EspSequence::kUnknown && !state.seen;
  if (!state.extended || unknown) {
    if (open_as(state, packet, std::nullopt, plain, opened)) {
      state.seen = true;
      return true;
    }
    if (!unknown) return false;
  }
  const std::uint32_t high = state.seen ? likely_high(state.high, state.last, low) : state.high;
  const std::array<std::uint32_t, 4> guesses{high, high + 1, high == 0 ? 0 : high - 1, 0};
  for (std::size_t i = 0; i < guesses.size(); ++i) {
    if (std::find(guesses.begin(), guesses.begin() + i, guesses[i]) != guesses.begin() + i ||
        !open_as(state, packet, guesses[i], plain, opened)) {
      continue;
    }
    const bool newer = !state.seen || guesses[i] > state.high ||
                       (guesses[i] == state.high && low > state.last);
    if (newer && opened.authentic) {
      state.high = guesses[i];
      state.last = low;
    }
    state.seen = state.extended = true;
    return true;
  }
  return false;
}

Opening EspAssociations::open(ByteView packet,
                              const Address& dst,
                              std::uint8_t* plain,
                              Opened& opened) {
  const std::uint32_t spi = load_be32(packet, 0);
  bool tried = false;
  const auto opens = [&](State& state) {
    tried = true;
    if (!state.made) make(state);
    return try_sequences(state, packet, plain, opened);
  };
  const auto first =
      std::lower_bound(named_.begin(), named_.end(), spi,
                       [](const State& state, std::uint32_t v) { return state.given.spi < v; });
  for (const bool at_home : {true, false}) {
    for (auto it = first; it != named_.end() && it->given.spi == spi; ++it) {
      if ((it->given.dst == dst) == at_home && opens(*it)) return Opening::kOpened;
    }
  }
  for (State& state : wild_) {
    if ((!state.given.dst || state.given.dst == dst) && opens(state)) return Opening::kOpened;
  }
  return tried ? Opening::kUnauthentic : Opening::kNoKey;
}

}  // namespace natlens::decode
