// handle:importPublicKey() and handle:verifySignature(), on OpenSSL. A key is known to a script by the bytes of its DER form.
#include "filters/lua/api.h"
#include "proxy/tls/openssl.h"

namespace outrigger::filters::lua {

namespace {

tls::KeyPtr parse(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return tls::KeyPtr(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
}

/// The text at the index, no longer than the number after it says.
std::string_view sized_text_at(lua_State* L, int index) {
  const auto text = text_at(L, index);
  const double size = luaL_checknumber(L, index + 1);
  if (!(size >= 0 && size <= static_cast<double>(text.size()))) luaL_error(L, "the length is not that of the text");
  return text.substr(0, static_cast<std::size_t>(size));
}

/// Null: it is good.
const char* verify(EVP_PKEY* key, const EVP_MD* hash, std::string_view signature, std::string_view text) {
  const tls::DigestPtr c(EVP_MD_CTX_new());
  if (EVP_DigestVerifyInit(c.get(), nullptr, hash, nullptr, key) != 1) return "Failed to initialize digest verify.";
  const auto bytes = [](std::string_view s) { return reinterpret_cast<const unsigned char*>(s.data()); };
  const int result = EVP_DigestVerify(c.get(), bytes(signature), signature.size(), bytes(text), text.size());
  return result == 1 ? nullptr : "Failed to verify digest. Error code: 0";
}

const EVP_MD* hash_of(std::string_view given) {
  std::string name(given.substr(0, 8));
  for (char& c : name) c = lower(c);
  if (name == "sha1") return EVP_sha1();
  if (name == "sha224") return EVP_sha224();
  if (name == "sha256") return EVP_sha256();
  if (name == "sha384") return EVP_sha384();
  return name == "sha512" ? EVP_sha512() : nullptr;
}

/// key:get()
int get(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushliteral(L, "der");
  lua_rawget(L, 1);
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"get", &get}};

bool is_key(std::string_view der) { return parse(der) != nullptr; }

}  // namespace

int import_public_key(lua_State* L) {
  const auto der = sized_text_at(L, 2);
  lua_newtable(L);
  if (is_key(der)) {
    push(L, der);
    lua_setfield(L, -2, "der");
  }
  luaL_getmetatable(L, kPublicKey);
  lua_setmetatable(L, -2);
  return 1;
}

int verify_signature(lua_State* L) {
  const auto name = text_at(L, 2), der = text_at(L, 3);
  if (!is_key(der)) return luaL_error(L, "invalid public key");
  const auto signature = sized_text_at(L, 4), text = sized_text_at(L, 6);
  Vm::of(L).charge(L, 2000 + text.size() / 16);
  const auto* hash = hash_of(name);
  if (hash == nullptr) {
    lua_pushboolean(L, 0);
    lua_pushfstring(L, "%s is not supported.", lua_tostring(L, 2));
    return 2;
  }
  const char* wrong = verify(parse(der).get(), hash, signature, text);
  lua_pushboolean(L, wrong == nullptr ? 1 : 0);
  if (wrong == nullptr)
    lua_pushnil(L);
  else
    lua_pushstring(L, wrong);
  return 2;
}

void register_public_key(lua_State* L) { register_type(L, kPublicKey, kMethods); }

}  // namespace outrigger::filters::lua
