// oauth2: what is signed and encrypted, cookies, URLs, and what comes back from an authorization server. As Envoy 1.40 does.
#include "filters/oauth2.h"

#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <catch2/catch.hpp>
#include "filters/oauth2_crypto.h"
#include "filters/oauth2_state.h"
#include "filters/oauth2_token.h"
#include "proxy/base/json.h"
#include "proxy/tls/openssl.h"

using namespace outrigger;
using namespace outrigger::filters;

namespace {

const std::string kSecret = "secret of the cookies";
// Made by others: of "access", and Envoy's of the verifier below.
const std::string kCbc = "MDEyMzQ1Njc4OWFiY2RlZqd5hgY5weXZQC_98fm2cIU";
const std::string kGcm = "gcm.mybI1HxACL6FXwAhZRJ3DohAOy7OC8uo_uVWoJpXEqgjoflVMnXeePo669lhw_uPxn0jJlM1RLE1AkwCL00o-QIINlLhQC0";
const std::string kVerifier = "gJQZuihCfuXKk42SSlM-Zcl0J3sxv1Gl5_dnLyeXgHI";

struct Cookies {
  explicit Cookies(const std::vector<std::string>& lines) : headers(arena) {
    for (const auto& l : lines) headers.add("cookie", arena.copy(l));
  }
  Arena arena;
  http::HeaderMap headers;
};

}  // namespace

TEST_CASE("what Envoy encrypts is read, and changed bytes are not", "[oauth2]") {
  CHECK(decrypt(kCbc, kSecret, true).text == "access");
  CHECK(decrypt(kCbc, kSecret, true).cbc);
  CHECK(decrypt(kCbc, kSecret, false).error != nullptr);
  CHECK(decrypt(kGcm, kSecret, false).text == kVerifier);
  CHECK_FALSE(decrypt(kGcm, kSecret, true).cbc);
  CHECK(decrypt(kGcm, "another", true).error != nullptr);
  for (std::size_t i = 4; i < kGcm.size(); ++i) {
    auto changed = kGcm;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const auto d = decrypt(changed, kSecret, true);
    CHECK(d.error != nullptr);
    CHECK(d.text.empty());
  }
  for (const char* s : {"", "gcm.", "A", "gcm.AAAA", "MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1Njc4OWFiY2RlZgA", "=", "%%%", " "})
    CHECK(decrypt(s, kSecret, true).error != nullptr);
}

TEST_CASE("what is encrypted here is read again, and is never the same", "[oauth2]") {
  for (const bool gcm : {false, true}) {
    for (const std::size_t n : {0, 1, 15, 16, 17, 5000}) {
      const std::string text(n, 'x');
      const auto sealed = encrypt(text, kSecret, gcm);
      const auto d = decrypt(sealed, kSecret, true);
      if (n > 0 || !gcm) CHECK(d.error == nullptr);
      CHECK(d.text == text);
      CHECK(sealed != encrypt(text, kSecret, gcm));
    }
  }
}

