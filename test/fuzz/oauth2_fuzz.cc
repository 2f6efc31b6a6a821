// What browsers and authorization servers send to the filter oauth2: nothing that was not signed here is taken, what is set as a
// header can be one, and cookies that were written are the same when they are read again.
#include <algorithm>
#include <cstdint>
#include <string>

#include "filters/oauth2_crypto.h"
#include "filters/oauth2_state.h"
#include "filters/oauth2_token.h"
#include "fuzz/check.h"
#include "proxy/http/h1_parser.h"

using namespace outrigger;           // NOLINT: a program of its own
using namespace outrigger::filters;  // NOLINT

namespace {

const std::string kSecret = "a secret that no input has";

void check_url(const std::string& text) {
  const auto u = parse_absolute_url(text);
  if (!u) return check(!is_allowed_domain(text, {"h.example", "*.example"}));
  check(http::can_be_value(text) && text.find(' ') == std::string::npos && !u->host.empty() && !u->path.empty());
  check(u->host.find_first_of("/?#@\\") == std::string_view::npos &&
        u->host_and_port.find_first_of("/?#@\\") == std::string_view::npos);
  const std::string plain = std::string(u->scheme) + "://" + std::string(u->host_and_port) + std::string(u->path);
  const auto again = parse_absolute_url(plain);
  check(again.has_value() && again->host == u->host && again->path == u->path);
  check(is_allowed_domain(text, {std::string(u->host)}));
}

void check_cookies(const std::string& text) {
  Arena arena;
  http::HeaderMap headers(arena);
  headers.add("cookie", text);
  headers.add_copy("cookie", "OauthNonce=" + make_csrf_token("another secret", "ab"));
  RequestCookies cookies(headers);
  OAuth2Config config;
  check(!check_callback("/callback?" + text, cookies, config, kSecret).error.empty());
  check(!check_callback("/callback?code=x&state=" + encode_base64url(text), cookies, config, kSecret).error.empty());
  for (const auto* s : {&config.bearer, &config.id}) {
    HadCookies had;
    const auto joined = join_chunks(cookies, s->name, had);
    check((joined == Joined::nothing) == (had.chunks == 0) && had.chunks <= kChunksMax);
  }
  cookies.write();
  check(headers.size() == 1);
  const std::string first(headers.at(0).value);
  RequestCookies(headers).write();
  RequestCookies(headers).write();
  check(headers.at(0).value.size() <= first.size());
}

/// As the browser keeps it, whatever the client asked for.
void check_state(const std::string& text) {
  Arena arena;
  http::HeaderMap headers(arena);
  const std::string token = make_csrf_token(kSecret, "ab12"), cookie = "OauthNonce=" + token;
  headers.add("cookie", cookie);
  const auto back = check_callback("/callback?code=x&state=" + encode_state(text, token, "ab12"), RequestCookies(headers),
                                   OAuth2Config{}, kSecret);
  if (!back.error.empty()) return check(!parse_absolute_url(text));
  check(back.url == text && back.flow == "ab12" && http::can_be_value(back.url));
  for (const auto& c : {set_cookie("n", token, CookieSettings{"n"}, "", "1"), delete_cookie("n", CookieSettings{"n"}, "", true)})
    check(http::can_be_value(c));
}

void check_crypto(const std::string& text) {
  check(decrypt(text, kSecret, false).error != nullptr);
  check(decrypt("gcm." + text, kSecret, true).error != nullptr);
  for (const bool gcm : {false, true}) {
    const auto d = decrypt(encrypt(text, kSecret, gcm), kSecret, !gcm);
    check((text.empty() && gcm) || (d.error == nullptr && d.text == text));
  }
  check(!is_csrf_token(kSecret, text));
  std::string raw;
  if (decode_plain_base64url(text, raw)) check(encode_base64url(raw) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 16384));
  check_url(text);
  check_cookies(text);
  check_state(text);
  check_crypto(text);
  OAuth2Tokens tokens;
  std::string_view reason;
  check(read_tokens(text, std::chrono::seconds(0), tokens, reason) == reason.empty());
  check(http::can_be_value(url_encode(text)) && url_encode(text).find('&') == std::string::npos);
  return 0;
}
