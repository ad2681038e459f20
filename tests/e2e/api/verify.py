# Verifies a session as a stranger would: by its issuer's discovery, with PyJWT.
import json
import sys
import urllib.request

import jwt

token = sys.stdin.read().strip()
issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration") as page:
    discovery = json.load(page)
assert discovery["issuer"] == issuer, discovery
keys = jwt.PyJWKClient(discovery["jwks_uri"])
claims = jwt.decode(
    token,
    keys.get_signing_key_from_jwt(token),
    algorithms=discovery["id_token_signing_alg_values_supported"],
    audience="hongyan",
    issuer=issuer,
    options={"require": ["iss", "aud", "sub", "exp", "iat", "nbf", "jti"]},
)
print(claims["sub"])
