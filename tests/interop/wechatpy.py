"""Seals and opens WeChat's envelopes with wechatpy.

Reads one request per line, in JSON, and answers each with one line. Nothing in
here knows how an envelope is made: that is wechatpy's part.
"""

import json
import platform
import sys
from importlib.metadata import version

import xmltodict
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.utils import WeChatSigner


def crypto(app):
    return WeChatCrypto(app["token"], app["aes_key"], app["app_id"])


def sign(*parts):
    signer = WeChatSigner()
    signer.add_data(*parts)
    return signer.signature


def identify(_):
    return {"peer": f"wechatpy {version('wechatpy')}", "runtime": f"Python {platform.python_version()}"}


def encrypt(request):
    """A bare text becomes a ciphertext."""
    app = request["app"]
    sealed = PrpCrypto(crypto(app).key).encrypt(request["message"], app["app_id"])
    return {"encrypt": sealed.decode()}


def decrypt(request):
    """A ciphertext becomes a bare text again."""
    app = request["app"]
    try:
        return {"message": PrpCrypto(crypto(app).key).decrypt(request["encrypt"], app["app_id"])}
    except InvalidAppIdException:
        return {"refused": "it is for another app"}


def deliver(request):
    """A message becomes a push, as WeChat would send it: a query and a body.

    The XML is the one that wechatpy writes. It writes none in JSON.
    """
    app, timestamp, nonce = request["app"], request["timestamp"], request["nonce"]
    body = crypto(app).encrypt_message(request["message"], nonce, timestamp)
    envelope = xmltodict.parse(body)["xml"]
    if request["format"] == "json":
        body = json.dumps({"ToUserName": "gh_1", "Encrypt": envelope["Encrypt"]})
    query = [
        ["signature", sign(app["token"], timestamp, nonce)],
        ["timestamp", timestamp],
        ["nonce", nonce],
        ["openid", "oAnn"],
        ["encrypt_type", "aes"],
        ["msg_signature", envelope["MsgSignature"]],
    ]
    return {"query": query, "body": body}


def open_reply(request):
    """A sealed passive reply is verified, decrypted and read."""
    in_json = request["format"] == "json"
    body = request["body"]
    envelope = json.loads(body) if in_json else xmltodict.parse(body)["xml"]
    try:
        message = crypto(request["app"]).decrypt_message(
            envelope, envelope["MsgSignature"], str(envelope["TimeStamp"]), envelope["Nonce"]
        )
    except InvalidSignatureException:
        return {"refused": "its signature is wrong"}
    except InvalidAppIdException:
        return {"refused": "it is for another app"}
    return {"message": message, "fields": json.loads(message) if in_json else xmltodict.parse(message)["xml"]}


WORK = {"identify": identify, "encrypt": encrypt, "decrypt": decrypt, "deliver": deliver, "open": open_reply}

for line in sys.stdin.buffer:
    request = json.loads(line)
    try:
        answer = WORK[request["do"]](request)
    except Exception as error:  # whatever it is, the other side wants to hear it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
