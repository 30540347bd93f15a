#include "iptables_words.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace natlens::ruleset {
namespace {

std::string replaced(std::string text, char from, char to) {
  std::replace(text.begin(), text.end(), from, to);
  return text;
}
std::string lowered(std::string text) {
  for (char& c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return text;
}
// "eth+" is any name that begins so.
std::string interface(std::string name) {
  if (!name.empty() && name.back() == '+') name.back() = '*';
  return '"' + name + '"';
}

class Words {
 public:
  Words(const std::vector<std::string>& arguments, bool v6)
      : in_(arguments), ip_(v6 ? "ip6" : "ip"), v6_(v6) {}

  std::string run() {
    while (at_ < in_.size()) {
      option();
    }
    return std::move(out_);
  }

 private:
  std::string take() { return at_ < in_.size() ? in_[at_++] : ""; }
  bool more() const { return at_ < in_.size(); }
  void add(const std::string& text) { out_ += (out_.empty() ? "" : " ") + text; }
  void match(const std::string& left, const std::string& right) {
    add(left + (negated_ ? " != " : " ") + right);
  }
  void unknown(const std::string& what) {
    add("iptables-" + what);
    while (more() && in_[at_][0] != '-' && in_[at_] != "!") take();
  }
  void option();
  bool addresses_and_ports(const std::string& option);
  bool states(const std::string& option);
  void mark(const std::string& left);
  void ports(const std::string& direction);
  void address_type(const std::string& which);
  void target(const std::string& name);
  void nat(const std::string& name);
  void nat_options(std::string& text, const std::string& own);
  void set_mark(const std::string& name);
  void ct();

  const std::vector<std::string>& in_;
  std::size_t at_ = 0;
  std::string out_;
  std::string ip_;
  bool v6_;
  bool negated_ = false;
  bool connmark_ = false;  // the last -m was connmark
  std::string protocol_ = "th";
};

void Words::ports(const std::string& direction) {
  const std::string value = replaced(take(), ':', '-');
  const bool list = value.find(',') != std::string::npos;
  std::string range = value;
  if (!range.empty() && range.front() == '-') range = "0" + range;
  if (!range.empty() && range.back() == '-') range += "65535";
  match(protocol_ + " " + direction, list ? "{ " + range + " }" : range);
}

bool Words::addresses_and_ports(const std::string& option) {
  if (option == "-s" || option == "-d") {
    match(ip_ + (option == "-s" ? " saddr" : " daddr"), take());
  } else if (option == "-i" || option == "-o") {
    match(option == "-i" ? "iifname" : "oifname", interface(take()));
  } else if (option == "-p") {
    protocol_ = lowered(take());
    if (protocol_ == "all") return true;
    match("meta l4proto", protocol_);
    const bool ported = protocol_ == "tcp" || protocol_ == "udp" || protocol_ == "sctp" ||
                        protocol_ == "dccp" || protocol_ == "udplite";
    protocol_ = ported ? protocol_ : "th";
  } else if (option == "--dport" || option == "--dports" || option == "--destination-ports") {
    ports("dport");
  } else if (option == "--sport" || option == "--sports" || option == "--source-ports") {
    ports("sport");
  } else if (option == "--icmp-type" || option == "--icmpv6-type") {
    const std::string value = take();
    const auto slash = value.find('/');
    match(v6_ ? "icmpv6 type" : "icmp type", value.substr(0, slash));
    if (slash != std::string::npos)
      match(v6_ ? "icmpv6 code" : "icmp code", value.substr(slash + 1));
  } else if (option == "--tcp-flags") {
    const std::string mask = lowered(take());
    const std::string value = lowered(take());
    const auto bits = [](const std::string& text) {
      return text == "none"  ? std::string("0")
             : text == "all" ? "0x3f"
                             : replaced(text, ',', '|');
    };
    match(fmt::format("tcp flags & ( {} )", bits(mask)), bits(value));
  } else if (option == "--syn") {
    match("tcp flags & ( fin|syn|rst|ack )", "syn");
  } else if (option == "--src-range" || option == "--dst-range") {
    match(ip_ + (option == "--src-range" ? " saddr" : " daddr"), take());
  } else if (option == "--match-set") {
    // An ipset is filled elsewhere.
    take();
    take();
    add("iptables-set");
  } else {
    return false;
  }
  return true;
}

// "NEW,ESTABLISHED"; SNAT and DNAT are status bits.
bool Words::states(const std::string& option) {
  if (option != "--ctstate" && option != "--state" && option != "--ctstatus") {
    return false;
  }
  std::string value = lowered(take());
  if (option == "--ctstatus") {
    add(negated_ ? "iptables-ctstatus" : "ct status " + value);
    return true;
  }
  const bool nat =
      value.find("snat") != std::string::npos || value.find("dnat") != std::string::npos;
  if (!nat) {
    match("ct state", "{ " + value + " }");
  } else if (value == "snat" || value == "dnat") {
    add(negated_ ? fmt::format("ct status & {0} != {0}", value) : "ct status " + value);
  } else {
    add("iptables-ctstate");
  }
  return true;
}

void Words::mark(const std::string& left) {
  const std::string value = take();
  const auto slash = value.find('/');
  if (slash == std::string::npos) {
    match(left, value);
  } else {
    match(left + " & " + value.substr(slash + 1), value.substr(0, slash));
  }
}

void Words::address_type(const std::string& which) {
  const std::string type = lowered(take());
  match("fib " + which + " type",
        type.find(',') == std::string::npos ? type : "{ " + type + " }");
}

void Words::option() {
  negated_ = in_[at_] == "!";
  if (negated_) take();
  const std::string option = take();
  if (option == "-m" || option == "--comment") {
    const std::string name = take();
    connmark_ = option == "-m" ? name == "connmark" : connmark_;
    const bool opaque =
        option == "-m" &&
        (name == "owner" || name == "limit" || name == "recent" || name == "statistic" ||
         name == "hashlimit" || name == "string" || name == "mac" || name == "time" ||
         name == "connlimit" || name == "physdev" || name == "rpfilter" || name == "u32" ||
         name == "bpf");
    if (opaque) {
      add("iptables-" + name);
      while (more() && in_[at_] != "-j" && in_[at_] != "-g" && in_[at_] != "-m") take();
    }
  } else if (option == "-j" || option == "-g") {
    const std::string name = take();
    if (option == "-g") {
      add("goto " + name);
    } else {
      target(name);
    }
  } else if (option == "--mark") {
    mark(connmark_ ? "ct mark" : "meta mark");
  } else if (option == "--src-type" || option == "--dst-type") {
    address_type(option == "--src-type" ? "saddr" : "daddr");
  } else if (option == "--ctdir") {
    match("ct direction", lowered(take()));
  } else if (option == "--ctorigdst" || option == "--ctorigsrc") {
    match(option == "--ctorigdst" ? "ct original daddr" : "ct original saddr", take());
  } else if (option == "--ctorigdstport") {
    match("ct original proto-dst", replaced(take(), ':', '-'));
  } else if (option == "--ctproto") {
    match("ct protocol", lowered(take()));
  } else if (!addresses_and_ports(option) && !states(option)) {
    unknown(option);
  }
}

void Words::nat_options(std::string& text, const std::string& own) {
  while (more()) {
    const std::string option = take();
    if (option == own || option == "--to-ports" || option == "--to") {
      std::string value = take();
      const auto slash = value.rfind('/');
      const auto colon = value.rfind(':');
      const bool base = slash != std::string::npos && own == "--to-destination" &&
                        colon != std::string::npos && slash > colon;
      const std::string first = base ? value.substr(slash + 1) : "";
      if (base) value.resize(slash);
      if (own == "--to-ports") value = ":" + value;
      text += " to " + value + (base ? " base " + first : "");
    } else if (option == "--random" || option == "--random-fully" || option == "--persistent") {
      text += option == "--random-fully" ? " fully-random" : " " + option.substr(2);
    }
  }
  add(text);
}

void Words::nat(const std::string& name) {
  std::string text = name == "NETMAP" ? "" : lowered(name);
  if (name == "SNAT") {
    nat_options(text, "--to-source");
  } else if (name == "DNAT") {
    nat_options(text, "--to-destination");
  } else {
    nat_options(text, "--to-ports");
  }
}

void Words::set_mark(const std::string& name) {
  const std::string what = name == "MARK" ? "meta mark" : "ct mark";
  const std::string option = take();
  const std::string value = more() && in_[at_][0] != '-' ? take() : "";
  const auto slash = value.find('/');
  const std::string number = value.substr(0, slash);
  if (option == "--set-xmark" || option == "--set-mark") {
    // (mark & ~mask) ^ value; with the mask equal to the value it is an or.
    const std::string mask =
        slash == std::string::npos ? "0xffffffff" : value.substr(slash + 1);
    if (mask == "0xffffffff") {
      add(what + " set " + number);
    } else if (mask == number) {
      add(what + " set " + what + " | " + number);
    } else if (mask == "0x0") {
      add(what + " set " + what + " ^ " + number);
    } else {
      add("mark set iptables-mask");
    }
  } else if (option == "--or-mark" || option == "--and-mark" || option == "--xor-mark") {
    add(what + " set " + what +
        (option == "--or-mark"    ? " | "
         : option == "--and-mark" ? " & "
                                  : " ^ ") +
        number);
  } else if (option == "--save-mark") {
    add("ct mark set meta mark");
    at_ = in_.size();
  } else if (option == "--restore-mark") {
    add("meta mark set ct mark");
    at_ = in_.size();
  } else {
    unknown("mark");
  }
}

void Words::ct() {
  while (more()) {
    const std::string option = take();
    if (option == "--notrack") {
      add("notrack");
    } else if (option == "--helper") {
      add("ct helper set \"" + take() + '"');
    } else if (option == "--zone" || option == "--zone-orig" || option == "--zone-reply") {
      add(std::string("ct ") +
          (option == "--zone-orig"    ? "original "
           : option == "--zone-reply" ? "reply "
                                      : "") +
          "zone set " + take());
    } else {
      take();
    }
  }
}

void Words::target(const std::string& name) {
  static constexpr auto kHarmless = std::to_array<std::string_view>(
      {"LOG", "NFLOG", "TRACE", "CLASSIFY", "CHECKSUM", "AUDIT", "SET", "DSCP", "TOS"});
  if (name == "ACCEPT" || name == "DROP" || name == "RETURN") {
    add(lowered(name));
  } else if (name == "REJECT") {
    add("reject");
  } else if (name == "SNAT" || name == "DNAT" || name == "MASQUERADE" || name == "REDIRECT") {
    nat(name);
    return;
  } else if (name == "NETMAP") {
    take();
    // Which end is meant depends on the chain: filled in by the reader of tables.
    add("netmap to " + take());
  } else if (name == "MARK" || name == "CONNMARK") {
    set_mark(name);
  } else if (name == "CT") {
    ct();
  } else if (name == "NOTRACK") {
    add("notrack");
  } else if (std::find(kHarmless.begin(), kHarmless.end(), name) != kHarmless.end()) {
    at_ = in_.size();
  } else if (name == "TCPMSS" || name == "TTL" || name == "HL" || name == "ECN") {
    add("iptables-" + name);
    at_ = in_.size();
  } else if (name == "NFQUEUE" || name == "TPROXY" || name == "QUEUE" || name == "TEE" ||
             name == "SYNPROXY") {
    add("queue");
    at_ = in_.size();
  } else {
    add("jump " + name);
  }
  if (name == "REJECT") at_ = in_.size();
}

}  // namespace

std::string iptables_words(const std::vector<std::string>& arguments, bool v6) {
  return Words(arguments, v6).run();
}

}  // namespace natlens::ruleset
