#include "proxy/tls/ciphers.h"

#include <openssl/ssl.h>
#include <algorithm>
#include <cstdint>

namespace outrigger::tls {

namespace {

// What a rule may ask of a suite.
enum Trait : std::uint32_t {
  kEcdheKx = 1,
  kRsaKx = 2,
  kEcdsaAuth = 4,
  kRsaAuth = 8,
  kAesGcm = 16,
  kAesCbc = 32,
  kAes128 = 64,
  kAes256 = 128,
  kChacha = 256,
  kTripleDes = 512,
  kSha1Mac = 1024,
  kSha256Mac = 2048,
  kTls12 = 4096,
};
struct Suite {
  std::uint16_t id;
  std::string_view name, standard;
  std::uint32_t traits;
  int strength;
};
// In BoringSSL's order. PSK suites need keys that no config gives.
constexpr Suite kSuites[] = {
    {0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
     kEcdheKx | kEcdsaAuth | kAesGcm | kAes128 | kTls12, 128},
    {0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
     kEcdheKx | kEcdsaAuth | kAesGcm | kAes256 | kTls12, 256},
    {0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
     kEcdheKx | kEcdsaAuth | kChacha | kTls12, 256},
    {0xc02f, "ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
     kEcdheKx | kRsaAuth | kAesGcm | kAes128 | kTls12, 128},
    {0xc030, "ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
     kEcdheKx | kRsaAuth | kAesGcm | kAes256 | kTls12, 256},
    {0xcca8, "ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", kEcdheKx | kRsaAuth | kChacha | kTls12,
     256},
    {0xc009, "ECDHE-ECDSA-AES128-SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
     kEcdheKx | kEcdsaAuth | kAesCbc | kAes128 | kSha1Mac, 128},
    {0xc013, "ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", kEcdheKx | kRsaAuth | kAesCbc | kAes128 | kSha1Mac,
     128},
    {0xc00a, "ECDHE-ECDSA-AES256-SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
     kEcdheKx | kEcdsaAuth | kAesCbc | kAes256 | kSha1Mac, 256},
    {0xc014, "ECDHE-RSA-AES256-SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", kEcdheKx | kRsaAuth | kAesCbc | kAes256 | kSha1Mac,
     256},
    {0x009c, "AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256", kRsaKx | kRsaAuth | kAesGcm | kAes128 | kTls12, 128},
    {0x009d, "AES256-GCM-SHA384", "TLS_RSA_WITH_AES_256_GCM_SHA384", kRsaKx | kRsaAuth | kAesGcm | kAes256 | kTls12, 256},
    {0x002f, "AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", kRsaKx | kRsaAuth | kAesCbc | kAes128 | kSha1Mac, 128},
    {0x0035, "AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA", kRsaKx | kRsaAuth | kAesCbc | kAes256 | kSha1Mac, 256},
    {0xc023, "ECDHE-ECDSA-AES128-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
     kEcdheKx | kEcdsaAuth | kAesCbc | kAes128 | kSha256Mac | kTls12, 128},
    {0xc027, "ECDHE-RSA-AES128-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
     kEcdheKx | kRsaAuth | kAesCbc | kAes128 | kSha256Mac | kTls12, 128},
    {0x000a, "DES-CBC3-SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", kRsaKx | kRsaAuth | kTripleDes | kSha1Mac, 112},
};
constexpr std::size_t kSuiteCount = std::size(kSuites);
constexpr std::size_t kOfAliases = kSuiteCount - 3;  // the last ones must be asked for by their names

struct Alias {
  std::string_view name;
  std::uint32_t any;  // of these traits, one per kind is enough
};
constexpr Alias kAliases[] = {
    {"ALL", ~0u},         {"kRSA", kRsaKx},    {"kECDHE", kEcdheKx},        {"kEECDH", kEcdheKx},  {"ECDHE", kEcdheKx},
    {"EECDH", kEcdheKx},  {"aRSA", kRsaAuth},  {"aECDSA", kEcdsaAuth},      {"ECDSA", kEcdsaAuth}, {"RSA", kRsaKx},
    {"AES128", kAes128},  {"AES256", kAes256}, {"AES", kAes128 | kAes256},  {"AESGCM", kAesGcm},   {"CHACHA20", kChacha},
    {"3DES", kTripleDes}, {"SHA1", kSha1Mac},  {"SHA", kSha1Mac},           {"SSLv3", kSha1Mac},   {"TLSv1", kSha1Mac},
    {"TLSv1.2", kTls12},  {"HIGH", ~0u},       {"FIPS", kAes128 | kAes256},
};

/// The suites that "A" or "A+B" means; false: no such name.
bool select(std::string_view term, std::vector<bool>& chosen) {
  for (std::size_t i = 0; i < kSuiteCount; ++i)
    if (term == kSuites[i].name || term == kSuites[i].standard) {
      chosen[i] = true;
      return true;
    }
  std::vector<bool> all(kSuiteCount, true);
  for (std::size_t i = kOfAliases; i < kSuiteCount; ++i) all[i] = term == "3DES";
  while (true) {
    const auto part = term.substr(0, term.find('+'));
    const auto* a = std::find_if(std::begin(kAliases), std::end(kAliases), [&](const Alias& x) { return x.name == part; });
    if (a == std::end(kAliases)) return false;
    for (std::size_t i = 0; i < kSuiteCount; ++i) all[i] = all[i] && (kSuites[i].traits & a->any) != 0;
    if (part.size() == term.size()) break;
    term.remove_prefix(part.size() + 1);
  }
  chosen = all;
  return true;
}

class Rules {
 public:
  /// `group`: not 0 within "[...]", the same for its suites.
  Result<void> apply(std::string_view rule, unsigned group) {
    if (rule == "@STRENGTH") {
      std::stable_sort(active_.begin(), active_.end(),
                       [](const Entry& a, const Entry& b) { return kSuites[a.suite].strength > kSuites[b.suite].strength; });
      return {};
    }
    char op = 0;
    if (!rule.empty() && (rule[0] == '-' || rule[0] == '+' || rule[0] == '!')) {
      op = rule[0];
      rule.remove_prefix(1);
    }
    std::vector<bool> chosen(kSuiteCount, false);
    if (!select(rule, chosen)) return invalid("unknown cipher '" + std::string(rule) + "'");
    const auto wanted = [&](const Entry& e) { return static_cast<bool>(chosen[e.suite]); };
    if (op == '+') {
      std::stable_partition(active_.begin(), active_.end(), [&](const Entry& e) { return !wanted(e); });
    } else if (op != 0) {
      std::erase_if(active_, wanted);
      for (std::size_t i = 0; i < kSuiteCount && op == '!'; ++i) killed_[i] = killed_[i] || chosen[i];
    } else {
      for (std::size_t i = 0; i < kSuiteCount; ++i)
        if (chosen[i] && !killed_[i] && !active(i)) active_.push_back({i, group});
    }
    return {};
  }
  std::vector<CipherChoice> suites() const {
    std::vector<CipherChoice> out;
    for (std::size_t i = 0; i < active_.size(); ++i) {
      const auto& s = kSuites[active_[i].suite];
      const bool grouped = active_[i].group != 0 && i + 1 < active_.size() && active_[i + 1].group == active_[i].group;
      out.push_back({s.name, s.id, (s.traits & kEcdsaAuth) != 0, grouped});
    }
    return out;
  }

