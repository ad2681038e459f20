"""Calls WeChat with wechatpy.

Reads one request per line, in JSON, and answers each with one line. Nothing in
here knows how a call looks on the wire: that is wechatpy's part.
"""

import json
import platform
import sys
from importlib.metadata import version
from urllib.parse import urlsplit, urlunsplit

from requests.adapters import HTTPAdapter
from wechatpy.client import WeChatClient


class Elsewhere(HTTPAdapter):
    """Sends what is meant for api.weixin.qq.com to another host.

    wechatpy has that host's name in too many places to be told of another.
    """

    def __init__(self, base):
        super().__init__()
        self.base = urlsplit(base)

    def send(self, request, **options):
        request.url = urlunsplit(urlsplit(request.url)._replace(scheme=self.base.scheme, netloc=self.base.netloc))
        return super().send(request, **options)


clients = {}


def client(app):
    """One for each app, which keeps its token."""
    if app["app_id"] not in clients:
        it = WeChatClient(app["app_id"], app["secret"])
        it._http.trust_env = False
        it._http.mount("https://api.weixin.qq.com/", Elsewhere(app["base"]))
        clients[app["app_id"]] = it
    return clients[app["app_id"]]


def values(fields):
    return {key: {"value": value} for key, value in fields.items()}


def identify(_):
    return {"peer": f"wechatpy {version('wechatpy')}", "runtime": f"Python {platform.python_version()}"}


def token(request):
    return {"token": client(request["app"]).access_token}


def followers(request):
    return {"open_ids": client(request["app"]).user.get_followers()["data"]["openid"]}


def profile(request):
    user = client(request["app"]).user.get(request["open_id"])
    return {"open_id": user["openid"], "union_id": user["unionid"]}


def login(request):
    user = client(request["app"]).wxa.code_to_session(request["code"])
    return {"open_id": user["openid"], "union_id": user["unionid"]}


def template(request):
    program = request["program"]
    program = program and {"appid": program["app_id"], "pagepath": program["page"]}
    sent = client(request["app"]).message.send_template(
        request["open_id"], request["template_id"], values(request["fields"]), url=request["url"], mini_program=program
    )
    return {"message_id": str(sent["msgid"])}


def subscribe(request):
    sent = client(request["app"]).wxa.send_subscribe_message(
        request["open_id"], request["template_id"], values(request["fields"]), page=request["page"]
    )
    return {"message_id": str(sent["msgid"])}


def customer_service(request):
    client(request["app"]).message.send_text(request["open_id"], request["text"])
    return {}


WORK = {
    "identify": identify,
    "token": token,
    "followers": followers,
    "profile": profile,
    "login": login,
    "template": template,
    "subscribe": subscribe,
    "customer_service": customer_service,
}

for line in sys.stdin.buffer:
    request = json.loads(line)
    try:
        answer = WORK[request["do"]](request)
    except Exception as error:  # whatever it is, the other side wants to hear it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
