import json
import boto3

hongyan = boto3.client("lambda")


def tell(order, customer, product, shipped_at):
    """Tells a customer that their order has shipped: what became of it, and why."""
    answer = hongyan.invoke(FunctionName="hongyan-local-send", Payload=json.dumps({
        "id": f"order-{order}-shipped", "to": {"account": customer}, "template": "order_shipped",
        "data": {"product": product, "time": shipped_at},
    }))
    said = json.load(answer["Payload"])
    if "FunctionError" in answer:  # call again later, the id makes it harmless
        raise RuntimeError(f"{said['errorType']}: {said['errorMessage']}")
    report = said["notifications"][0]
    return report["outcome"], report.get("reason", "")


print(*tell("17", "ann", "Blue kettle", "2026-11-20 15:04"))
