#include "proxy/hcm/local_reply.h"

#include "proxy/base/numbers.h"

namespace outrigger::hcm {

using http::Name;

void LocalReply::set_headers(const http::HeaderMap& map) {
  auto* list = static_cast<ExtraHeader*>(map.arena().allocate(map.size() * sizeof(ExtraHeader), alignof(ExtraHeader)));
  for (std::size_t i = 0; i < map.size(); ++i) new (&list[i]) ExtraHeader(map.at(i).name, map.at(i).value);
  headers = list;
  headers_count = map.size();
}

std::string_view grpc_message_of(std::string_view s, Arena& arena) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  char* out = static_cast<char*>(arena.allocate(s.size() * 3 + 1, 1));
  char* o = out;
  for (const char c : s) {
    const auto u = static_cast<unsigned char>(c);
    if (u >= 0x20 && u < 0x7e && c != '%') {
      *o++ = c;
    } else {
      *o++ = '%';
      *o++ = kDigits[u >> 4];
      *o++ = kDigits[u & 15];
    }
  }
  return {out, static_cast<std::size_t>(o - out)};
}

void grpc_local_reply(http::ResponseHead& head, std::optional<std::uint32_t> status, std::string_view message) {
  auto& h = head.headers;
  const std::uint32_t code = status.value_or(http::grpc_status_of(head.status));
  head.status = 200;
  h.set(Name::content_type, "application/grpc");
  h.set(Name::grpc_status, decimal(code, h.arena()));
  if (!message.empty()) h.set(Name::grpc_message, grpc_message_of(message, h.arena()));
}

void put_body_headers(http::ResponseHead& head, std::string_view body, std::string_view type) {
  auto& h = head.headers;
  h.set(Name::content_length, decimal(body.size(), h.arena()));
  if (!h.has(Name::content_type)) h.add(Name::content_type, type);
}

void apply_local_reply_config(Stream& s, http::ResponseHead& head, std::string_view& body, std::string_view& type) {
  const LocalReplyConfig& config = s.config().local_reply;
  if (config.mappers.empty() && config.text == nullptr && config.json == nullptr) return;
  Arena& arena = s.arena();
  const format::TextFormat* text = config.text.get();
  const format::JsonFormat* json = config.json.get();
  std::string_view custom_type = config.content_type;
  for (const auto& m : config.mappers) {
    const accesslog::LogContext c{s.format_context(), accesslog::LogType::downstream_end, s.thread().runtime.get(),
                                  &s.thread().random, s.thread().loop.now()};
    if (m.filter != nullptr && !m.filter->pass(c)) continue;
    if (m.status) {
      head.status = *m.status;
      s.info().response_code = *m.status;
    }
    if (m.body) {
      body = *m.body;
      s.info().local_reply_body = body;
    }
    if (m.text != nullptr || m.json != nullptr) {
      text = m.text.get();
      json = m.json.get();
      custom_type = m.content_type;
    }
    m.headers.apply(head.headers, s.format_context());
    break;
  }
  std::string out;
  if (json != nullptr) {
    json->append(s.format_context(), out);
    type = "application/json";
  } else if (text != nullptr) {
    text->append(s.format_context(), format::Missing::dash, out);
    type = "text/plain";
  } else {
    return;
  }
  body = arena.copy(out);
  if (!custom_type.empty()) type = custom_type;
}

}  // namespace outrigger::hcm
