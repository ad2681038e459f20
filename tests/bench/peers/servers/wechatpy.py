"""A server with wechatpy behind Flask and one worker of gunicorn, as wechatpy's
documentation has it."""

import json
import platform
import sys
from importlib.metadata import version

from flask import Flask, abort, request
from gunicorn.app.base import BaseApplication
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.utils import check_signature

CONFIG = json.loads(sys.argv[1])
CRYPTO = WeChatCrypto(CONFIG["token"], CONFIG["aes_key"], CONFIG["app_id"])

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def answer():
    query = request.args
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    try:
        check_signature(CONFIG["token"], query.get("signature", ""), timestamp, nonce)
        if request.method == "GET":
            return query.get("echostr", "")
        if query.get("encrypt_type", "raw") == "raw":
            message = parse_message(request.data)
            return create_reply(f"收到：{message.content}", message).render()
        signature = query.get("msg_signature", "")
        opened = CRYPTO.decrypt_message(request.data, signature, timestamp, nonce)
        message = parse_message(opened)
        reply = create_reply(f"收到：{message.content}", message).render()
        return CRYPTO.encrypt_message(reply, nonce, timestamp)
    except (InvalidSignatureException, InvalidAppIdException):
        abort(403)


def tell(server):
    _, port = server.LISTENERS[0].sock.getsockname()
    name = f"wechatpy {version('wechatpy')}, flask {version('flask')}, gunicorn {version('gunicorn')}"
    runtime = f"Python {platform.python_version()}"
    print(json.dumps({"name": name, "runtime": runtime, "port": port}), flush=True)


class Server(BaseApplication):
    def load_config(self):
        settings = {"bind": "127.0.0.1:0", "workers": 1, "loglevel": "error", "when_ready": tell}
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self):
        return app


Server().run()
