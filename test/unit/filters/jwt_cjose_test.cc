// Tokens against a second implementation (libcjose): what it signs is good here, and of whatever is done to a token both say the
// same.
#include <cjose/cjose.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "filters/jwks.h"
#include "filters/oauth2_crypto.h"
#include "proxy/base/base64.h"
#include "proxy/base/random.h"

using namespace outrigger;
using namespace outrigger::filters;

namespace {

using Key = std::unique_ptr<cjose_jwk_t, decltype([](cjose_jwk_t* k) { cjose_jwk_release(k); })>;
using Signed = std::unique_ptr<cjose_jws_t, decltype([](cjose_jws_t* s) { cjose_jws_release(s); })>;

struct Algorithm {
  const char* name;
  cjose_jwk_t* (*make)();
};
cjose_jwk_t* secret() { return cjose_jwk_create_oct_random(512, nullptr); }
cjose_jwk_t* rsa() { return cjose_jwk_create_RSA_random(2048, nullptr, 0, nullptr); }
const Algorithm kAlgorithms[] = {{"HS256", secret},
                                 {"HS384", secret},
                                 {"HS512", secret},
                                 {"RS256", rsa},
                                 {"RS384", rsa},
                                 {"RS512", rsa},
                                 {"PS256", rsa},
                                 {"PS384", rsa},
                                 {"PS512", rsa},
                                 {"ES256", [] { return cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, nullptr); }},
                                 {"ES384", [] { return cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_384, nullptr); }},
                                 {"ES512", [] { return cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_521, nullptr); }}};

/// A key as both know it.
struct BothKeys {
  explicit BothKeys(const Algorithm& a) : theirs(a.make()) {
    REQUIRE(theirs != nullptr);
    const bool secret = cjose_jwk_get_kty(theirs.get(), nullptr) == CJOSE_JWK_KTY_OCT;
    const std::unique_ptr<char, decltype(&std::free)> json(cjose_jwk_to_json(theirs.get(), secret, nullptr), &std::free);
    REQUIRE(json != nullptr);
    auto set = Jwks::parse("{\"keys\":[" + std::string(json.get()) + "]}");
    REQUIRE(set.has_value());
    ours = std::make_unique<Jwks>(std::move(*set));
  }
  Key theirs;
  std::unique_ptr<Jwks> ours;

  bool good_here(const std::string& token) const {
    Jwt jwt;
    return jwt.parse(token) == JwtStatus::ok && ours->check(jwt) == JwtStatus::ok;
  }
  bool good_there(const std::string& token) const {
    const Signed s(cjose_jws_import(token.data(), token.size(), nullptr));
    return s != nullptr && cjose_jws_verify(s.get(), theirs.get(), nullptr);
  }
};

std::string sign(const BothKeys& key, const char* algorithm, const std::string& payload) {
  cjose_header_t* header = cjose_header_new(nullptr);
  REQUIRE(cjose_header_set(header, CJOSE_HDR_ALG, algorithm, nullptr));
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload.data());
  const Signed s(cjose_jws_sign(key.theirs.get(), header, bytes, payload.size(), nullptr));
  cjose_header_release(header);
  const char* text = nullptr;
  REQUIRE((s != nullptr && cjose_jws_export(s.get(), &text, nullptr)));
  return text;
}

std::string random_payload(Random& random) {
  std::string text(random.below(300), ' ');
  for (char& c : text) c = static_cast<char>('0' + random.below(10));
  return R"({"iss":"i","exp":)" + std::to_string(random.below(1U << 31)) + R"(,"n":")" + text + "\"}";
}

