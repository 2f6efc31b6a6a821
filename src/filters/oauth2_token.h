// The filter oauth2's call to the token endpoint: a code or an older token is exchanged for tokens. Worker's thread.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include "filters/oauth2.h"
#include "filters/side_call.h"

namespace outrigger::filters {

struct OAuth2Tokens {
  std::string access, id, refresh;  // the last two: empty when the server gives none
  std::chrono::seconds expiry{};
};

class OAuth2TokenEvents {
 public:
  virtual void on_tokens(OAuth2Tokens&& tokens) = 0;
  /// The server gives none: it says so, is not reached, or does not answer.
  virtual void on_token_refused(std::string_view more) = 0;
  /// Its answer cannot be used.
  virtual void on_token_failure(std::string_view reason) = 0;

 protected:
  ~OAuth2TokenEvents() = default;
};

/// What an answer with status 200 says. False: the reason. (Envoy logs the answer then, which may hold tokens.)
bool read_tokens(std::string_view body, std::chrono::seconds default_expiry, OAuth2Tokens& out, std::string_view& reason);

/// One. An event comes once, possibly before ask() returns.
class OAuth2TokenCall final : private SideCallEvents {
 public:
  OAuth2TokenCall(hcm::Stream& stream, const OAuth2Config& config, OAuth2TokenEvents& told)
      : stream_(stream), config_(config), told_(told), call_(stream, *this) {}
  /// `secret`: of ClientAuth::assertion what was made with the key.
  void exchange_code(std::string_view code, std::string_view redirect_uri, std::string_view verifier, std::string_view secret);
  void exchange_refresh_token(std::string_view token, std::string_view secret);
  void cancel() { call_.cancel(); }

 private:
  void on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap* trailers) override;
  void on_side_failure() override;
  void credentials(std::string& body, std::string_view secret);
  void ask(const std::string& body);

  hcm::Stream& stream_;
  const OAuth2Config& config_;
  OAuth2TokenEvents& told_;
  SideCall call_;
};

}  // namespace outrigger::filters