 private:
  struct Entry {
    std::size_t suite;
    unsigned group;
  };
  bool active(std::size_t suite) const {
    return std::any_of(active_.begin(), active_.end(), [&](const Entry& e) { return e.suite == suite; });
  }
  std::vector<Entry> active_;
  std::vector<bool> killed_ = std::vector<bool>(kSuiteCount, false);
};

struct Named {
  std::string_view name;
  int nid;
};
constexpr Named kGroups[] = {{"X25519", NID_X25519},
                             {"P-256", NID_X9_62_prime256v1},
                             {"P-384", NID_secp384r1},
                             {"P-521", NID_secp521r1},
                             {"P-224", NID_secp224r1}};

struct GroupAlias {
  std::string_view name, group;
};
constexpr GroupAlias kGroupAliases[] = {
    {"x25519", "X25519"}, {"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};

struct SignatureAlgorithm {
  std::string_view name;
  int key, digest;
};
constexpr SignatureAlgorithm kSignatureAlgorithms[] = {{"ecdsa_secp256r1_sha256", EVP_PKEY_EC, NID_sha256},
                                                       {"ecdsa_secp384r1_sha384", EVP_PKEY_EC, NID_sha384},
                                                       {"ecdsa_secp521r1_sha512", EVP_PKEY_EC, NID_sha512},
                                                       {"rsa_pss_rsae_sha256", EVP_PKEY_RSA_PSS, NID_sha256},
                                                       {"rsa_pss_rsae_sha384", EVP_PKEY_RSA_PSS, NID_sha384},
                                                       {"rsa_pss_rsae_sha512", EVP_PKEY_RSA_PSS, NID_sha512},
                                                       {"rsa_pkcs1_sha256", EVP_PKEY_RSA, NID_sha256},
                                                       {"rsa_pkcs1_sha384", EVP_PKEY_RSA, NID_sha384},
                                                       {"rsa_pkcs1_sha512", EVP_PKEY_RSA, NID_sha512},
                                                       {"rsa_pkcs1_sha1", EVP_PKEY_RSA, NID_sha1},
                                                       {"ecdsa_sha1", EVP_PKEY_EC, NID_sha1},
                                                       {"ed25519", EVP_PKEY_ED25519, NID_undef}};

std::string joined(std::span<const std::string_view> names) {
  std::string out;
  for (const auto n : names) {
    if (!out.empty()) out += ':';
    out += n;
  }
  return out;
}

}  // namespace

Result<std::vector<CipherChoice>> parse_cipher_rules(std::span<const std::string> rules) {
  Rules out;
  unsigned groups = 0;
  for (const auto& text : rules) {
    bool in_group = false;
    std::string word;
    const auto end_word = [&]() -> Result<void> {
      const std::string w = std::exchange(word, {});
      if (w.empty()) return {};
      if (in_group && (w[0] == '-' || w[0] == '+' || w[0] == '!' || w[0] == '@'))
        return invalid("'" + w + "' is not allowed within [...]");
      return out.apply(w, in_group ? groups : 0);
    };
    for (const char c : text) {
      const bool separates = c == ':' || c == ';' || c == ',' || c == ' ';
      if (c == '[' ? in_group || !word.empty() : c == ']' || c == '|' ? !in_group : separates && in_group)
        return invalid("'" + text + "' is not a list of ciphers: '" + c + "' is out of place");
      if (c != '[' && c != ']' && c != '|' && !separates) {
        word += c;
        continue;
      }
      if (auto ok = end_word(); !ok) return ok.error();
      if (c == '[') {
        in_group = true;
        ++groups;
      }
      if (c == ']') in_group = false;
    }
    if (in_group) return invalid("'" + text + "' is not a list of ciphers: no ']'");
    if (auto ok = end_word(); !ok) return ok.error();
  }
  auto suites = out.suites();
  if (suites.empty()) return invalid("no cipher is left");
  return suites;
}

std::string cipher_list(std::span<const CipherChoice> suites) {
  std::string out;
  for (const auto& s : suites) {
    out += s.name;
    out += ':';
  }
  return out + "@SECLEVEL=0";  // which keys and digests are good enough is checked as Envoy does
}

std::vector<CipherChoice> order_for_client(std::span<const CipherChoice> suites, std::span<const unsigned char> offered) {
  const auto place = [&](const CipherChoice& c) {
    std::size_t i = 0;
    while (i + 1 < offered.size() && (offered[i] << 8 | offered[i + 1]) != c.id) i += 2;
    return i;
  };
  bool same = true;
  std::vector<CipherChoice> out(suites.begin(), suites.end());
  for (auto first = out.begin(); first != out.end();) {
    auto last = first;
    while (last->as_good_as_next) ++last;
    ++last;
    const auto before = [&](const CipherChoice& a, const CipherChoice& b) { return place(a) < place(b); };
    if (last - first > 1 && !std::is_sorted(first, last, before)) {
      std::stable_sort(first, last, before);
      same = false;
    }
    first = last;
  }
  if (same) out.clear();
  return out;
}

Result<std::string> parse_groups(std::span<const std::string> names) {
  std::vector<std::string_view> out;
  for (const auto& list : names)
    for (std::string_view rest = list; !rest.empty();) {
      const auto name = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
      if (name == "X25519MLKEM768" || name == "MLKEM1024" || name == "X25519Kyber768Draft00")
        return invalid("'" + std::string(name) + "' is known to Envoy and not to OpenSSL 3.0");
      const auto* alias = std::find_if(std::begin(kGroupAliases), std::end(kGroupAliases),
                                       [&](const GroupAlias& x) { return x.name == name; });
      const auto wanted = alias == std::end(kGroupAliases) ? name : alias->group;
      const auto* g = std::find_if(std::begin(kGroups), std::end(kGroups), [&](const Named& x) { return x.name == wanted; });
      if (g == std::end(kGroups) || g->nid == NID_secp224r1)
        return invalid("'" + std::string(name) + "' is not a curve: X25519, P-256, P-384, P-521");
      out.push_back(g->name);
    }
  return joined(out);
}

std::string_view group_name(int nid) noexcept {
  for (const auto& g : kGroups)
    if (g.nid == nid) return g.name;
  return {};
}

Result<std::string> parse_signature_algorithms(std::span<const std::string> names) {
  std::vector<std::string_view> out;
  for (const auto& list : names)
    for (std::string_view rest = list; !rest.empty();) {
      const auto name = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
      const auto* a = std::find_if(std::begin(kSignatureAlgorithms), std::end(kSignatureAlgorithms),
                                   [&](const SignatureAlgorithm& x) { return x.name == name; });
      if (a == std::end(kSignatureAlgorithms)) return invalid("'" + std::string(name) + "' is not a signature algorithm");
      out.push_back(a->name == "ecdsa_sha1" ? "ECDSA+SHA1" : a->name);
    }
  return joined(out);
}

std::string_view signature_algorithm_name(int key_nid, int digest_nid) noexcept {
  for (const auto& a : kSignatureAlgorithms)
    if (a.key == key_nid && (a.digest == digest_nid || a.digest == NID_undef)) return a.name;
  return {};
}

}  // namespace outrigger::tls