struct Parts {
  explicit Parts(const std::string& token) {
    const auto dot = token.find('.'), last = token.rfind('.');
    const std::string_view parts[] = {std::string_view(token).substr(0, dot),
                                      std::string_view(token).substr(dot + 1, last - dot - 1),
                                      std::string_view(token).substr(last + 1)};
    for (int i = 0; i < 3; ++i) REQUIRE(decode_base64url(parts[i], bytes[i]));
  }
  std::string text() const {
    return encode_base64url(bytes[0]) + '.' + encode_base64url(bytes[1]) + '.' + encode_base64url(bytes[2]);
  }
  std::string bytes[3];  // header, payload, signature
};

/// Something else is wrong with each.
std::vector<std::string> spoiled(const std::string& token, const std::string& other, Random& random) {
  std::vector<std::string> all;
  for (const int part : {1, 2}) {
    Parts p(token);
    p.bytes[part][random.below(p.bytes[part].size())] ^= static_cast<char>(1 << random.below(8));
    all.push_back(p.text());
  }
  for (const auto& a : kAlgorithms) {
    Parts p(token);
    p.bytes[0] = R"({"alg":")" + std::string(a.name) + "\"}";
    if (p.bytes[0] != Parts(token).bytes[0]) all.push_back(p.text());
  }
  Parts p(token);
  p.bytes[2] = Parts(other).bytes[2];
  all.push_back(p.text());
  if (!p.bytes[0].starts_with(R"({"alg":"ES)")) {  // of whose halves neither sees an odd byte at the end, as in Envoy
    p.bytes[2] = Parts(token).bytes[2] + '\0';
    all.push_back(p.text());
  }
  p.bytes[2].clear();
  all.push_back(p.text());
  p.bytes[0] = R"({"alg":"none"})";
  all.push_back(p.text());
  all.push_back(token.substr(0, token.rfind('.')));
  return all;
}

}  // namespace

TEST_CASE("two implementations say the same of tokens", "[filters][jwt]") {
  Random random(20261127);
  const BothKeys stranger(kAlgorithms[3]);  // an RSA key of somebody else
  std::vector<std::unique_ptr<BothKeys>> keys;
  for (const auto& a : kAlgorithms) {
    INFO(a.name);
    const bool same_key = !keys.empty() && a.make == kAlgorithms[keys.size() - 1].make;
    keys.push_back(same_key ? std::move(keys.back()) : std::make_unique<BothKeys>(a));
    const auto& key = *keys.back();
    for (int round = 0; round < 8; ++round) {
      const auto token = sign(key, a.name, random_payload(random)), other = sign(key, a.name, random_payload(random));
      CHECK(key.good_here(token));
      CHECK(key.good_there(token));
      CHECK_FALSE(stranger.good_here(token));
      Parts shorter(token);  // one that began with a zero is as good there
      shorter.bytes[2].erase(0, 1);
      CHECK_FALSE(key.good_here(shorter.text()));
      for (const auto& bad : spoiled(token, other, random)) {
        INFO(bad);
        // Theirs takes a key for whatever kind the header wants, and reads past it.
        if (bad.starts_with(token.substr(0, token.find('.') + 1))) CHECK_FALSE(key.good_there(bad));
        CHECK_FALSE(key.good_here(bad));
      }
    }
  }
}

TEST_CASE("workers check tokens with one key at once", "[filters][jwt]") {
  for (const auto* name : {"RS256", "PS512", "ES384"}) {
    INFO(name);
    const BothKeys key(
        *std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms), [&](auto& a) { return a.name == std::string(name); }));
    const auto token = sign(key, name, R"({"iss":"i"})"), other = sign(key, name, R"({"iss":"j"})");
    Parts p(token);
    p.bytes[2] = Parts(other).bytes[2];
    const auto bad = p.text();
    std::array<int, 2> right{};
    const auto work = [&](int& count) {
      for (int i = 0; i < 50; ++i) count += static_cast<int>(key.good_here(token)) + static_cast<int>(!key.good_here(bad));
    };
    std::thread second([&] { work(right[1]); });
    work(right[0]);
    second.join();
    CHECK(right == std::array<int, 2>{100, 100});
  }
}