TEST_CASE("tokens against forged requests", "[oauth2]") {
  const auto token = make_csrf_token(kSecret, "00000000000000ab");
  CHECK(token == "00000000000000ab.bhrJFOp74u3WsJ1RTA2VGFwPMizN6cCGDMzGgt/cOcs=");
  CHECK(is_csrf_token(kSecret, token));
  for (const char* s :
       {"", ".", "00000000000000ab", "00000000000000ab.", "00000000000000ac.bhrJFOp74u3WsJ1RTA2VGFwPMizN6cCGDMzGgt/cOcs="})
    CHECK_FALSE(is_csrf_token(kSecret, s));
  CHECK_FALSE(is_csrf_token("another", token));
  CHECK(code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") ==
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");  // RFC 7636
}

TEST_CASE("absolute URLs", "[oauth2]") {
  struct Row {
    const char *url, *host, *host_and_port, *path;
  };
  for (const Row& r : {
           Row{"http://a", "a", "a", "/"},
           Row{"https://a.b-c_d:1/x?y#z", "a.b-c_d", "a.b-c_d:1", "/x?y#z"},
           Row{"http://a?x", "a", "a", "?x"},
           Row{"http://u:p@a:65535/", "a", "a:65535", "/"},
           Row{"http://[::1]:80/x", "::1", "[::1]:80", "/x"},
           Row{"http://[fe80::1%eth0]", "fe80::1%eth0", "[fe80::1%eth0]", "/"},
           Row{"http://a//b/../c", "a", "a", "//b/../c"},
           Row{"", nullptr, nullptr, nullptr},
           Row{"http://a#b", nullptr, nullptr, nullptr},
           Row{"a", nullptr, nullptr, nullptr},
           Row{"//a/b", nullptr, nullptr, nullptr},
           Row{"/a", nullptr, nullptr, nullptr},
           Row{"://a", nullptr, nullptr, nullptr},
           Row{"http://", nullptr, nullptr, nullptr},
           Row{"http:///x", nullptr, nullptr, nullptr},
           Row{"http://a:", nullptr, nullptr, nullptr},
           Row{"http://a:65536", nullptr, nullptr, nullptr},
           Row{"http://a:1:2", nullptr, nullptr, nullptr},
           Row{"http://a b/", nullptr, nullptr, nullptr},
           Row{"http://a/b c", nullptr, nullptr, nullptr},
           Row{"http://a/\r\nx: y", nullptr, nullptr, nullptr},
           Row{"http://a/\xc3\xa9", nullptr, nullptr, nullptr},
           Row{"http://a\\@b/", nullptr, nullptr, nullptr},
           Row{"http://a@b@c/", nullptr, nullptr, nullptr},
           Row{"http://[::1/", nullptr, nullptr, nullptr},
           Row{"http://[]/", nullptr, nullptr, nullptr},
           Row{"http://[::1]x/", nullptr, nullptr, nullptr},
           Row{"ht+tp://a", nullptr, nullptr, nullptr},
           Row{"javascript:alert(1)", nullptr, nullptr, nullptr},
       }) {
    INFO(r.url);
    const auto u = parse_absolute_url(r.url);
    REQUIRE(u.has_value() == (r.host != nullptr));
    if (!u) continue;
    CHECK(u->host == r.host);
    CHECK(u->host_and_port == r.host_and_port);
    CHECK(u->path == r.path);
  }
}

TEST_CASE("hosts that browsers may be sent to", "[oauth2]") {
  const std::vector<std::string> list = {"h.example", "*.example.com", "::1"};
  for (const char* s : {"http://h.example", "https://H.EXAMPLE:1/x", "http://a.example.com", "http://a.b.example.com/",
                        "http://[::1]:2", "http://evil.example@h.example/"})
    CHECK(is_allowed_domain(s, list));
  for (const char* s : {"http://evil.example", "http://example.com", "http://.example.com", "http://h.example.evil.example",
                        "http://h.example@evil.example", "http://evil.example/h.example", "http://evil.example#h.example",
                        "http://evilexample.com", "h.example", "//h.example", "", "http://h.example\\.evil.example"})
    CHECK_FALSE(is_allowed_domain(s, list));
  CHECK(is_allowed_domain("whatever", {}));
}

TEST_CASE("texts in URLs and forms", "[oauth2]") {
  CHECK(url_encode("aZ09-_.~ /?&=%\xc3\xbc") == "aZ09-_.~%20%2F%3F%26%3D%25%C3%BC");
  CHECK(form_encode("a b:/=&?+~%\n") == "a b%3A%2F%3D%26%3F%2B%7E%%0A");
  auto query = raw_query("/x?b=1&a&c=%26=&b=2&&");
  CHECK(query_text(query) == "?=&a=&b=1&b=2&c=%26=");
  CHECK(*find_parameter(query, "b") == "1");
  CHECK(find_parameter(query, "d") == nullptr);
  overwrite_parameter(query, "b", "3");
  CHECK(query_text(query) == "?=&a=&b=3&c=%26=");
  CHECK(raw_query("/x").empty());
}

TEST_CASE("cookies of a request", "[oauth2]") {
  Cookies c({"a=1; b=\"2\";a=3; none;=x", " c =4 ;n=5", "n.1=6; n.=7; nn=8"});
  RequestCookies cookies(c.headers);
  CHECK(cookies.get("a") == "1");
  CHECK(cookies.get("b") == "2");
  CHECK(cookies.get("n", "1") == "6");
  CHECK(cookies.get("n", "2") == "5");
  CHECK_FALSE(cookies.has("none"));
  CHECK(cookies.family("n") == std::vector<std::string_view>{"n", "n.1", "n."});
  cookies.set("a", "9");
  cookies.set("new", "10");
  cookies.erase_family("n");
  cookies.write();
  REQUIRE(c.headers.size() == 1);
  CHECK(c.headers.at(0).value == "a=9; b=2; =x; c =4 ; nn=8; new=10");
  for (const char* name : {"a", "b", "", "c ", "nn", "new"}) cookies.erase(name);
  cookies.write();
  CHECK(c.headers.at(0).value.empty());
}

TEST_CASE("many cookies take little time", "[oauth2]") {
  std::string line;
  for (int i = 0; i < 20000; ++i) line += std::to_string(i % 10000) + "=1;";
  Cookies c({line});
  RequestCookies cookies(c.headers);
  cookies.write();
  CHECK(c.headers.at(0).value.starts_with("0=1; 1=1; "));
  CHECK(c.headers.at(0).value.size() < line.size());
}

TEST_CASE("tokens in several cookies", "[oauth2]") {
  const CookieSettings s{"T"};
  const ChunkLimits limits{100, 4};
  const auto around = set_cookie("T_15", "", s, "", "60").size();
  for (const std::size_t n : {1U, 10U, 55U, 60U, 100U, 200U}) {
    const std::string token(n, 'x');
    std::vector<std::string> set;
    bool split = false;
    const bool fits = add_token_cookies(s, token, "", "60", {}, limits, set, split);
    CHECK(fits == (set_cookie("T", token, s, "", "60").size() <= 100 || n <= 4 * (100 - around)));
    if (!fits) continue;
    std::string line;
    for (const auto& c : set) {
      CHECK(c.size() <= 100);
      line += c.substr(0, c.find(';') + 1);
    }
    Cookies c({line});
    RequestCookies cookies(c.headers);
    HadCookies had;
    CHECK(join_chunks(cookies, "T", had) == (split ? Joined::joined : Joined::nothing));
    CHECK(had.whole == !split);
    CHECK(had.chunks == (split ? set.size() - 1 : 0));
    CHECK(cookies.get("T") == token);
    cookies.write();
    CHECK(c.headers.at(0).value == "T=" + token);
  }
}

TEST_CASE("what is left of tokens is deleted", "[oauth2]") {
  const CookieSettings s{"T"};
  struct Row {
    std::string value;
    HadCookies had;
    std::vector<std::string> want;  // up to the attributes
  };
  for (const Row& r : {
           Row{"", {false, 0}, {}},
           Row{"", {true, 2}, {"T=deleted", "T_chunks=deleted", "T_0=deleted", "T_1=deleted"}},
           Row{"x", {true, 2}, {"T_chunks=deleted", "T_0=deleted", "T_1=deleted", "T=x"}},
           Row{std::string(80, 'x'), {true, 3}, {"T=deleted", "T_2=deleted", "T_0=", "T_1=", "T_chunks=2"}},
           Row{std::string(80, 'x'), {false, 1}, {"T_0=", "T_1=", "T_chunks=2"}},
       }) {
    std::vector<std::string> set;
    bool split = false;
    REQUIRE(add_token_cookies(s, r.value, "", "60", r.had, {100, 4}, set, split));
    REQUIRE(set.size() == r.want.size());
    for (std::size_t i = 0; i < set.size(); ++i) CHECK(set[i].starts_with(r.want[i]));
  }
}

TEST_CASE("chunks that do not fit together", "[oauth2]") {
  for (const char* line : {"T_chunks=", "T_chunks=1;T_0=a", "T_chunks=2;T_0=a", "T_chunks=2;T_1=a", "T_chunks=17;T_0=a",
                           "T_chunks=-2;T_0=a;T_1=b", "T_chunks=2x;T_0=a;T_1=b", "T_chunks=99999999999;T_0=a;T_1=b"}) {
    INFO(line);
    Cookies c({line, "T=whole; T_16=y; T_x=z"});
    RequestCookies cookies(c.headers);
    HadCookies had;
    CHECK(join_chunks(cookies, "T", had) == Joined::malformed);
    CHECK(had.chunks == kChunksMax);
    cookies.write();
    CHECK(c.headers.at(0).value == "T=whole; T_16=y; T_x=z");
  }
}

TEST_CASE("a private key proves who we are", "[oauth2]") {
  using Algorithm = AssertionConfig::Algorithm;
  const bool rsa = GENERATE(true, false);
  const tls::KeyPtr key(rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  const tls::BioPtr bio(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  const std::string pem(data, static_cast<std::size_t>(size));
  AssertionConfig config;
  config.algorithm = rsa ? Algorithm::rs256 : Algorithm::es256;
  config.audience = "https://aud/\"";
  std::string reason;
  const auto token = make_assertion(config, "client", pem, 1000, reason);
  CHECK(reason.empty());
  const auto dot = token.rfind('.'), first = token.find('.');
  std::string claims, signature;
  REQUIRE(decode_plain_base64url(token.substr(first + 1, dot - first - 1), claims));
  REQUIRE(decode_plain_base64url(token.substr(dot + 1), signature));
  const auto json = parse_json_object(claims);
  REQUIRE(json.has_value());
  CHECK(json->field("aud")->text == config.audience);
  CHECK(json->field("exp")->n == 1060);
  CHECK(json->field("jti")->text.size() == 36);
  if (!rsa) {
    REQUIRE(signature.size() == 64);
    const auto* at = reinterpret_cast<const unsigned char*>(signature.data());
    ECDSA_SIG* s = ECDSA_SIG_new();
    ECDSA_SIG_set0(s, BN_bin2bn(at, 32, nullptr), BN_bin2bn(at + 32, 32, nullptr));
    unsigned char* der = nullptr;
    const int length = i2d_ECDSA_SIG(s, &der);
    signature.assign(reinterpret_cast<char*>(der), static_cast<std::size_t>(length));
    OPENSSL_free(der);
    ECDSA_SIG_free(s);
  }
  EVP_MD_CTX* c = EVP_MD_CTX_new();
  REQUIRE(EVP_DigestVerifyInit(c, nullptr, EVP_sha256(), nullptr, key.get()) == 1);
  CHECK(EVP_DigestVerify(c, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                         reinterpret_cast<const unsigned char*>(token.data()), dot) == 1);
  EVP_MD_CTX_free(c);
  config.algorithm = rsa ? Algorithm::es256 : Algorithm::rs256;
  CHECK(make_assertion(config, "client", pem, 1000, reason).empty());
  CHECK(reason ==
        (rsa ? "signing algorithm ES256 requires an EC private key" : "signing algorithm RS256 requires an RSA private key"));
  CHECK(make_assertion(config, "client", "hello", 1000, reason).empty());
  CHECK(reason == "Failed to parse private key PEM for JWT signing");
}

TEST_CASE("tokens of an answer", "[oauth2]") {
  struct Row {
    const char* body;
    const char* reason;  // null: fine
    long expiry = 0;
  };
  constexpr const char *kParse = "Failed to parse oauth response body",
                       *kNone = "No access token found in the token exchange response",
                       *kTime = "No default or explicit access token expiration found in the token exchange response";
  for (const Row& r : {
           Row{R"({"access_token":"a","expires_in":60})", nullptr, 60},
           Row{R"({"accessToken":"a","expiresIn":"60"})", nullptr, 60},
           Row{R"({"access_token":"a","expires_in":60.0,"id_token":null,"x":[{}]})", nullptr, 60},
           Row{R"({"access_token":"","expires_in":1})", nullptr, 1},
           Row{R"({"expires_in":60})", kNone},
           Row{R"({"access_token":null})", kNone},
           Row{R"({"access_token":"a"})", kTime},
           Row{R"({"access_token":"a","expires_in":0})", kTime},
           Row{R"({"access_token":7})", kParse},
           Row{R"({"access_token":"a","id_token":7})", kParse},
           Row{R"({"access_token":"a","expires_in":-1})", kParse},
           Row{R"({"access_token":"a","expires_in":1.5})", kParse},
           Row{R"({"access_token":"a","expires_in":"x"})", kParse},
           Row{R"({"access_token":"a","expires_in":1e300})", kParse},
           Row{R"({"access_token":"a","expires_in":true})", kParse},
           Row{"[]", kParse},
           Row{"", kParse},
       }) {
    INFO(r.body);
    OAuth2Tokens tokens;
    std::string_view reason;
    CHECK(read_tokens(r.body, std::chrono::seconds(0), tokens, reason) == (r.reason == nullptr));
    CHECK(reason == std::string_view(r.reason == nullptr ? "" : r.reason));
    if (r.reason == nullptr) CHECK(tokens.expiry.count() == r.expiry);
  }
}

TEST_CASE("what comes back from an authorization server", "[oauth2]") {
  const auto token = make_csrf_token(kSecret, "ab12");
  Cookies c({"OauthNonce=" + token});
  const RequestCookies cookies(c.headers);
  OAuth2Config config;
  const auto error = [&](const std::string& query) {
    return check_callback("/callback?" + query, cookies, config, kSecret).error;
  };
  const auto with = [&](std::string_view url, std::string_view csrf, std::string_view flow) {
    return "code=x&state=" + encode_state(url, csrf, flow);
  };
  const auto good = check_callback("/callback?" + with("http://h/\"\\", token, "ab12"), cookies, config, kSecret);
  CHECK(good.error.empty());
  CHECK(good.url == "http://h/\"\\");
  CHECK(good.flow == "ab12");
  CHECK(good.code == "x");
  CHECK(error("code=x").starts_with("Code or state"));
  CHECK(error("error=1&" + with("http://h/", token, "ab12")).starts_with("OAuth server returned an error"));
  CHECK(error("code=x&state=%%%") == "State query param is not a valid JSON: ");
  CHECK(error(with("http://h/", "ab12.x", "ab12")) == "CSRF token validation failed");
  CHECK(error(with("http://h/", token, "a;b")) == "CSRF token validation failed");  // it would get into a cookie's name
  CHECK(error(with("http://h/", token, "a\r\nb")) == "CSRF token validation failed");
  CHECK(error(with("/relative", token, "ab12")) == "State url can not be initialized: /relative");
  config.allowed_domains = {"h"};
  CHECK(error(with("http://h@evil/", token, "ab12")).starts_with("State url host is not"));
  CHECK(error(with("http://h:1/", token, "ab12")).empty());
}
