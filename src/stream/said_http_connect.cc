// HTTP CONNECT (RFC 9110 9.3.6): "CONNECT host:port HTTP/1.1", answered by "HTTP/1.1 200 ...".
#include "said.h"
#include "said_text.h"

namespace natlens::stream {
namespace {

constexpr std::size_t kLongestLine = 512;

Reading read_request(std::string_view line, std::size_t bytes, Said& said) {
  line.remove_prefix(std::string_view("CONNECT ").size());
  const std::string_view target = take_until(line, " ");
  const auto host = read_host_port(target);
  if (!host || host->endpoint.port == 0 || !begins_with(line, " http/1.")) return Reading::no();
  Statement& statement = said.add(StatementKind::kConnect);
  statement.named = host->endpoint;
  set_text(statement, host->name);
  return Reading::read(bytes);
}

Reading read_answer(std::string_view line, std::size_t bytes, Said& said) {
  take_until(line, " ");
  if (!take(line, ' ')) return Reading::no();
  const auto status = take_number(line, 599);
  if (!status) return Reading::no();
  if (*status < 200) return Reading::read(bytes);
  set_number(said.add(*status < 300 ? StatementKind::kConnected : StatementKind::kRefused),
             *status);
  return Reading::read(bytes);
}

}  // namespace

Reading read_http_connect(const Heard& heard, Said& said) {
  const std::string_view word = heard.asked ? "HTTP/1." : "CONNECT ";
  const std::string_view text =
      as_text(heard.bytes.first(std::min(heard.bytes.size(), kLongestLine)));
  if (text.substr(0, word.size()) != word.substr(0, text.size())) return Reading::no();
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    return text.size() < kLongestLine ? unfinished(heard) : Reading::no();
  }
  const std::string_view line = trimmed(text.substr(0, end));
  if (line.size() < word.size()) return Reading::no();
  return heard.asked ? read_answer(line, end + 1, said) : read_request(line, end + 1, said);
}

}  // namespace natlens::stream
