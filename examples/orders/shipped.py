import json
import boto3

aws_lambda = boto3.client("lambda")


def notify(order, customer, product, shipped_at):
    """Notifies a customer that their order has shipped. Returns outcome and reason."""
    response = aws_lambda.invoke(FunctionName="hongyan-local-send", Payload=json.dumps({
        "id": f"order-{order}-shipped", "to": {"account": customer}, "template": "order_shipped",
        "data": {"product": product, "time": shipped_at},
    }))
    payload = json.load(response["Payload"])
    if "FunctionError" in response:  # retry later; the id prevents a duplicate
        raise RuntimeError(f"{payload['errorType']}: {payload['errorMessage']}")
    result = payload["notifications"][0]
    return result["outcome"], result.get("reason", "")


print(*notify("17", "ann", "Blue kettle", "2026-11-20 15:04"))
