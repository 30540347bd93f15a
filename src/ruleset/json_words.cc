#include "json_words.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace natlens::ruleset {
namespace {

using nlohmann::json;

std::string quoted(const json& value) {
  return value.is_string() ? '"' + value.get<std::string>() + '"' : value.dump();
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
}

const json& member(const json& object, const char* key) {
  static const json kNone;
  const auto found = object.find(key);
  return found == object.end() ? kNone : *found;
}

std::string joined(const json& list, const char* separator) {
  std::string out;
  for (const json& item : list) {
    out += (out.empty() ? "" : separator) + expression_words(item);
  }
  return out;
}

std::string element_words(const json& item) {
  if (item.is_array() && item.size() == 2) {  // a member of a map
    return expression_words(item[0]) + " : " + expression_words(item[1]);
  }
  return expression_words(item);
}

std::string set_words(const json& value) {
  if (value.is_string()) {
    return value.get<std::string>();  // "@name"
  }
  std::string out = "{ ";
  for (const json& item : value.is_array() ? value : member(value, "set")) {
    out += (out.size() > 2 ? ", " : "") + element_words(item);
  }
  return out + " }";
}

std::string meta_words(const std::string& key) {
  const bool bare = key == "iifname" || key == "oifname" || key == "iif" || key == "oif";
  return bare ? key : "meta " + key;
}

std::string payload_words(const json& value) {
  if (value.contains("protocol")) {
    return text_of(value, "protocol") + " " + text_of(value, "field");
  }
  return fmt::format("@{},{},{}", text_of(value, "base"), member(value, "offset").dump(),
                     member(value, "len").dump());
}

std::string ct_words(const json& value) {
  const std::string direction = text_of(value, "dir");
  return "ct " + (direction.empty() ? "" : direction + " ") + text_of(value, "key");
}

std::string fib_words(const json& value) {
  std::string out = "fib ";
  const json& flags = member(value, "flags");
  out += flags.is_array() ? joined(flags, " . ") : expression_words(flags);
  return out + " " + text_of(value, "result");
}

std::string binary_words(const json& value, const std::string& op) {
  std::string out;
  for (const json& item : value) {
    const bool nested = item.is_object() && (item.contains("|") || item.contains("^"));
    out += (out.empty() ? "" : " " + op + " ") +
           (nested ? "( " + expression_words(item) + " )" : expression_words(item));
  }
  return out;
}

std::string object_words(const std::string& name, const json& value) {
  if (name == "payload") return payload_words(value);
  if (name == "meta") return meta_words(text_of(value, "key"));
  if (name == "ct") return ct_words(value);
  if (name == "fib") return fib_words(value);
  if (name == "prefix")
    return fmt::format("{}/{}", text_of(value, "addr"), member(value, "len").dump());
  if (name == "range" && value.size() == 2)
    return expression_words(value[0]) + "-" + expression_words(value[1]);
  if (name == "set") return set_words(value);
  if (name == "concat") return joined(value, " . ");
  if (name == "elem") return expression_words(member(value, "val"));
  if (name == "map")
    return expression_words(member(value, "key")) + " map " +
           expression_words(member(value, "data"));
  if (name == "numgen")
    return fmt::format("numgen {} mod {}", text_of(value, "mode"), member(value, "mod").dump());
  if (name == "jhash")
    return fmt::format("jhash {} mod {}", expression_words(member(value, "expr")),
                       member(value, "mod").dump());
  if (name == "symhash") return fmt::format("symhash mod {}", member(value, "mod").dump());
  if (name == "&" || name == "|" || name == "^") return binary_words(value, name);
  if (name == "jump" || name == "goto") return name + " " + text_of(value, "target");
  if (name == "accept" || name == "drop" || name == "return" || name == "continue") return name;
  return "json-" + name;
}

std::string nat_words(const std::string& name, const json& value) {
  std::string out = name;
  if (value.is_null()) {
    return out;
  }
  const bool prefix = member(value, "type_flags").dump().find("prefix") != std::string::npos ||
                      member(value, "flags").dump().find("netmap") != std::string::npos;
  out += prefix ? " ip prefix" : "";
  const json& address = member(value, "addr");
  const json& port = member(value, "port");
  if (!address.is_null() || !port.is_null()) {
    std::string host = expression_words(address);
    const bool v6 = address.is_string() && host.find(':') != std::string::npos;
    if (v6 && !port.is_null()) host = "[" + host + "]";
    out += " to " + (address.is_null() ? "" : host);
    const bool plain = !port.is_object() || port.contains("range");
    if (!port.is_null()) {
      const bool joint = (address.is_null() || address.is_string()) && plain;
      out += (joint ? ":" : " : ") + expression_words(port);
    }
  }
  const json& flags = member(value, "flags");
  for (const json& flag : flags.is_array() ? flags : json::array({flags})) {
    if (flag.is_string() && flag != "netmap") out += " " + flag.get<std::string>();
  }
  return out;
}

std::string match_words(const json& value) {
  const std::string op = text_of(value, "op");
  const json& right = member(value, "right");
  std::string out = expression_words(member(value, "left")) + " ";
  if (op != "in" && op != "==") {
    out += op + " ";
  } else if (op == "==" && !right.is_object()) {
    out += "== ";
  }
  return out + (right.is_array() ? joined(right, ",") : expression_words(right));
}

std::string mangle_words(const json& value) {
  return expression_words(member(value, "key")) + " set " +
         expression_words(member(value, "value"));
}

}  // namespace

std::string expression_words(const json& e) {
  if (e.is_string()) {
    return e.get<std::string>();
  }
  if (e.is_number()) {
    return e.dump();
  }
  if (e.is_array()) {
    return joined(e, ",");
  }
  if (e.is_object() && !e.empty()) {
    return object_words(e.begin().key(), e.begin().value());
  }
  return "";
}

std::string statement_words(const json& s) {
  if (!s.is_object() || s.empty()) {
    return "json-statement";
  }
  const std::string name = s.begin().key();
  const json& value = s.begin().value();
  if (name == "match") return match_words(value);
  if (name == "snat" || name == "dnat" || name == "masquerade" || name == "redirect")
    return nat_words(name, value);
  if (name == "vmap")
    return expression_words(member(value, "key")) + " vmap " + set_words(member(value, "data"));
  if (name == "mangle") return mangle_words(value);
  if (name == "ct helper") return "ct helper set " + quoted(value);
  if (name == "counter" || name == "log" || name == "notrack" || name == "reject") return name;
  if (name == "set" || name == "map")
    return text_of(value, "op") + " " + text_of(value, "set") + " { }";
  if (name == "flow") return "flow";
  if (name == "queue" || name == "tproxy" || name == "dup" || name == "fwd" ||
      name == "synproxy")
    return name;
  return object_words(name, value);
}

}  // namespace natlens::ruleset
