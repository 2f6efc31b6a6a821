"""JSON Web Tokens for the scenarios: those signed with a secret are made here, those of private keys were made once and are in
test/data/jwt/signed.json (their header is {"alg", "kid"}, their payload PAYLOAD)."""
import base64
import hashlib
import hmac
import json
import pathlib

SIGNED = json.loads((pathlib.Path(__file__).resolve().parents[2] / "data" / "jwt" / "signed.json").read_text())
SECRET = b"a secret of thirty-two bytes, yes"
LATER, LONG_AGO = 4102444800, 1000000000
PAYLOAD = {"iss": "issuer", "sub": "subject", "aud": "app", "exp": LATER}
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
KIDS = {"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa", "ES256": "es256", "ES384": "es384", "ES512": "es512", "EdDSA": "ed"}


def b64(data):
    if not isinstance(data, (bytes, str)):
        data = json.dumps(data)
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def part(value):
    """A part of a token: what it says, or (a list of one text) what it looks like."""
    return value[0] if isinstance(value, list) else b64(value)


def token(payload=None, header=None, secret=SECRET, signature=None, alg="HS256", **claims):
    """claims: more of them, or, when None, fewer."""
    if payload is None:
        payload = {k: v for k, v in {**PAYLOAD, **claims}.items() if v is not None}
    text = part(header if header is not None else {"alg": alg}) + "." + part(payload)
    made = hmac.new(secret, text.encode(), HASHES.get(alg, hashlib.sha256)).digest()
    return text + "." + (b64(made) if signature is None else part(signature))


def signed(alg, signature=None):
    """By a private key."""
    return b64({"alg": alg, "kid": KIDS[alg]}) + "." + b64(PAYLOAD) + "." + (signature or SIGNED["signatures"][alg])


def secret_key(**more):
    return {"kty": "oct", "k": b64(SECRET), **more}


def jwks(*keys):
    return json.dumps({"keys": list(keys)})


def public_key(name, **more):
    """Without those whose value is None."""
    return {k: v for k, v in {**SIGNED["keys"][name], **more}.items() if v is not None}
