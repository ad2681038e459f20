"""Answers WeChat's deliveries with wechatpy, as its documentation does it.

Reads one request per line, in JSON, and answers each with one line. The
deliveries come from a file; no HTTP is involved.
"""

import json
import platform
import sys
import time
from importlib.metadata import version

from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import check_signature

CASES = {}


def url_verification(case):
    token = case["token"]

    def answer(delivery):
        query = delivery["query"]
        check_signature(token, query["signature"], query["timestamp"], query["nonce"])
        return query["echostr"]

    return answer


def plain(case):
    token = case["token"]

    def answer(delivery):
        query = delivery["query"]
        check_signature(token, query["signature"], query["timestamp"], query["nonce"])
        message = parse_message(delivery["body"])
        return create_reply(f"收到：{message.content}", message).render()

    return answer


def safe(case):
    crypto = WeChatCrypto(case["token"], case["aes_key"], case["app_id"])

    def answer(delivery):
        query = delivery["query"]
        timestamp, nonce = query["timestamp"], query["nonce"]
        opened = crypto.decrypt_message(delivery["body"], query["msg_signature"], timestamp, nonce)
        message = parse_message(opened)
        reply = create_reply(f"收到：{message.content}", message).render()
        return crypto.encrypt_message(reply, nonce, timestamp)

    return answer


def identify(_):
    return {"peer": f"wechatpy {version('wechatpy')}", "runtime": f"Python {platform.python_version()}"}


def read(request):
    """Makes ready for the cases in a file."""
    with open(request["corpus"], encoding="utf-8") as file:
        for case in json.load(file):
            way = {"url_verification": url_verification, "plain": plain, "safe": safe}[case["mode"]]
            CASES[case["name"]] = (way(case), case["deliveries"])
    return {}


def answers(request):
    """What every delivery of a case is answered."""
    answer, deliveries = CASES[request["case"]]
    return {"answers": [answer(delivery) for delivery in deliveries]}


def rate(request):
    """Deliveries per second, over this many seconds of processor time."""
    answer, deliveries = CASES[request["case"]]
    begin = now = time.process_time()
    count = 0
    while now - begin < request["seconds"]:
        for delivery in deliveries:
            answer(delivery)
        count += len(deliveries)
        now = time.process_time()
    return {"rate": count / (now - begin)}


WORK = {"identify": identify, "read": read, "answers": answers, "rate": rate}

for line in sys.stdin.buffer:
    request = json.loads(line)
    try:
        result = WORK[request["do"]](request)
    except Exception as error:  # whatever it is, the other side wants to hear it
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)
