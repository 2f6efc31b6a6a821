#include "filters/remote_jwks.h"

#include "proxy/base/log.h"

namespace outrigger::filters {

using http::Name;

void JwksFetch::start() {
  auto* cluster = stream_.worker().clusters.find(from_.cluster);
  if (cluster == nullptr) return told_.on_jwks(nullptr);
  auto& head = call_.head();
  head.method = "GET";
  head.scheme = "http";
  head.path = from_.path;
  head.authority = from_.authority;
  head.headers.add(Name::user_agent, "Go-browser");  // as Envoy's
  if (from_.retries) call_.retry(*from_.retries);
  call_.start(*cluster, Buffer(), from_.timeout, true);
}

void JwksFetch::on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap*) {
  if (head.status != 200) return told_.on_jwks(nullptr);
  std::string text;
  for (std::size_t i = 0; i < body.runs(); ++i) text += body.run(i);
  auto parsed = Jwks::parse(text);
  if (!parsed) {
    LOG_WARN(logger::jwt, "the keys of ", from_.authority, from_.path, " cannot be used: ", parsed.error().detail);
    return told_.on_jwks(nullptr);
  }
  auto keys = std::make_shared<const Jwks>(std::move(*parsed));
  from_.kept[stream_.worker().index % from_.kept.size()] = {keys, stream_.thread().loop.now() + from_.keep};
  told_.on_jwks(std::move(keys));
}

}  // namespace outrigger::filters
