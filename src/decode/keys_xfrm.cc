// What `ip xfrm state` (iproute2) prints: an association begins with a line "src A dst B", and
// has lines for its protocol and SPI, its flags, its algorithms with their keys, its counters.
// Associations that are not ESP (AH, IPcomp) are passed over.
#include <fmt/format.h>

#include "esp_suites.h"
#include "keys_text.h"

namespace natlens::decode {
namespace {

constexpr std::string_view kHidden = "<<";  // "<<Keys hidden>>", as -nokeys prints

// An association that is being read.
struct Found {
  EspAssociation association;
  std::size_t line = 0;
  bool esp = false;
  bool cipher = false;
};

class XfrmState {
 public:
  XfrmState(KeyRing& ring, std::string_view text, const std::string& origin)
      : ring_(ring), lines_(text), origin_(origin) {}

  Result<void> read() {
    for (std::string_view line; lines_.next(line);) {
      if (Result<void> taken = take(line); !taken) return taken;
    }
    return finish();
  }

 private:
  Error wrong(std::string_view why) const {
    return Error{fmt::format("{}:{}: {}", origin_, lines_.number(), why)};
  }

  Result<void> take(std::string_view rest) {
    const std::string_view word = take_word(rest);
    if (word == "src") return begin(rest);
    if (!found_) return wrong("an association begins with 'src A dst B'");
    if (word == "proto") return protocol(rest);
    if (word == "replay-window") return flags(rest);
    if (word == "enc") return cipher(rest);
    if (word == "aead") return aead(rest);
    if (word == "auth" || word == "auth-trunc") return integrity(rest);
    if (word == "seq-hi") high(rest);
    return {};  // selectors, life times, marks, interfaces...
  }

  Result<void> begin(std::string_view rest) {
    if (Result<void> finished = finish(); !finished) return finished;
    take_word(rest);
    if (take_word(rest) != "dst") return wrong("an association begins with 'src A dst B'");
    const auto dst = Address::parse(take_word(rest));
    if (!dst) return wrong("an association begins with 'src A dst B', two addresses");
    found_.emplace();
    found_->line = lines_.number();
    found_->association.dst = *dst;
    found_->association.sequence = EspSequence::kShort;
    return {};
  }

  Result<void> protocol(std::string_view rest) {
    found_->esp = take_word(rest) == "esp";
    if (!found_->esp) return {};
    const bool named = take_word(rest) == "spi";
    const auto spi = number_of(take_word(rest));
    if (!named || !spi) return wrong("expected 'proto esp spi 0x...'");
    found_->association.spi = *spi;
    return {};
  }

  Result<void> flags(std::string_view rest) {
    for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
      if (word == "esn") found_->association.sequence = EspSequence::kExtended;
    }
    return {};
  }

  // "0x0, seq 0x1c, oseq-hi 0x0, oseq 0x0": one of the two directions is in use.
  void high(std::string_view rest) {
    std::string_view name = "seq-hi";
    while (!rest.empty()) {
      std::string_view value = take_word(rest);
      if (value.ends_with(',')) value.remove_suffix(1);
      const auto number = number_of(value);
      if (number && name.ends_with("seq-hi")) {
        auto& high = found_->association.sequence_high;
        high = std::max(high, *number);
      }
      name = take_word(rest);
    }
  }

  Result<void> cipher(std::string_view rest) {
    return take_cipher(rest, /*authenticates=*/false);
  }

  Result<void> take_cipher(std::string_view& rest, bool authenticates) {
    if (!found_->esp) return {};
    const std::string_view name = take_word(rest);
    for (std::size_t i = 0; i < static_cast<std::size_t>(EspCipher::kCount); ++i) {
      const auto cipher = static_cast<EspCipher>(i);
      if (row_of(cipher).kernel != name || row_of(cipher).authenticates != authenticates) {
        continue;
      }
      found_->association.cipher = cipher;
      found_->cipher = true;
      return key(rest, found_->association.key);
    }
    return wrong(
        fmt::format("no cipher that is read; there are {}; take this association out "
                    "of the file",
                    known_ciphers()));
  }

  Result<void> aead(std::string_view rest) {
    if (!found_->esp) return {};
    if (Result<void> taken = take_cipher(rest, /*authenticates=*/true); !taken) return taken;
    return icv(rest, 16);
  }

  Result<void> integrity(std::string_view rest) {
    if (!found_->esp) return {};
    const std::string_view name = take_word(rest);
    for (std::size_t i = 0; i < static_cast<std::size_t>(EspIntegrity::kUnchecked); ++i) {
      const auto integrity = static_cast<EspIntegrity>(i);
      if (row_of(integrity).kernel != name) continue;
      found_->association.integrity = integrity;
      if (integrity == EspIntegrity::kNone) return {};
      if (Result<void> taken = key(rest, found_->association.integrity_key); !taken) {
        return taken;
      }
      return icv(rest, row_of(integrity).default_icv);
    }
    return wrong(
        "no authentication that is read; there are hmac(md5), hmac(sha1), "
        "hmac(sha256), hmac(sha384) and hmac(sha512); take this association out of "
        "the file");
  }

  // In bits, behind the key; -s puts "(... bits)" before it.
  Result<void> icv(std::string_view rest, std::uint8_t otherwise) {
    found_->association.icv_bytes = otherwise;
    std::string_view last;
    for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
      last = word;
    }
    if (last.empty() || last.ends_with(')')) return {};
    const auto bits = number_of(last);
    if (!bits || *bits % 8 != 0 || *bits < 32 || *bits > 512) {
      return wrong("the length of the integrity value, in bits, stands behind its key");
    }
    found_->association.icv_bytes = static_cast<std::uint8_t>(*bits / 8);
    return {};
  }

  template <std::size_t N>
  Result<void> key(std::string_view& rest, Secret<N>& out) {
    if (trimmed(rest).empty()) return {};  // of the NULL cipher
    const std::string_view text = take_word(rest);
    if (text.starts_with(kHidden)) {
      return wrong("the keys are hidden; print them with `ip xfrm state`, as root");
    }
    const auto bytes = hex_secret<N>(text);
    if (!bytes) return wrong("no key; it is written as 0x and pairs of hexadecimal digits");
    out = *bytes;
    return {};
  }

  Result<void> finish() {
    if (!found_ || !found_->esp) {
      found_.reset();
      return {};
    }
    const auto here = [this](std::string_view why) {
      return Error{fmt::format("{}:{}: {}", origin_, found_->line, why)};
    };
    if (!found_->cipher) {
      return here(
          "an association without 'enc' or 'aead'; give all that `ip xfrm state` "
          "prints");
    }
    if (const Result<void> checked = check_keys(found_->association); !checked) {
      return here(checked.error().message);
    }
    ring_.add_association(found_->association);
    found_.reset();
    return {};
  }

  KeyRing& ring_;
  KeyLines lines_;
  const std::string& origin_;
  std::optional<Found> found_;
};

}  // namespace

Result<void> add_xfrm_state(KeyRing& ring, std::string_view text, const std::string& origin) {
  return XfrmState(ring, text, origin).read();
}

}  // namespace natlens::decode
